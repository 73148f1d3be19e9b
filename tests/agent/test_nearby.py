import os
import subprocess
from pathlib import Path

import pytest

from kcode.agent.nearby import told
from kcode.errors import BadInput
from kcode.events import ApprovalAsked, Condensed
from kcode.memory import proposals
from kcode.messages import Prompt, ToolResult
from tests.playing import WIRES, Play, WireName, call, calls, playing, say, scenario


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "work"
    write(root / "main.py", "x = 1\n")
    write(root / "pkg/AGENTS.md", "Cents only.")
    write(root / "pkg/a.py", "a = 1\n")
    write(root / "pkg/b.py", "b = 1\n")
    write(root / ".cursor/rules/sql.mdc", "---\nglobs: *.sql\n---\nUpper case.")
    write(root / "q.sql", "select 1;\n")
    return root


def notes(play: Play) -> list[str]:
    return [message.notes for message in play.messages if isinstance(message, ToolResult)]


async def test_the_rules_of_a_folder_come_with_the_first_result_from_there_and_once(root: Path) -> None:
    steps = [
        call("read", path="main.py"),
        calls(call("read", path="pkg/a.py"), call("read", path="pkg/b.py")),
        call("edit", path="pkg/a.py", edits=[{"old": "a = 1", "new": "a = 2"}]),
        say("Done."),
    ]
    with playing(scenario(*steps), root) as play:
        await play.session.prompt("go")
        assert "Cents only" not in play.session.task.conversation.project
        heard = notes(play)
        assert heard[0] == heard[3] == ""
        assert sorted(heard[1:3]) == [
            "",
            '<rules from="pkg/AGENTS.md">\nIn pkg/, above those of outer folders:\nCents only.\n</rules>',
        ]
        assert str(play.provider.requests[-1].body).count("Cents only.") == 1


async def test_what_was_sent_before_stays_as_it_was(root: Path) -> None:
    steps = [call("read", path="main.py"), call("read", path="pkg/a.py"), say("Done.")]
    with playing(scenario(*steps), root, "openai") as play:
        await play.session.prompt("go")
        *_, before, last = (request.body["messages"] for request in play.provider.requests)
        assert last[: len(before)] == before


async def test_rules_for_certain_files_come_with_such_a_file(root: Path) -> None:
    steps = [call("read", path="main.py"), call("read", path="q.sql"), say("Done.")]
    with playing(scenario(*steps), root) as play:
        await play.session.prompt("go")
        assert [bool(one) for one in notes(play)] == [False, True]
        assert "Upper case." in notes(play)[1]


async def test_the_rules_survive_condensing_and_are_not_told_again(root: Path) -> None:
    steps = [
        call("read", path="pkg/a.py"),
        say("Read."),
        say("A summary."),
        call("read", path="pkg/b.py"),
        say("Done."),
    ]
    with playing(scenario(*steps), root) as play:
        await play.session.prompt("read it")
        await play.session.condense()
        assert play.told(Condensed)[0].summary.count("Cents only.") == 1
        await play.session.prompt("go on")
        assert notes(play)[-1] == ""
        assert [block.source for block in told(play.messages)] == ["pkg/AGENTS.md"]


async def test_rules_that_cannot_be_read_do_not_undo_what_was_done(root: Path, kcode_home: Path) -> None:
    steps = [
        call("write", path="pkg/c.py", text="c = 1\n"),
        call("read", path="pkg/c.py"),
        say("Done."),
    ]
    with playing(scenario(*steps), root) as play:
        write(kcode_home / "data/rules.json", "no json")
        assert await play.session.prompt("go") == "Done."
        assert "rules.json cannot be read" in notes(play)[0]
        assert notes(play)[1] == ""
    assert (root / "pkg/c.py").exists()


async def test_in_safe_mode_no_rules_come(root: Path) -> None:
    steps = [call("read", path="pkg/a.py"), say("Done.")]
    with playing(scenario(*steps), root, safe_mode=True) as play:
        await play.session.prompt("go")
        assert notes(play) == [""]


async def test_a_mode_comes_with_its_own_rules(root: Path) -> None:
    write(root / ".roo/rules-architect/plan.md", "Number the steps.")
    with playing(scenario(say("Hm.")), root, mode="architect") as play:
        await play.session.prompt("plan")
        first = play.messages[0]
        assert isinstance(first, Prompt) and "Number the steps." in first.notes
        assert "Number the steps." not in play.session.task.conversation.project


async def test_what_the_user_wants_remembered_is_written_down_and_told_with_the_next_prompt(
    root: Path,
) -> None:
    with playing(scenario(say("Hm.")), root) as play:
        made = await play.session.remember("tests need redis")
        assert made.path == ".kcode/memory/notes.md"
        await play.session.prompt("go")
        first = play.messages[0]
        assert isinstance(first, Prompt)
        assert "The user wrote into .kcode/memory/notes.md: tests need redis" in first.notes


PROPOSAL = call("memory", path=".kcode/memory/tech.md", text="- tests need redis")["calls"]


@pytest.fixture
def remembering(root: Path) -> Path:
    write(root / ".kcode/memory/tech.md", "# Tech\n\n- Python\n")
    return root


async def test_a_topic_that_is_stale_says_so_when_it_is_read(remembering: Path) -> None:
    topic = write(remembering / ".kcode/memory/tech.md", "See `main.py`.")
    os.utime(topic, (1, 1))
    with playing(scenario(call("read", path=".kcode/memory/tech.md"), say("Hm.")), remembering) as play:
        await play.session.prompt("go")
        assert notes(play) == ["Stale: main.py changed since it was written."]


async def test_a_proposal_beside_the_last_words_costs_no_further_request(remembering: Path) -> None:
    with playing(
        scenario({"text": "All done.", "calls": PROPOSAL}), remembering, set=("memory.update='auto'",)
    ) as play:
        assert await play.session.prompt("go") == "All done."
        assert len(play.provider.requests) == 1
        assert (
            remembering / ".kcode/memory/tech.md"
        ).read_text() == "# Tech\n\n- Python\n- tests need redis\n"
        assert play.session.task.conversation.is_at_rest


@pytest.mark.parametrize("wire", WIRES)
async def test_the_talk_goes_on_after_a_proposal(wire: WireName, remembering: Path) -> None:
    lanes = [
        {"match": "and more", "steps": [say("More.", expect="Kept as a proposal")]},
        {"match": "go", "steps": [{"text": "All done.", "calls": PROPOSAL}]},
    ]
    with playing(scenario(lanes=lanes), remembering, wire) as play:
        await play.session.prompt("go")
        with pytest.raises(BadInput, match="nothing to go on with"):
            await play.session.work()
        assert await play.session.prompt("and more") == "More."
        assert play.provider.mismatches == []


async def test_where_nobody_is_asked_a_proposal_is_kept_and_the_task_ends_well(remembering: Path) -> None:
    with playing(scenario({"text": "All done.", "calls": PROPOSAL}), remembering) as play:
        assert await play.session.prompt("go") == "All done."
    assert (remembering / ".kcode/memory/tech.md").read_text() == "# Tech\n\n- Python\n"
    assert [one.text for one in proposals.kept(remembering)] == ["- tests need redis"]


async def test_the_user_accepts_a_proposal_by_the_diff(remembering: Path) -> None:
    with playing(
        scenario({"text": "All done.", "calls": PROPOSAL}), remembering, someone_answers=True
    ) as play:
        shown: list[str] = []

        def answer(event: object) -> None:
            if preview := getattr(event, "preview", ""):
                shown.append(preview)
                play.session.answer(event.id, "once")  # type: ignore[attr-defined]

        play.session.listen(answer)
        await play.session.prompt("go")
    assert shown[0].endswith("+- tests need redis\n")
    assert "redis" in (remembering / ".kcode/memory/tech.md").read_text()


async def test_always_holds_for_all_that_is_proposed_later_and_for_nothing_else(remembering: Path) -> None:
    edit = call("write", path="new.txt", text="x")
    with playing(
        scenario({"calls": PROPOSAL}, {"calls": PROPOSAL}, edit, say("Done.")),
        remembering,
        someone_answers=True,
        permission_mode="ask",
    ) as play:

        def answer(event: object) -> None:
            if isinstance(event, ApprovalAsked):
                play.session.answer(event.id, "always")

        play.session.listen(answer)
        await play.session.prompt("go")
        asked = [(event.name, event.reason, event.always) for event in play.told(ApprovalAsked)]
    assert asked == [
        ("memory", "later sessions will hear it", "all that it wants to remember"),
        ("write", "edits need your yes", "all edits in the workspace"),
    ]


async def test_a_proposal_that_the_user_declines_costs_no_further_request(remembering: Path) -> None:
    with playing(
        scenario({"text": "All done.", "calls": PROPOSAL}), remembering, someone_answers=True
    ) as play:

        def answer(event: object) -> None:
            if getattr(event, "preview", ""):
                play.session.answer(event.id, "no")  # type: ignore[attr-defined]

        play.session.listen(answer)
        assert await play.session.prompt("go") == "All done."
        assert len(play.provider.requests) == 1
    assert "redis" not in (remembering / ".kcode/memory/tech.md").read_text()


async def test_a_proposal_that_came_to_nothing_or_comes_without_words_is_answered(remembering: Path) -> None:
    steps = [
        {"text": "Done.", "calls": call("memory", path="elsewhere.md", text="x")["calls"]},
        {"calls": PROPOSAL},
        say("So."),
    ]
    with playing(scenario(*steps), remembering, set=("memory.update='auto'",)) as play:
        assert await play.session.prompt("go") == "So."


async def test_the_memory_tool_is_offered_only_where_there_is_a_bank_that_may_grow(
    remembering: Path, root: Path
) -> None:
    def offered(play: Play) -> bool:
        return "memory" in play.session.task.tools

    with playing(scenario(say("Hm.")), remembering) as play:
        assert offered(play)
    with playing(scenario(say("Hm.")), remembering, set=("memory.update='never'",)) as play:
        assert not offered(play)
        assert "<memory" in play.session.task.conversation.project
    with playing(scenario(say("Hm.")), remembering, set=("memory.use=false",)) as play:
        assert not offered(play)
        assert "<memory" not in play.session.task.conversation.project
    (remembering / ".kcode/memory/tech.md").unlink()
    with playing(scenario(say("Hm.")), root) as play:
        assert not offered(play)


async def test_a_worktree_has_the_rules_of_its_own_files(root: Path) -> None:
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "x"]):
        subprocess.run(["git", *arguments], cwd=root, check=True)
    with playing(scenario(say("Hm.")), root) as play:
        task = play.session.task
        copy = root.parent / "copy"
        write(copy / "pkg/AGENTS.md", "Of the copy.")
        near = play.session.tree._equipment.project.near(copy / "pkg/a.py", copy)
        assert [rule.text.splitlines()[-1] for rule in near] == ["Of the copy."]
        assert task.near(root / "pkg/a.py")[0].name == "pkg/AGENTS.md"

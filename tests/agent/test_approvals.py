import asyncio
from pathlib import Path
from typing import Any

import pytest

from kcode.errors import BadInput
from kcode.events import ApprovalAsked, Event, MessageAdded, QuestionAsked
from kcode.messages import ToolResult
from kcode.processes.sandbox import why_not
from tests.playing import Play, call, calls, playing, say, scenario

LINES = "".join(f"line {number}\n" for number in range(1, 41))
EDITS = [{"old": f"line {number}\n", "new": f"LINE {number}\n"} for number in (5, 20, 35)]


def answering(play: Play, **answer: Any) -> list[ApprovalAsked]:
    """Each question of the session gets this answer; what was asked."""
    asked: list[ApprovalAsked] = []

    def hear(event: Event) -> None:
        if isinstance(event, ApprovalAsked):
            asked.append(event)
            asyncio.get_running_loop().call_soon(lambda: play.session.answer(event.id, **answer))

    play.session.listen(hear)
    return asked


def results(play: Play) -> list[str]:
    return [message.text for message in play.messages if isinstance(message, ToolResult)]


async def test_of_an_edit_only_the_hunks_are_made_that_were_accepted(repository: Path) -> None:
    (repository / "long.txt").write_text(LINES)
    script = scenario(call("edit", path="long.txt", edits=EDITS), say("Done."))
    with playing(script, repository, someone_answers=True, permission_mode="ask") as play:
        asked = answering(play, answer="once", hunks=(0, 2))
        await play.session.prompt("shout")
        text = (repository / "long.txt").read_text()
        assert asked[0].hunks == 3
        assert "LINE 5\n" in text and "line 20\n" in text and "LINE 35\n" in text
        assert (
            "The user declined the changes from line 17 (of the old file): they were not made."
            in results(play)[0]
        )
        assert "+2 -2" in results(play)[0]


async def test_of_a_rewritten_file_hunks_may_be_declined_too(repository: Path) -> None:
    (repository / "long.txt").write_text(LINES)
    new = LINES.replace("line 5\n", "five\n").replace("line 30\n", "thirty\n")
    script = scenario(call("read", path="long.txt"), call("write", path="long.txt", text=new), say("Done."))
    with playing(script, repository, someone_answers=True, permission_mode="ask") as play:
        answering(play, answer="once", hunks=(1,))
        await play.session.prompt("shout")
        assert (repository / "long.txt").read_text() == LINES.replace("line 30\n", "thirty\n")


async def test_a_new_file_is_all_or_nothing(repository: Path) -> None:
    script = scenario(call("write", path="new.txt", text="a\n"), say("Done."))
    with playing(script, repository, someone_answers=True, permission_mode="ask") as play:
        asked = answering(play, answer="once")
        await play.session.prompt("write")
        assert asked[0].hunks == 0
        assert (repository / "new.txt").read_text() == "a\n"


async def test_a_command_is_shown_with_what_is_thought_of_its_parts(repository: Path) -> None:
    script = scenario(call("shell", command="echo a && touch b | cat"), say("Done."))
    with playing(script, repository, someone_answers=True, permission_mode="ask") as play:
        asked = answering(play, answer="once")
        await play.session.prompt("go")
        verdicts = [(part.text, part.verdict) for part in asked[0].parts]
        assert ("echo a", "allow") in verdicts and ("touch b", "ask") in verdicts


async def test_the_like_of_a_command_is_allowed_by_a_pattern(repository: Path) -> None:
    script = scenario(
        calls(call("shell", command="touch one"), call("shell", command="touch two")),
        call("shell", command="mkdir three"),
        say("Done."),
    )
    with playing(script, repository, someone_answers=True, permission_mode="ask") as play:
        asked = answering(play, answer="like")
        await play.session.prompt("go")
        assert [(one.preview, one.like) for one in asked] == [
            ("touch one", "shell(touch *)"),
            ("mkdir three", "shell(mkdir *)"),
        ]
        assert (repository / "two").exists()


async def test_the_like_of_an_edit_is_its_folder(repository: Path) -> None:
    script = scenario(
        calls(call("write", path="docs/a.md", text="a"), call("write", path="docs/b.md", text="b")),
        call("write", path="other/c.md", text="c"),
        say("Done."),
    )
    with playing(script, repository, someone_answers=True, permission_mode="ask") as play:
        asked = answering(play, answer="like")
        await play.session.prompt("go")
        assert [one.like for one in asked] == ["edit(docs/**)", "edit(other/**)"]


async def test_no_pattern_is_offered_where_a_rule_wants_it_asked(repository: Path) -> None:
    script = scenario(call("shell", command="touch one"), say("Done."))
    rules = ('permissions.ask=["shell(touch *)"]',)
    with playing(script, repository, someone_answers=True, permission_mode="ask", set=rules) as play:
        asked = answering(play, answer="like")
        await play.session.prompt("go")
        assert asked[0].like == ""


async def test_a_yes_does_not_hold_when_the_mode_denies_it_by_then(repository: Path) -> None:
    script = scenario(call("shell", command="echo x > new.txt"), say("Done."))
    with playing(script, repository, someone_answers=True, permission_mode="ask") as play:

        def hear(event: Event) -> None:
            if isinstance(event, ApprovalAsked):
                play.session.permissions.mode = "plan"
                asyncio.get_running_loop().call_soon(lambda: play.session.answer(event.id, "once"))

        play.session.listen(hear)
        await play.session.prompt("go")
        assert "Plan mode only reads" in results(play)[0]
        assert not (repository / "new.txt").exists()


async def test_a_link_that_is_swapped_while_it_is_asked_is_asked_again(
    repository: Path, tmp_path: Path
) -> None:
    """The diff is the same for both, the file is another."""
    for folder in (repository, tmp_path):
        (folder / "same.txt").write_text("one\n")
    (repository / "link.txt").symlink_to("same.txt")
    edits = [{"old": "one", "new": "two"}]
    script = scenario(call("edit", path="link.txt", edits=edits), say("Done."))
    with playing(script, repository, someone_answers=True, permission_mode="ask") as play:
        asked: list[ApprovalAsked] = []

        def hear(event: Event) -> None:
            if isinstance(event, ApprovalAsked):
                asked.append(event)
                (repository / "link.txt").unlink()
                (repository / "link.txt").symlink_to(tmp_path / "same.txt")
                word = "once" if len(asked) == 1 else "no"
                asyncio.get_running_loop().call_soon(lambda: play.session.answer(event.id, word))

        play.session.listen(hear)
        await play.session.prompt("go")
        assert len(asked) == 2
        assert (tmp_path / "same.txt").read_text() == "one\n"


async def test_the_same_call_with_other_arguments_is_asked_again(repository: Path) -> None:
    several = [call("shell", command=f"touch {name}") for name in ("a.new", "a.new", "b.new")]
    with playing(
        scenario(*several, say("Done.")), repository, someone_answers=True, permission_mode="ask"
    ) as play:
        asked = answering(play, answer="always")
        await play.session.prompt("go")
        assert [one.preview for one in asked] == ["touch a.new", "touch b.new"]


async def test_auto_without_a_sandbox_asks_first(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    script, rules = scenario(say("Done.")), ('sandbox.mode="auto"',)
    with playing(script, repository, someone_answers=True, permission_mode="ask", set=rules) as play:
        words = iter(("No", "Yes, without a sandbox"))

        def hear(event: Event) -> None:
            if isinstance(event, QuestionAsked):
                assert "without a sandbox" in event.text
                word = next(words)
                asyncio.get_running_loop().call_soon(lambda: play.session.answer(event.id, word))

        play.session.listen(hear)
        assert await play.session.permit("auto") == "ask"
        assert play.session.permissions.mode == "ask"
        assert await play.session.permit("auto") == "auto"
        assert play.session.permissions.unconfined(repository) is None


@pytest.mark.skipif(why_not(Path("/nowhere")) is not None, reason="there is no sandbox here")
async def test_what_nobody_approved_runs_in_the_sandbox_and_what_the_user_approved_does_not(
    repository: Path, tmp_path: Path
) -> None:
    commands = [call("shell", command=f"touch {tmp_path / name}; echo done") for name in ("first", "second")]
    rules = ('sandbox.mode="auto"',)
    with playing(scenario(*commands, say("Done.")), repository, someone_answers=True, set=rules) as play:
        assert (await play.session.permit("auto")).startswith("auto (")
        play.session.listen(lambda event: _ask_from_now_on(play, event))
        answering(play, answer="once")
        await play.session.prompt("go")
    assert len(results(play)) == 2
    assert not (tmp_path / "first").exists() and (tmp_path / "second").exists()


def _ask_from_now_on(play: Play, event: Event) -> None:
    if isinstance(event, MessageAdded) and isinstance(event.message, ToolResult):
        play.session.permissions.mode = "ask"


def test_where_nobody_answers_auto_without_a_sandbox_is_refused_before_it_begins(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    script, rules = scenario(say("Done.")), ('sandbox.mode="auto"',)
    with pytest.raises(BadInput, match="--yolo"), playing(script, repository, set=rules):
        pass
    with (
        pytest.raises(BadInput, match=r'sandbox\.mode = "on"'),
        playing(script, repository, permission_mode="ask", set=('sandbox.mode="on"',)),
    ):
        pass
    with playing(script, repository, set=rules, yolo=True) as play:
        assert play.session.permissions.sandbox(repository) is None

import asyncio
from pathlib import Path
from typing import Any

import pytest

from kcode.agent.task import Conversation
from kcode.events import (
    MAIN,
    MessageAdded,
    ModeChanged,
    Noticed,
    QuestionAsked,
    Spent,
    TaskEnded,
    TaskStarted,
)
from kcode.memory import log
from kcode.messages import Prompt, Reply, ToolResult
from kcode.scripted import shared_prefix
from tests.playing import DOLLARS, NAME, Play, WireName, call, calls, playing, say

ORCHESTRATOR: dict[str, Any] = {"mode": "orchestrator"}


def lanes(**steps: list[dict[str, Any]]) -> dict[str, Any]:
    """A lane for each word that its prompt holds."""
    return {
        "lanes": [{"match": word.upper(), "steps": list(several)} for word, several in steps.items()],
        "prices": {NAME: DOLLARS},
    }


def delegate(mode: str, message: str, **more: Any) -> dict[str, Any]:
    return call("delegate", mode=mode, message=message, **more)


def results(play: Play) -> list[ToolResult]:
    """In the order of their calls."""
    found = {message.call_id: message for message in play.messages if isinstance(message, ToolResult)}
    replies = [message for message in play.messages if isinstance(message, Reply)]
    return [found[one.id] for reply in replies for one in reply.calls]


async def test_a_subtask_hears_its_message_alone_and_its_parent_what_came_of_it(repository: Path) -> None:
    script = lanes(
        plan=[delegate("code", "CHILD: write a", expected="the path"), say("All done.")],
        child=[call("write", path="a.txt", text="a\n"), say("Wrote a.txt.")],
    )
    with playing(script, repository, **ORCHESTRATOR) as play:
        assert await play.session.prompt("PLAN it, secretly") == "All done."
        (result,) = results(play)
        assert result.ok and result.text.startswith("Wrote a.txt.")
        assert "a.txt +1 -0" in result.text and "Task 1: $" in result.text
        assert (repository / "a.txt").read_text() == "a\n"
        first = next(r for r in play.provider.requests if b"CHILD" in r.raw and b"PLAN it" not in r.raw)
        assert b"the path" in first.raw and b"secretly" not in first.raw
        started = next(event for event in play.told(TaskStarted) if event.task == "1")
        assert (started.parent, started.mode, started.title) == (MAIN, "code", "CHILD: write a")
        assert play.provider.mismatches == []


async def test_the_ledger_knows_each_task_and_equals_the_invoice(repository: Path) -> None:
    script = lanes(
        plan=[delegate("code", "CHILD: go"), say("Done.")],
        child=[call("read", path="README.md"), delegate("ask", "DEEP: look"), say("Seen.")],
        deep=[say("There.")],
    )
    with playing(script, repository, **ORCHESTRATOR) as play:
        await play.session.prompt("PLAN")
        rows = play.started.ledger.rows(session=play.session.id)
        assert {row.task for row in rows} == {MAIN, "1", "1.1"}
        assert play.billed == sum(row.micro_dollars or 0 for row in play.provider.invoice)
        assert {event.task for event in play.told(Spent)} == {MAIN, "1", "1.1"}


@pytest.mark.parametrize("wire", ["anthropic", "openai"])
async def test_modes_subtasks_and_worktrees_send_the_same_prefix(repository: Path, wire: WireName) -> None:
    (repository / "AGENTS.md").write_text("Cents only.\n" * 50)
    script = lanes(
        plan=[calls(delegate("code", "FIRST: a"), delegate("debug", "SECOND: b")), say("Done.")],
        first=[call("write", path="a.txt", text="a\n"), say("A.")],
        second=[call("write", path="b.txt", text="b\n"), say("B.")],
    )
    with playing(script, repository, wire, **ORCHESTRATOR) as play:
        await play.session.prompt("PLAN")
        opening = {event.task for event in play.told(TaskStarted) if event.folder}
        assert opening == {"1", "2"}
        first = play.provider.requests[0]
        for request in play.provider.requests[1:]:
            assert shared_prefix(first, request) > 0.5
            assert request.body["tools"] == first.body["tools"]
            if wire == "anthropic":
                assert request.body["system"] == first.body["system"]
        assert (repository / "a.txt").exists() and (repository / "b.txt").exists()


async def test_two_that_write_side_by_side_are_merged(repository: Path) -> None:
    script = lanes(
        plan=[calls(delegate("code", "FIRST: a"), delegate("code", "SECOND: b")), say("Done.")],
        first=[call("write", path="a.txt", text="a\n"), say("A.", pace=0.01)],
        second=[call("write", path="b.txt", text="b\n"), say("B.", pace=0.01)],
    )
    with playing(script, repository, **ORCHESTRATOR) as play:
        await play.session.prompt("PLAN")
        assert "Merged." in [result.text.splitlines()[-1] for result in results(play)]
        assert (repository / "a.txt").read_text() + (repository / "b.txt").read_text() == "a\nb\n"


async def test_a_conflict_is_told_and_resolved_by_going_on_with_the_task(repository: Path) -> None:
    write = {"path": "same.txt"}
    script = lanes(
        plan=[
            calls(delegate("code", "FIRST: a"), delegate("code", "SECOND: b")),
            delegate("code", "AGAIN: resolve", resume="2"),
            say("Done."),
        ],
        again=[
            call("read", **write),
            call("write", text="both\n", **write),
            say("Resolved."),
        ],
        first=[call("write", text="a\n", **write), say("A.")],
        second=[call("write", text="b\n", **write), say("B.", first_delay=0.3)],
    )
    with playing(script, repository, **ORCHESTRATOR) as play:
        await play.session.prompt("PLAN")
        first, second, third = results(play)
        assert "Merged." in first.text and "NOT merged, conflicts: same.txt" in second.text
        assert "Resolved." in third.text and third.text.endswith("Merged.")
        assert (repository / "same.txt").read_text() == "both\n"


async def test_without_git_those_that_write_go_one_after_another(tmp_path: Path) -> None:
    script = lanes(
        plan=[calls(delegate("code", "go\nFIRST: a"), delegate("code", "go\nSECOND: b")), say("Done.")],
        second=[call("write", path="b.txt", text="b\n"), say("B.")],
        first=[call("write", path="a.txt", text="a\n"), say("A.", first_delay=0.2)],
    )
    (tmp_path / "plain").mkdir()
    with playing(script, tmp_path / "plain", **ORCHESTRATOR) as play:
        await play.session.prompt("PLAN")
        assert {path.name for path in (tmp_path / "plain").iterdir()} == {"a.txt", "b.txt"}
        order = [e.task for e in play.events if isinstance(e, TaskStarted | TaskEnded) and e.task != MAIN]
        assert order in (["1", "1", "2", "2"], ["2", "2", "1", "1"])
        assert any("one task after another" in event.text for event in play.told(Noticed))


async def test_those_that_only_read_share_the_folder(repository: Path) -> None:
    script = lanes(
        plan=[calls(delegate("ask", "FIRST: a"), delegate("ask", "SECOND: b")), say("Done.")],
        first=[call("read", path="README.md"), say("A.")],
        second=[call("read", path="README.md"), say("B.")],
    )
    with playing(script, repository, **ORCHESTRATOR) as play:
        await play.session.prompt("PLAN")
        assert [(event.task, event.folder) for event in play.told(TaskStarted)] == [("1", ""), ("2", "")]


async def test_one_can_be_stopped_and_its_parent_hears_what_there_is(repository: Path) -> None:
    script = lanes(
        plan=[calls(delegate("ask", "FIRST: a"), delegate("ask", "SECOND: b")), say("Done.")],
        first=[say("word " * 400, pace=0.05)],
        second=[say("B.")],
    )
    with playing(script, repository, **ORCHESTRATOR) as play:
        work = asyncio.ensure_future(play.session.prompt("PLAN"))
        while not any(event.task == "2" for event in play.told(TaskEnded)):
            await asyncio.sleep(0.02)
        assert play.session.cancel("1")
        assert await work == "Done."
        first, second = results(play)
        assert not first.ok and first.text.startswith("cancelled by the user, partial: word")
        assert second.ok and play.session.cancel("1") is False
        invoice = sum(row.micro_dollars or 0 for row in play.provider.invoice)
        assert 0.9 * invoice <= play.billed <= 1.1 * invoice  # what was on its way nobody has counted


async def test_stopping_all_leaves_no_call_without_its_result(repository: Path) -> None:
    script = lanes(
        plan=[calls(delegate("ask", "FIRST: a"), delegate("ask", "SECOND: b")), say("Done.")],
        first=[say("word " * 400, pace=0.05)],
        second=[say("word " * 400, pace=0.05)],
    )
    with playing(script, repository, **ORCHESTRATOR) as play:
        work = asyncio.ensure_future(play.session.prompt("PLAN"))
        while len(play.provider.requests) < 3:
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.3)
        assert play.session.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        assert len(results(play)) == 2
        assert all("partial" in result.text and not result.ok for result in results(play))
        assert {event.task: event.outcome for event in play.told(TaskEnded)} == dict.fromkeys(
            (MAIN, "1", "2"), "cancelled"
        )


async def test_a_crash_in_the_middle_gives_the_parent_what_its_task_had_done(repository: Path) -> None:
    script = lanes(
        plan=[delegate("code", "CHILD: write"), say("Went on.")],
        child=[call("write", path="a.txt", text="a\n"), say("Wrote it.")],
    )
    with playing(script, repository, **ORCHESTRATOR) as play:
        await play.session.prompt("PLAN")
        path = log.session_path(play.session.id)
    lines = path.read_bytes().splitlines(keepends=True)
    written = next(i for i, line in enumerate(lines) if b'"role":"tool"' in line.replace(b": ", b":"))
    path.write_bytes(b"".join(lines[: written + 1]))
    with playing(script, repository, continue_last=True) as play:
        (result,) = results(play)
        assert "cut off, partial" in result.text and "a.txt +1 -0" in result.text and "Task 1" in result.text


async def test_a_subtask_is_gone_on_with_after_a_crash(repository: Path) -> None:
    script = lanes(
        plan=[delegate("code", "CHILD: write"), say("One.")],
        child=[say("Half.")],
        go=[delegate("code", "REST: go on", resume="1"), say("Two.")],
        rest=[say("Whole.")],
    )
    with playing(script, repository, **ORCHESTRATOR) as play:
        await play.session.prompt("PLAN")
    script["lanes"] = script["lanes"][::-1]
    with playing(script, repository, continue_last=True) as play:
        assert await play.session.prompt("GO") == "Two."
        assert results(play)[-1].text.startswith("Whole.")
        last = play.provider.requests[1].raw
        assert b"CHILD: write" in last and b"Half." in last and b"REST" in last


async def test_a_subtask_takes_its_own_modes_model(repository: Path) -> None:
    script = lanes(plan=[delegate("code", "CHILD"), say("Done.")], child=[say("Hi.")])
    script["prices"]["other"] = DOLLARS
    more: dict[str, Any] = {"models": ("scripted/model-1", "code=scripted/other")}
    with playing(script, repository, **ORCHESTRATOR, **more) as play:
        await play.session.prompt("PLAN")
        assert [request.body["model"] for request in play.provider.requests] == [
            "model-1",
            "other",
            "model-1",
        ]


async def test_a_model_picked_for_a_mode_holds_from_the_next_request_of_a_task_at_work(
    repository: Path,
) -> None:
    script = lanes(
        plan=[delegate("code", "CHILD"), say("Done.")],
        child=[call("shell", command="sleep 0.5"), say("Hi.")],
    )
    script["prices"]["other"] = DOLLARS
    with playing(script, repository, **ORCHESTRATOR) as play:
        work = asyncio.ensure_future(play.session.prompt("PLAN"))
        while len(play.provider.requests) < 2:
            await asyncio.sleep(0.02)
        play.session.pick("code", "scripted/other")
        await work
        models = [request.body["model"] for request in play.provider.requests]
        assert models == ["model-1", "model-1", "other", "model-1"]
        assert [(event.task, event.model) for event in play.told(ModeChanged)] == [("1", "scripted/other")]


async def test_a_childs_question_bubbles_up_with_its_name(repository: Path) -> None:
    script = lanes(
        plan=[delegate("code", "CHILD: ask"), say("Done.")],
        child=[call("ask", question="Red?", choices=["yes", "no"]), say("Red it is.")],
    )
    with playing(script, repository, someone_answers=True, **ORCHESTRATOR) as play:
        work = asyncio.ensure_future(play.session.prompt("PLAN"))
        while not play.told(QuestionAsked):
            await asyncio.sleep(0.02)
        (asked,) = play.told(QuestionAsked)
        assert asked.task == "1"
        play.session.answer(asked.id, "yes")
        assert await work == "Done."


async def test_a_silent_subtask_is_noticed_once_per_time(repository: Path) -> None:
    script = lanes(plan=[delegate("ask", "CHILD"), say("Done.")], child=[say("Late.", first_delay=0.8)])
    with playing(script, repository, set=("delegate.silence=0.5",), **ORCHESTRATOR) as play:
        await play.session.prompt("PLAN")
        assert [event.text for event in play.told(Noticed) if "is silent" in event.text].__len__() == 1


async def test_limits_of_depth_and_number_are_told_to_the_model(repository: Path) -> None:
    script = lanes(
        plan=[delegate("code", "CHILD"), delegate("code", "THIRD"), say("Done.")],
        child=[delegate("code", "DEEP"), say("C.")],
        deep=[delegate("code", "TOO"), say("D.")],
    )
    with playing(script, repository, set=("delegate.count=2",), **ORCHESTRATOR) as play:
        await play.session.prompt("PLAN")
        said = [m.message.text for m in play.told(MessageAdded) if isinstance(m.message, ToolResult)]
        assert any("not be nested deeper" in text for text in said)
        assert any("2 tasks were delegated" in text for text in said)


async def test_an_unknown_mode_or_task_is_refused(repository: Path) -> None:
    script = lanes(
        plan=[delegate("wizard", "X"), delegate("code", "X", resume="7"), delegate("code", " "), say("Done.")]
    )
    with playing(script, repository, **ORCHESTRATOR) as play:
        await play.session.prompt("PLAN")
        wizard, seven, empty = results(play)
        assert "no mode 'wizard'" in wizard.text and "code" in wizard.text
        assert "no task '7'" in seven.text and "empty" in empty.text


async def test_named_files_are_shown_and_count_as_read(repository: Path) -> None:
    (repository / "a.txt").write_text("alpha\n")
    script = lanes(
        plan=[delegate("code", "CHILD", files=["a.txt", "none.txt"]), say("Done.")],
        child=[call("edit", path="a.txt", edits=[{"old": "alpha", "new": "beta"}]), say("Edited.")],
    )
    with playing(script, repository, **ORCHESTRATOR) as play:
        await play.session.prompt("PLAN")
        words = next(m.message for m in play.told(MessageAdded) if m.task == "1")
        assert isinstance(words, Prompt) and 'path="a.txt"' in words.text and "alpha" in words.text
        assert "none.txt" in words.text and words.by == "kcode"
        assert (repository / "a.txt").read_text() == "beta\n"


async def test_a_later_task_knows_what_the_others_came_to(repository: Path) -> None:
    script = lanes(
        plan=[delegate("code", "FIRST: write a"), delegate("code", "SECOND: more"), say("Done.")],
        first=[call("write", path="a.txt", text="a\n"), say("A.")],
        second=[say("B.")],
    )
    with playing(script, repository, **ORCHESTRATOR) as play:
        await play.session.prompt("PLAN")
        words = next(m.message for m in play.told(MessageAdded) if m.task == "2")
        assert isinstance(words, Prompt) and "task 1, FIRST: write a: done (a.txt)" in words.notes


async def test_siblings_wait_for_the_first_ones_first_token(repository: Path) -> None:
    script = lanes(
        plan=[calls(*(delegate("ask", f"{n}: go") for n in ("ONE", "TWO", "SIX"))), say("Done.")],
        one=[say("1.", first_delay=0.3)],
        two=[say("2.", first_delay=0.3)],
        six=[say("3.", first_delay=0.3)],
    )
    script["prices"]["other"] = DOLLARS
    more: dict[str, Any] = {"models": ("scripted/model-1", "ask=scripted/other")}
    with playing(script, repository, **ORCHESTRATOR, **more) as play:
        await play.session.prompt("PLAN")
        rows = [row for row in play.provider.invoice if row.model == "other"]
        assert sum(1 for row in rows if row.usage.cached == 0) == 1


async def test_two_that_go_on_with_the_same_task_do_not_work_in_it_at_once(repository: Path) -> None:
    script = lanes(
        plan=[
            delegate("ask", "CHILD: look"),
            calls(delegate("ask", "MORE: left", resume="1"), delegate("ask", "MORE: right", resume="1")),
            say("Done."),
        ],
        child=[say("Seen.")],
        more=[say("Left.")],
    )
    with playing(script, repository, **ORCHESTRATOR) as play:
        await play.session.prompt("PLAN")
        _, first, second = results(play)
        assert first.ok and second.text == "Task 1 is at work."


async def test_a_refused_task_takes_no_id(repository: Path) -> None:
    script = lanes(
        plan=[
            delegate("wizard", "X"),
            delegate("ask", "X", resume="1"),
            delegate("ask", "CHILD"),
            say("Done."),
        ],
        child=[say("Hi.")],
    )
    with playing(script, repository, **ORCHESTRATOR) as play:
        await play.session.prompt("PLAN")
        assert "no task '1'" in results(play)[1].text
        assert [event.task for event in play.told(TaskStarted)] == ["1"]


async def test_without_git_a_task_that_writes_alone_may_still_delegate_one_that_writes(
    tmp_path: Path,
) -> None:
    script = lanes(
        plan=[calls(delegate("code", "go\nFIRST: a"), delegate("code", "go\nSECOND: b")), say("Done.")],
        first=[delegate("code", "DEEP: c"), say("A.")],
        second=[say("B.")],
        deep=[call("write", path="c.txt", text="c\n"), say("C.")],
    )
    (tmp_path / "plain").mkdir()
    with playing(script, tmp_path / "plain", **ORCHESTRATOR) as play:
        assert await asyncio.wait_for(play.session.prompt("PLAN"), 20) == "Done."
        assert (tmp_path / "plain" / "c.txt").exists()


async def test_one_that_waits_for_the_first_ones_token_can_be_stopped(repository: Path) -> None:
    script = lanes(
        plan=[calls(delegate("ask", "FIRST: a"), delegate("ask", "SECOND: b")), say("Done.")],
        first=[say("A.", first_delay=0.6)],
        second=[say("B.")],
    )
    script["prices"]["other"] = DOLLARS
    more: dict[str, Any] = {"models": ("scripted/model-1", "ask=scripted/other")}
    with playing(script, repository, **ORCHESTRATOR, **more) as play:
        work = asyncio.ensure_future(play.session.prompt("PLAN"))
        while len(play.told(TaskStarted)) < 2:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        assert play.session.cancel("2")
        assert await work == "Done."
        assert results(play)[1].text.startswith("cancelled by the user, partial: nothing was said yet")
        assert {e.task: e.outcome for e in play.told(TaskEnded)} == {
            "2": "cancelled",
            "1": "done",
            MAIN: "done",
        }
        assert not any(b"SECOND" in r.raw and b"PLAN" not in r.raw for r in play.provider.requests)


async def test_what_was_stopped_in_a_worktree_is_said_to_lie_there(repository: Path) -> None:
    child = [call("write", path="a.txt", text="a\n"), say("word " * 400, pace=0.05)]
    script = lanes(
        plan=[calls(delegate("code", "FIRST: a"), delegate("code", "SECOND: b")), say("Done.")],
        first=child,
        second=child,
    )
    with playing(script, repository, **ORCHESTRATOR) as play:
        work = asyncio.ensure_future(play.session.prompt("PLAN"))
        while len(play.provider.requests) < 5:
            await asyncio.sleep(0.02)
        play.session.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        told = "".join(result.text for result in results(play))
        for event in play.told(TaskStarted):
            assert f"NOT merged: its files are in {event.folder}." in told
            assert f'resume="{event.task}"' in told


async def test_a_key_in_a_file_that_is_shown_stays_with_the_user(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-the-users-own-0123456789")
    (repository / "a.txt").write_text("key = sk-the-users-own-0123456789\n")
    script = lanes(plan=[delegate("ask", "CHILD", files=["a.txt"]), say("Done.")], child=[say("Hi.")])
    with playing(script, repository, **ORCHESTRATOR) as play:
        await play.session.prompt("PLAN")
        assert not any(b"0123456789" in request.raw for request in play.provider.requests)


async def test_what_was_merged_before_a_crash_is_not_said_to_be_elsewhere(repository: Path) -> None:
    script = lanes(
        plan=[calls(delegate("code", "go\nFIRST: a"), delegate("code", "go\nSECOND: b")), say("Done.")],
        first=[call("write", path="a.txt", text="a\n"), say("A.")],
        second=[call("write", path="b.txt", text="b\n"), say("B.")],
    )
    with playing(script, repository, **ORCHESTRATOR) as play:
        await play.session.prompt("PLAN")
        path = log.session_path(play.session.id)
    lines = path.read_bytes().splitlines(keepends=True)
    merged = next(i for i, line in enumerate(lines) if b"Merged." in line)
    path.write_bytes(b"".join(lines[:merged]))
    with playing(script, repository, continue_last=True) as play:
        assert not any("NOT merged" in result.text for result in results(play) if "+1" in result.text)
        assert (repository / "a.txt").exists() and (repository / "b.txt").exists()


@pytest.mark.slow
@pytest.mark.parametrize("wire", ["anthropic", "openai"])
async def test_killed_after_any_event_a_session_with_subtasks_goes_on(
    repository: Path, wire: WireName
) -> None:
    script = lanes(
        again=[say("Went on.")] * 9,
        deep=[call("read", path="README.md"), say("There.")],
        first=[call("write", path="a.txt", text="a\n"), say("A.")],
        second=[call("write", path="b.txt", text="b\n"), delegate("ask", "go\nDEEP"), say("B.")],
        plan=[
            calls(call("read", path="README.md"), call("read", path="none.md")),
            calls(delegate("code", "go\nFIRST: a"), delegate("code", "go\nSECOND: b")),
            call("switch_mode", mode="code"),
            say("Done."),
        ],
    )
    with playing(script, repository, wire, **ORCHESTRATOR) as play:
        assert await play.session.prompt("PLAN") == "Done."
        path, tasks = log.session_path(play.session.id), play.session.tree.tasks
        live = {id: task.conversation for id, task in tasks.items()}
    events, _ = log.load_events(path)
    replayed = {id: Conversation() for id in live}
    for event in events:
        replayed[event.task].add(event)
    assert replayed == live
    lines = path.read_bytes().splitlines(keepends=True)
    for count in range(1, len(lines) + 1, 3):
        path.write_bytes(b"".join(lines[:count]))
        with playing(script, repository, wire, continue_last=True) as play:
            assert await asyncio.wait_for(play.session.prompt("AGAIN"), 30) == "Went on.", lines[count - 1]
            assert play.provider.mismatches == []
            await play.session.close()

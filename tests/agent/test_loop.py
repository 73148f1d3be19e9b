import asyncio
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from kcode.agent.loop import heed_cancel
from kcode.errors import KcodeError, NeedsApproval, OverBudget, ProviderError, TurnLimit
from kcode.events import (
    ApprovalAsked,
    Condensed,
    OutputArrived,
    Spent,
    TaskEnded,
    TextArrived,
    ToolStarted,
)
from kcode.messages import Prompt, Reply, ToolResult
from tests.playing import WIRES, Play, WireName, call, calls, playing, say, scenario

both_wires = pytest.mark.parametrize("wire", WIRES)


def results(play: Play) -> list[ToolResult]:
    return [message for message in play.messages if isinstance(message, ToolResult)]


async def until(condition: object, seconds: float = 10) -> None:
    """Waits for something that the engine or the provider is about to do."""
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        await asyncio.sleep(0.005)


@both_wires
async def test_a_task_ends_with_the_models_last_words(repository: Path, wire: WireName) -> None:
    with playing(scenario(call("read", path="README.md"), say("It is a shop.")), repository, wire) as play:
        assert await play.session.prompt("what is this?") == "It is a shop."
        assert [type(m) for m in play.messages] == [Prompt, Reply, ToolResult, Reply]
        assert "a cart with prices" in results(play)[0].text
        assert play.told(TaskEnded) == [TaskEnded(task="main", outcome="done", text="It is a shop.")]
        assert play.billed == play.provider.total > 0


@both_wires
async def test_bad_calls_become_results_that_the_model_can_read(repository: Path, wire: WireName) -> None:
    bad = calls(
        call("fly", to="the moon"),
        {"calls": [{"name": "read", "arguments": '{"path": "READ'}]},
        call("read", path=7),
        call("read", path="nowhere.py"),
    )
    with playing(scenario(bad, say("I see.")), repository, wire) as play:
        await play.session.prompt("go")
        unknown, broken, wrong, missing = results(play)
        assert not any(result.ok for result in results(play))
        assert "no tool 'fly'" in unknown.text and "read" in unknown.text
        assert "no valid JSON" in broken.text
        assert "path" in wrong.text and "string" in wrong.text
        assert "nowhere.py" in missing.text


async def test_readers_run_side_by_side_and_writers_one_by_one(repository: Path) -> None:
    slow = calls(*[call("shell", command=f"sleep 0.2; echo {n}") for n in range(2)])
    with playing(scenario(slow, say("ok")), repository) as play:
        began = time.monotonic()
        await play.session.prompt("go")
        assert time.monotonic() - began >= 0.4
        order = [event for event in play.events if isinstance(event, ToolStarted | OutputArrived)]
        assert [type(event) for event in order] == [ToolStarted, OutputArrived] * 2


@both_wires
async def test_a_cancel_in_mid_stream_keeps_what_was_heard_and_the_conversation_goes_on(
    repository: Path, wire: WireName
) -> None:
    script = scenario(say("word " * 400, pace=0.02), match="tell me") | {}
    script["lanes"].append({"match": "and now", "steps": [say("Here I am.")]})
    with playing(script, repository, wire) as play:
        working = asyncio.ensure_future(play.session.prompt("tell me"))
        await until(lambda: len(play.told(TextArrived)) > 3)
        stopped = time.monotonic()
        assert play.session.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working
        await until(lambda: play.provider.requests[0].hung_up is not None)
        hung_up = play.provider.requests[0].hung_up
        assert hung_up is not None and hung_up - stopped < 0.3
        last = play.messages[-1]
        assert isinstance(last, Reply) and last.stop == "cancelled" and last.text.startswith("word word")
        assert play.told(TaskEnded)[-1].outcome == "cancelled"
        spent = play.told(Spent)[-1].spend
        assert spent.state == "estimated" and spent.micro_dollars
        assert await play.session.prompt("and now?") == "Here I am."


async def test_a_cancel_in_mid_command_leaves_no_process_and_answers_every_call(repository: Path) -> None:
    two = calls(call("shell", command="echo on; sleep 60 & sleep 60"), call("shell", command="echo never"))
    script = scenario(two, match="run it")
    script["lanes"].append({"match": "and now", "steps": [say("Fine.", expect="Not finished")]})
    with playing(script, repository) as play:
        working = asyncio.ensure_future(play.session.prompt("run it"))
        await until(lambda: play.told(OutputArrived))
        began = time.monotonic()
        play.session.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working
        assert time.monotonic() - began < 0.6
        sleeping = [p for p in psutil.Process().children(recursive=True) if "sleep" in p.name()]
        assert sleeping == []
        assert [result.ok for result in results(play)] == [False, False]
        assert await play.session.prompt("and now?") == "Fine."
        assert play.provider.mismatches == []


async def test_the_turn_limit_ends_the_task_and_it_can_go_on(repository: Path) -> None:
    look = call("read", path="README.md")
    with playing(scenario(look, look, say("Done.")), repository, set=("limits.turns=2",)) as play:
        with pytest.raises(TurnLimit, match="--max-turns"):
            await play.session.prompt("go")
        assert play.told(TaskEnded)[-1].outcome == "turn_limit"
        assert await play.session.work() == "Done."


@both_wires
async def test_a_reply_that_is_cut_in_mid_call_is_not_executed(repository: Path, wire: WireName) -> None:
    script = scenario(
        call("write", path="new.txt", text="x" * 300), say("Smaller then.", expect="cut off"), say("never")
    )
    script["faults"] = [{"request": 1, "kind": "max_tokens"}]
    with playing(script, repository, wire) as play:
        assert await play.session.prompt("go") == "Smaller then."
        assert not (repository / "new.txt").exists()


@both_wires
async def test_a_refusal_of_the_provider_fails_the_task_with_a_sentence(
    repository: Path, wire: WireName
) -> None:
    script = scenario(say("I will not")) | {"faults": [{"request": 1, "kind": "content_filter"}]}
    with playing(script, repository, wire) as play:
        with pytest.raises(ProviderError, match="refused"):
            await play.session.prompt("go")
        assert play.told(TaskEnded)[-1].outcome == "failed"


@both_wires
async def test_a_full_window_is_condensed_once_and_the_task_goes_on(repository: Path, wire: WireName) -> None:
    script = scenario(
        call("edit", path="README.md", edits=[{"old": "A", "new": "B"}]), match="mend the readme"
    )
    script["lanes"] = [
        {"match_system": "You condense", "match": "", "steps": [say("The user wants the README mended.")]},
        {"match": "wants the README mended", "steps": [say("never said"), say("All done.")]},
        {
            "match": "mend the readme",
            "steps": [
                call("edit", path="README.md", edits=[{"old": "small", "new": "tiny"}]),
                say("never said"),
            ],
        },
    ]
    script["faults"] = [{"request": 2, "kind": "context_overflow"}]
    with playing(script, repository, wire) as play:
        assert await play.session.prompt("mend the readme") == "All done."
        (condensed,) = play.told(Condensed)
        assert "Files changed: README.md" in condensed.summary
        assert f"Folder: {repository}" in condensed.summary and "Mode: Code." in condensed.summary
        assert [spent.purpose for spent in play.told(Spent)] == ["chat", "chat", "condense", "chat"]
        assert play.billed == play.provider.total


async def test_what_the_user_says_meanwhile_is_heard_before_the_next_step(repository: Path) -> None:
    script = {
        "lanes": [
            {"match": "one more thing", "steps": [say("Both done.")]},
            {"match": "first", "steps": [call("shell", command="sleep 0.3"), say("never said")]},
        ]
    }
    with playing(script, repository) as play:
        working = asyncio.ensure_future(play.session.prompt("first"))
        await until(lambda: play.told(ToolStarted))
        await play.session.say("one more thing")
        assert await working == "Both done."


async def test_an_approval_is_asked_answered_and_remembered(repository: Path) -> None:
    again = call("shell", command="touch hello")
    script = scenario(again, again, call("shell", command="touch other"), say("ok", expect="too noisy"))
    with playing(script, repository, someone_answers=True, permission_mode="ask") as play:
        words = iter([("always", ""), ("no", "too noisy")])

        def answer(event: object) -> None:
            if isinstance(event, ApprovalAsked):
                asyncio.get_running_loop().call_soon(play.session.answer, event.id, *next(words))

        play.session.listen(answer)
        assert await play.session.prompt("go") == "ok"
        assert [asked.preview for asked in play.told(ApprovalAsked)] == ["touch hello", "touch other"]
        assert [result.ok for result in results(play)] == [True, True, False]
        assert play.provider.mismatches == []


async def test_a_file_that_changed_after_the_preview_is_shown_again(repository: Path) -> None:
    script = scenario(call("edit", path="README.md", edits=[{"old": "small", "new": "tiny"}]), say("ok"))
    with playing(script, repository, someone_answers=True, permission_mode="ask") as play:

        def answer(event: object) -> None:
            if isinstance(event, ApprovalAsked):
                if len(play.told(ApprovalAsked)) == 1:
                    (repository / "README.md").write_text("# a small\nanother text\n")
                asyncio.get_running_loop().call_soon(play.session.answer, event.id, "once")

        play.session.listen(answer)
        await play.session.prompt("go")
        assert results(play)[0].ok, results(play)[0].text
        assert len(play.told(ApprovalAsked)) == 2
        assert "another text" in play.told(ApprovalAsked)[1].preview
        assert (repository / "README.md").read_text() == "# a tiny\nanother text\n"


async def test_without_anybody_to_ask_the_task_ends_and_says_how_to_allow_it(repository: Path) -> None:
    with playing(scenario(call("shell", command="make")), repository, permission_mode="ask") as play:
        with pytest.raises(NeedsApproval, match="--allowed-tools"):
            await play.session.prompt("go")
        assert play.told(TaskEnded)[-1].outcome == "needs_approval"
        assert not results(play)[0].ok


async def test_a_mode_limits_what_a_call_may_do_and_says_so_to_the_model(repository: Path) -> None:
    steps = [
        calls(call("write", path="x.py", text="x"), call("write", path="PLAN.md", text="# Plan\n")),
        say("ok", expect="Architect mode edits only"),
    ]
    with playing(scenario(*steps), repository, mode="architect") as play:
        await play.session.prompt("plan it")
        assert not (repository / "x.py").exists()
        assert (repository / "PLAN.md").read_text() == "# Plan\n"
        assert play.provider.mismatches == []


async def test_a_budget_is_checked_before_the_request_leaves(repository: Path) -> None:
    look = call("read", path="README.md")
    steps = [look] * 30
    with playing(
        scenario(*steps, say("ok")), repository, set=("budget.session=0.03", "limits.guard=false")
    ) as play:
        with pytest.raises(OverBudget, match="budget"):
            await play.session.prompt("go")
        assert 0 < play.billed == play.provider.total <= 30_000
        assert play.told(TaskEnded)[-1].outcome == "over_budget"


async def test_replies_that_are_cut_again_and_again_end_the_task(repository: Path) -> None:
    script = scenario(*[say(f"part {n}", stop="max_tokens") for n in range(5)])
    with playing(script, repository) as play:
        with pytest.raises(KcodeError, match="--max-tokens"):
            await play.session.prompt("go")
        assert len(play.provider.requests) == 3


async def test_a_tool_that_breaks_is_a_result_for_the_model(repository: Path) -> None:
    with playing(scenario(call("read", path="a" * 5000), say("ok")), repository) as play:
        assert await play.session.prompt("go") == "ok"
        assert not results(play)[0].ok


async def test_a_cancel_that_a_library_has_swallowed_holds_all_the_same() -> None:
    async def stubborn() -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        heed_cancel()

    working = asyncio.ensure_future(stubborn())
    await asyncio.sleep(0)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working


@both_wires
async def test_a_reply_that_was_stopped_is_gone_on_with_by_a_word_of_kcodes(
    repository: Path, wire: WireName
) -> None:
    script = scenario(say("word " * 200, pace=0.02), match="go")
    script["lanes"].insert(0, {"match": "stopped there", "steps": [say("The rest.")]})
    with playing(script, repository, wire) as play:
        work = asyncio.ensure_future(play.session.prompt("go"))
        await until(lambda: play.told(TextArrived))
        play.session.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        assert await play.session.work() == "The rest."
        assert play.provider.requests[-1].body["messages"][-1]["role"] == "user"


async def test_a_call_beside_others_that_nobody_can_approve_is_no_cancel(repository: Path) -> None:
    outside = calls(call("read", path="README.md"), call("read", path="/etc/hostname"))
    with playing(scenario(outside, say("Never said.")), repository, permission_mode="edits") as play:
        with pytest.raises(NeedsApproval):
            await play.session.prompt("go")
        assert play.told(TaskEnded)[-1].outcome == "needs_approval"

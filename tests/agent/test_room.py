import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from kcode.agent import room
from kcode.agent.task import Conversation
from kcode.errors import BadInput
from kcode.events import Condensed, Event, Noticed, QuestionAsked, ResultsDropped, Spent
from kcode.memory.log import load_events, session_path
from kcode.messages import Prompt, Reply, ToolResult
from tests.playing import MODEL, Play, call, calls, playing, say, scenario

LINES = "printf '%s line of the log that says something\\n' $(seq 1 170)"
"""About 7 KB."""


def next_text(play: Play) -> str:
    """What the newest request sends."""
    return json.dumps(play.provider.requests[-1].body["messages"], ensure_ascii=False)


def long_script(steps: int) -> dict[str, Any]:
    """Each step brings about 5k tokens."""
    look = [calls(*[call("shell", command=f"{LINES}; echo {n}.{k}") for k in range(3)]) for n in range(steps)]
    script = scenario(*look, say("done"), match="look into it")
    script["lanes"].insert(0, {"match": "Pause here", "steps": [say("We looked at logs.")]})
    rest = [*look, say("done")]
    script["lanes"].insert(0, {"match": "condensed", "steps": rest})
    return script


async def cost_of(root: Path, shorten: str) -> tuple[int, list[Event]]:
    with playing(long_script(18), root, set=(f'context.shorten="{shorten}"',)) as play:
        await play.session.prompt("look into it")
        assert play.billed == play.provider.total
        chats = [spent for spent in play.told(Spent) if spent.purpose == "chat"]
        paid = sum(spent.spend.micro_dollars or 0 for spent in play.told(Spent))
        # Both sessions are compared by their first 19 requests and what made them shorter.
        return paid - sum(spent.spend.micro_dollars or 0 for spent in chats[19:]), play.events


@pytest.mark.slow
async def test_a_long_session_becomes_shorter_by_itself_when_that_pays_and_costs_less(
    repository: Path,
) -> None:
    economical, events = await cost_of(repository, "auto")
    plain, others = await cost_of(repository, "window")
    assert any(isinstance(event, ResultsDropped | Condensed) for event in events)
    assert not any(isinstance(event, ResultsDropped | Condensed) for event in others)
    assert economical < plain


async def with_results(play: Play) -> None:
    await play.session.prompt("look into it")


async def test_old_results_leave_a_pointer_to_a_file_and_the_newest_stay(repository: Path) -> None:
    script = scenario(
        *[call("shell", command=f"{LINES}; echo {n}") for n in range(4)], say("done"), match="look"
    )
    with playing(script, repository) as play:
        await play.session.prompt("look")
        task = play.session.task
        old = tuple(room.droppable(task.request().messages))
        assert len(old) == 3
        await room.drop(task, old)
        (dropped,) = play.told(ResultsDropped)
        results = [message for message in play.messages if isinstance(message, ToolResult)]
        assert [result.text.startswith(room.DROPPED) for result in results] == [True, True, True, False]
        file = Path(results[0].text.partition("whole in ")[2].partition("]")[0])
        assert file.read_text() == old[0].text and task.workspace.holds(file)
        assert dropped.after < dropped.before
        assert not tuple(room.droppable(task.request().messages)), "nothing is dropped twice"
        events, bad = load_events(session_path(play.session.id))
        again = Conversation()
        for event in events:
            again.add(event)
        assert (again.messages, bad) == (play.messages, 0)


async def test_the_user_can_have_old_results_dropped_and_hears_when_there_are_none(repository: Path) -> None:
    script = scenario(
        *[call("shell", command=f"{LINES}; echo {n}") for n in range(4)], say("done"), match="look"
    )
    with playing(script, repository) as play:
        with pytest.raises(BadInput, match="no old result"):
            await play.session.drop()
        await play.session.prompt("look")
        await play.session.drop()
        assert len(play.told(ResultsDropped)[0].texts) == 3
        play.session.uncondense()
        assert not any(message.text.startswith(room.DROPPED) for message in play.messages)


async def test_what_was_dropped_or_condensed_is_taken_back_and_what_was_said_since_stays(
    repository: Path,
) -> None:
    script = scenario(call("read", path="README.md"), say("done"), say("more"), say("whole"), match="look")
    script["lanes"].insert(0, {"match": "Pause here", "steps": [say("We read the readme.")]})
    script["lanes"].insert(0, {"match": "and then", "steps": [say("more"), say("whole")]})
    with playing(script, repository) as play:
        await play.session.prompt("look")
        whole = list(play.messages)
        with pytest.raises(BadInput, match="Nothing was condensed"):
            play.session.uncondense()
        await play.session.condense()
        assert "We read the readme." in play.messages[0].text
        await play.session.prompt("and then")
        since = play.messages[-2:]
        play.session.uncondense()
        assert play.messages == [*whole, *since]
        await play.session.prompt("and then, what?")
        assert whole[2].text.split("\t")[-1].strip() in next_text(
            play
        ) and "We read the readme." not in next_text(play)
        assert play.provider.mismatches == []


async def test_a_summary_is_written_from_the_cache_while_the_provider_has_it(repository: Path) -> None:
    script = scenario(call("shell", command=LINES), say("done"), match="look")
    script["lanes"].insert(0, {"match": "Pause here", "steps": [say("We looked.")]})
    with playing(script, repository) as play:
        await play.session.prompt("look")
        await play.session.condense()
        (condensing,) = [spent for spent in play.told(Spent) if spent.purpose == "condense"]
        usage = condensing.spend.usage
        assert usage.cached > 0.8 * usage.input
        assert play.told(Condensed)[0].summary.count("We looked.") == 1


async def test_a_model_that_works_on_instead_of_summing_up_is_given_a_transcript(repository: Path) -> None:
    script = scenario(call("shell", command=LINES), say("done"), match="look")
    script["lanes"].insert(0, {"match": "Pause here", "steps": [call("read", path="README.md")]})
    script["lanes"].insert(0, {"match": "", "match_system": "You condense", "steps": [say("By transcript.")]})
    with playing(script, repository) as play:
        await play.session.prompt("look")
        await play.session.condense()
        assert "By transcript." in play.told(Condensed)[0].summary


async def test_what_must_survive_is_in_the_next_request_whatever_the_model_wrote(repository: Path) -> None:
    script = scenario(
        call("read", path="README.md"),
        call("edit", path="README.md", edits=[{"old": "small", "new": "tiny"}]),
        call("todo", items=[{"text": "mend the parser", "state": "doing"}]),
        call("shell", command="echo 3 failed, 2 passed; false"),
        call("ask", question="Which name?", choices=["one", "two"]),
        say("done"),
        match="look",
    )
    script["lanes"].insert(
        0, {"match": "Pause here", "steps": [say("I forgot nearly all."), say("And again.")]}
    )
    script["lanes"].insert(0, {"match": "go on", "steps": [say("yes"), say("yes")]})
    with playing(script, repository, someone_answers=True) as play:

        def answer(event: object) -> None:
            if isinstance(event, QuestionAsked):
                asyncio.get_running_loop().call_soon(play.session.answer, event.id, "the second one")

        play.session.listen(answer)
        await play.session.prompt("look")
        for _ in range(2):  # what is known survives a second time, too
            await play.session.condense()
            await play.session.prompt("go on")
            text = next_text(play)
            for probe in (
                "Files changed: README.md",
                "Files read: README.md",
                "mend the parser",
                "3 failed, 2 passed",
                "Which name? → ",
                "the second one",
                f"Folder: {repository}",
                "Mode: Code.",
            ):
                assert probe in text, probe
        assert "# a tiny" not in text


async def test_a_command_that_passed_since_is_no_longer_said_to_fail(repository: Path) -> None:
    run = call("shell", command="test -e done.txt")
    script = scenario(run, call("write", path="done.txt", text="x"), run, say("done"), match="look")
    script["lanes"].insert(0, {"match": "Pause here", "steps": [say("Summed up.")]})
    with playing(script, repository) as play:
        await play.session.prompt("look")
        await play.session.condense()
        assert "Failing" not in play.messages[0].text


FULL = [{"request": 2, "kind": "context_overflow"}]


def one_large_step() -> dict[str, Any]:
    """All that fills the window is in the newest step, which nothing can make shorter."""
    big = "x" * 7_900
    script = scenario(call("shell", command=f"echo {big}"), say("never said"), match="look")
    script["lanes"] = [
        {"match": "", "match_system": "You condense", "steps": [say("Little.")]},
        {"match": "condensed", "steps": [say("never said"), say("All done.")]},
        *script["lanes"],
    ]
    script["faults"] = FULL
    return script


async def test_condensing_without_gain_asks_and_nobody_there_is_told(repository: Path) -> None:
    with playing(one_large_step(), repository) as play:
        assert await play.session.prompt("look") == "All done."
        assert any("has not helped" in notice.text for notice in play.told(Noticed))
    with playing(one_large_step(), repository, someone_answers=True) as play:

        def answer(event: object) -> None:
            if isinstance(event, QuestionAsked):
                assert event.by == "kcode" and "has not helped" in event.text
                asyncio.get_running_loop().call_soon(play.session.answer, event.id, "Go on")

        play.session.listen(answer)
        assert await play.session.prompt("look") == "All done."
        assert len(play.told(QuestionAsked)) == 1


def test_a_replay_of_a_condensing_that_was_taken_back_gives_the_same_conversation() -> None:
    from kcode.events import MessageAdded, Uncondensed

    said = Conversation()
    for text in ("one", "two", "three"):
        said.add(MessageAdded(task="main", message=Prompt(text=text)))
    said.add(MessageAdded(task="main", message=Reply(text="four")))
    said.add(Condensed(task="main", summary="short", kept=1, before=9, after=3))
    said.add(MessageAdded(task="main", message=Prompt(text="five")))
    said.add(Uncondensed(task="main"))
    assert [message.text for message in said.messages] == ["one", "two", "three", "four", "five"]
    said.add(Uncondensed(task="main"))
    assert len(said.messages) == 5


async def test_a_mode_is_told_again_when_the_summary_that_told_it_is_taken_back(repository: Path) -> None:
    script = scenario(*[say("Well.")] * 4, match="now|then|last")
    with playing(script, repository) as play:
        await play.session.prompt("now")
        play.session.switch("debug", MODEL)
        play.session.task.tell(Condensed(task="main", summary="<summary>\n", kept=0, before=9, after=1))
        assert play.session.task.conversation.mode_told == "debug"
        play.session.uncondense()
        await play.session.prompt("then")
        await play.session.prompt("last")
        told = [m.mode for m in play.messages if isinstance(m, Prompt) and m.mode]
        assert told == ["code", "debug"]


async def test_going_back_behind_a_summary_does_not_tell_the_mode_again(repository: Path) -> None:
    with playing(scenario(*[say("Well.")] * 4, match="now|then"), repository) as play:
        await play.session.prompt("now")
        play.session.task.tell(Condensed(task="main", summary="<summary>\n", kept=0, before=9, after=1))
        await play.session.prompt("then")
        await play.session.rewind.rewind(play.session.rewind.points()[-1].message)
        assert play.session.task.conversation.mode_told == "code"

import asyncio
from pathlib import Path

import pytest

from kcode.errors import Runaway
from kcode.events import MessageAdded, ModeChanged, QuestionAsked, TaskEnded
from kcode.messages import Prompt, Reply
from tests.playing import DOLLARS, Play, call, playing, say, scenario

LOOP = [call("list", path=".")] * 4


async def asked(play: Play, work: "asyncio.Future[str]") -> QuestionAsked:
    while not play.told(QuestionAsked):
        assert not work.done(), work.result()
        await asyncio.sleep(0.01)
    return play.told(QuestionAsked)[-1]


async def test_where_nobody_answers_a_runaway_ends_the_work_with_its_exit_code(repository: Path) -> None:
    with playing(scenario(*LOOP, say("Never said.")), repository) as play:
        with pytest.raises(Runaway, match="go in circles") as raised:
            await play.session.prompt("go")
        assert raised.value.exit_code == 5
        assert play.told(TaskEnded)[-1].outcome == "runaway"
        assert len(play.provider.requests) == len(LOOP)


async def test_the_user_says_go_on(repository: Path) -> None:
    with playing(scenario(*LOOP, say("Done.")), repository, someone_answers=True) as play:
        work = asyncio.ensure_future(play.session.prompt("go"))
        question = await asked(play, work)
        assert question.by == "kcode" and "$0." in question.text and question.choices == ("Go on", "Stop")
        play.session.answer(question.id, "Go on")
        assert await work == "Done."


async def test_the_user_says_stop(repository: Path) -> None:
    with playing(scenario(*LOOP, say("Never said.")), repository, someone_answers=True) as play:
        work = asyncio.ensure_future(play.session.prompt("go"))
        play.session.answer((await asked(play, work)).id, "Stop")
        with pytest.raises(Runaway):
            await work


async def test_the_user_gives_a_hint(repository: Path) -> None:
    script = scenario(*LOOP, say("Thanks."), match="go")
    script["lanes"].insert(0, {"match": "look into docs", "steps": [say("I will.")]})
    with playing(script, repository, someone_answers=True) as play:
        work = asyncio.ensure_future(play.session.prompt("go"))
        play.session.answer((await asked(play, work)).id, "look into docs")
        assert await work == "I will."
        said = [m.message for m in play.told(MessageAdded) if isinstance(m.message, Prompt)]
        assert said[-1].text == "look into docs" and said[-1].by == "user"


async def test_the_user_takes_another_model(repository: Path) -> None:
    script = scenario(*LOOP, say("Done."))
    script["prices"]["other"] = DOLLARS
    more = {"set": ('fallback.code=["scripted/other"]',), "someone_answers": True}
    with playing(script, repository, **more) as play:  # type: ignore[arg-type]
        work = asyncio.ensure_future(play.session.prompt("go"))
        play.session.answer((await asked(play, work)).id, "Another model: scripted/other")
        await work
        assert [event.model for event in play.told(ModeChanged)] == ["scripted/other"]
        assert play.provider.requests[-1].body["model"] == "other"


async def test_a_reply_that_repeats_itself_is_cut_off_and_kept(repository: Path) -> None:
    with playing(scenario(say("Let me think again. " * 2_000, chunk=200)), repository) as play:
        with pytest.raises(Runaway, match="over and over"):
            await play.session.prompt("go")
        reply = play.messages[-1]
        assert isinstance(reply, Reply) and reply.stop == "cancelled" and len(reply.text) < 20_000
        assert play.billed > 0


async def test_the_guard_can_be_turned_off(repository: Path) -> None:
    with playing(scenario(*LOOP, say("Done.")), repository, set=("limits.guard=false",)) as play:
        assert await play.session.prompt("go") == "Done."


async def test_a_subtask_that_goes_in_circles_ends_and_its_parent_goes_on(repository: Path) -> None:
    task = call("delegate", mode="code", message="CHILD")
    script = {
        "lanes": [
            {"match": "PLAN", "steps": [task, say("Well.")]},
            {"match": "CHILD", "steps": [*LOOP, say("x")]},
        ],
        "prices": {"model-1": DOLLARS},
    }
    with playing(script, repository, mode="orchestrator") as play:
        assert await play.session.prompt("PLAN") == "Well."
        assert {event.task: event.outcome for event in play.told(TaskEnded)} == {
            "1": "runaway",
            "main": "done",
        }

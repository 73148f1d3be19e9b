import asyncio
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from kcode.errors import OverBudget
from kcode.events import BudgetSet, ModeChanged, QuestionAsked, TaskEnded
from tests.playing import DOLLARS, Play, call, calls, playing, say, scenario

TIGHT = ("budget.session=0.01",)
"""Less than the shortest reply that is useful may cost."""


async def asked(play: Play, work: "asyncio.Future[str]", number: int = 1) -> QuestionAsked:
    while len(play.told(QuestionAsked)) < number:
        assert not work.done(), work.result()
        await asyncio.sleep(0.01)
    return play.told(QuestionAsked)[-1]


async def with_answers(play: Play, *answers: str) -> str:
    work = asyncio.ensure_future(play.session.prompt("go"))
    for number, answer in enumerate(answers, start=1):
        question = await asked(play, work, number)
        assert question.by == "kcode"
        assert play.session.answer(question.id, answer)
    return await work


def amounts(play: Play) -> list[tuple[str, int | None]]:
    return [(event.scope, event.micro_dollars) for event in play.told(BudgetSet)]


async def test_the_question_says_what_the_request_may_cost_and_what_is_left(repository: Path) -> None:
    with playing(scenario(say("Done.")), repository, someone_answers=True, set=TIGHT) as play:
        work = asyncio.ensure_future(play.session.prompt("go"))
        question = await asked(play, work)
        assert "The next request may cost up to $0.2" in question.text
        assert "and $0.0100 of the session's $0.0100 is left." in question.text
        assert question.choices == ("+$1", "+$5", "No budget", "Stop")
        assert play.provider.requests == []
        play.session.answer(question.id, "+$1")
        assert await work == "Done."
        assert amounts(play) == [("session", 1_010_000)]


@pytest.mark.parametrize(
    ("answer", "amount"), [("2.50", 2_500_000), ("$2.50", 2_500_000), ("+0.50", 510_000), ("No budget", None)]
)
async def test_an_amount_in_words_is_one(repository: Path, answer: str, amount: int | None) -> None:
    with playing(scenario(say("Done.")), repository, someone_answers=True, set=TIGHT) as play:
        assert await with_answers(play, answer) == "Done."
        assert amounts(play)[-1] == ("session", amount)


async def test_what_is_no_amount_is_asked_again(repository: Path) -> None:
    with playing(scenario(say("Done.")), repository, someone_answers=True, set=TIGHT) as play:
        assert await with_answers(play, "why?", "0.001", "+$5") == "Done."


async def test_stop_ends_the_work_and_the_session_goes_on_later(repository: Path) -> None:
    with playing(scenario(say("Done.")), repository, someone_answers=True, set=TIGHT) as play:
        with pytest.raises(OverBudget):
            await with_answers(play, "Stop")
        assert play.told(TaskEnded)[-1].outcome == "over_budget"
        id = play.session.id
    with playing(scenario(say("Done.")), repository, resume=id, set=TIGHT) as play:
        play.session.set_budget(1_000_000)
        assert await play.session.work() == "Done."


async def test_a_cancel_while_it_asks_leaves_what_was_said(repository: Path) -> None:
    with playing(scenario(say("Done.")), repository, someone_answers=True, set=TIGHT) as play:
        work = asyncio.ensure_future(play.session.prompt("go"))
        await asked(play, work)
        play.session.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        play.session.set_budget(None)
        assert await play.session.work() == "Done."


async def test_where_nobody_answers_it_is_the_error(repository: Path) -> None:
    with playing(scenario(say("Done.")), repository, set=TIGHT) as play:
        with pytest.raises(OverBudget, match="Raise the budget") as refused:
            await play.session.prompt("go")
        assert refused.value.exit_code == 4 and play.told(QuestionAsked) == []


async def test_a_cheaper_model_of_the_users_own_is_offered_with_its_price(repository: Path) -> None:
    script = scenario(say("Done."))
    script["prices"]["small"] = {"input": "0.1", "output": "0.2"}
    more: dict[str, Any] = {
        "someone_answers": True,
        "set": (*TIGHT, 'models.small="scripted/small"', 'prices."scripted/small"={input=0.1, output=0.2}'),
    }
    with playing(script, repository, **more) as play:
        work = asyncio.ensure_future(play.session.prompt("go"))
        question = await asked(play, work)
        (offer,) = [choice for choice in question.choices if "scripted/small" in choice]
        assert offer.startswith("Go on with scripted/small (up to $0.00")
        play.session.answer(question.id, offer)
        assert await work == "Done."
        assert [event.model for event in play.told(ModeChanged)] == ["scripted/small"]
        assert play.provider.requests[0].body["model"] == "small"


async def test_a_days_budget_is_raised_for_the_day_and_this_session(repository: Path) -> None:
    with playing(scenario(say("Done.")), repository, someone_answers=True, set=("budget.day=0.01",)) as play:
        assert await with_answers(play, "+$1") == "Done."
        (event,) = play.told(BudgetSet)
        assert (event.scope, event.micro_dollars, event.term) == ("day", 1_010_000, date.today().isoformat())
        assert await play.session.prompt("go") == "Done."
        id = play.session.id
    with playing(scenario(say("Done.")), repository, resume=id, set=("budget.day=0.01",)) as play:
        assert await play.session.prompt("go") == "Done."


async def test_what_a_model_gave_to_a_subtask_is_heard_by_that_model(repository: Path) -> None:
    task = call("delegate", mode="code", message="CHILD", budget=0.01)
    script = {
        "lanes": [
            {"match": "PLAN", "steps": [task, say("Well.", expect="over budget, partial")]},
            {"match": "CHILD", "steps": [say("x")]},
        ],
        "prices": {"model-1": DOLLARS},
    }
    with playing(script, repository, mode="orchestrator", someone_answers=True) as play:
        assert await play.session.prompt("PLAN") == "Well."
        assert play.told(QuestionAsked) == [] and play.provider.mismatches == []
        assert {event.task: event.outcome for event in play.told(TaskEnded)} == {
            "1": "over_budget",
            "main": "done",
        }


async def test_of_several_tasks_one_asks_and_the_others_go_on_with_the_answer(repository: Path) -> None:
    tasks = [call("delegate", mode="ask", message=f"CHILD {n}") for n in range(3)]
    script = {
        "lanes": [
            {"match": "PLAN", "steps": [calls(*tasks), say("Well.")]},
            {"match": "CHILD", "steps": [say("x")]},
        ],
        "prices": {"model-1": DOLLARS},
    }
    more: dict[str, Any] = {"mode": "orchestrator", "someone_answers": True, "set": ("budget.session=0.035",)}
    with playing(script, repository, **more) as play:
        work = asyncio.ensure_future(play.session.prompt("PLAN"))
        number = 0
        while not work.done():
            if len(play.told(QuestionAsked)) > number:
                number += 1
                play.session.answer(play.told(QuestionAsked)[-1].id, "+$5")
            await asyncio.sleep(0.01)
        assert await work == "Well."
        assert number == 1


async def test_a_stop_holds_for_the_tasks_of_that_prompt_alone(repository: Path) -> None:
    script: dict[str, Any] = {
        "lanes": [
            {"match": "PLAN", "steps": [call("delegate", mode="ask", message="CHILD"), say("Well.")] * 2},
            {"match": "CHILD", "steps": [say("x")]},
        ],
        "prices": {"model-1": DOLLARS, "free": {"input": "0", "output": "0"}},
    }
    more: dict[str, Any] = {
        "mode": "orchestrator",
        "someone_answers": True,
        "models": ("scripted/model-1", "orchestrator=scripted/free"),
        "set": (*TIGHT, 'prices."scripted/free"={input=0, output=0}'),
    }
    with playing(script, repository, **more) as play:
        for number in (1, 2):
            work = asyncio.ensure_future(play.session.prompt("PLAN"))
            question = await asked(play, work, number)
            assert question.task == str(number)
            play.session.answer(question.id, "Stop")
            assert await work == "Well."

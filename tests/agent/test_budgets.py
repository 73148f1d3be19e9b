from datetime import date
from typing import Any

from kcode.agent.budgets import Budgets, held_to
from kcode.events import MAIN, BudgetSet, Event, TaskStarted
from kcode.settings import Budget

TODAY = date(2026, 11, 20)


def said(*events: Event) -> Budgets:
    budgets = Budgets()
    for event in events:
        assert isinstance(event, BudgetSet | TaskStarted)
        budgets.add(event)
    return budgets


def amount(micro_dollars: int | None, **more: Any) -> BudgetSet:
    return BudgetSet(task=MAIN, micro_dollars=micro_dollars, **more)


def begun(budget: int | None) -> TaskStarted:
    return TaskStarted(task="1", parent=MAIN, mode="code", model="x/y", project="", budget=budget)


def limits(budget: dict[str, str], *upwards: tuple[str, Budgets]) -> list[tuple[str, str, int]]:
    held = held_to(upwards, Budget.model_validate(budget), TODAY)
    return [(limit.scope, limit.key, limit.micro_dollars) for limit in held]


def test_without_a_word_there_is_no_limit() -> None:
    assert limits({}, (MAIN, said())) == []


def test_the_settings_amounts_hold_for_all_but_the_session_which_has_its_own() -> None:
    every = {"request": "0.5", "task": "1", "session": "2", "day": "3", "month": "4", "repository": "5"}
    assert limits(every, (MAIN, said(amount(700_000)))) == [
        ("request", "", 500_000),
        ("task", MAIN, 1_000_000),
        ("session", "", 700_000),
        ("day", "", 3_000_000),
        ("month", "", 4_000_000),
        ("repository", "", 5_000_000),
    ]


def test_a_subtask_is_held_to_what_it_and_those_above_it_were_given() -> None:
    chain = (("1.1", said(begun(200_000))), ("1", said(begun(None))), (MAIN, said(amount(900_000))))
    assert limits({}, *chain) == [("task", "1.1", 200_000), ("session", "", 900_000)]
    assert limits({"task": "0.1"}, *chain)[:3] == [
        ("task", "1.1", 100_000),
        ("task", "1", 100_000),
        ("task", MAIN, 100_000),
    ], "a model cannot give more than the settings allow"


def test_the_users_word_on_a_day_holds_for_that_day() -> None:
    raised = said(amount(9_000_000, scope="day", term="2026-11-20"))
    assert limits({"day": "3"}, (MAIN, raised)) == [("day", "", 9_000_000)]
    old = said(amount(9_000_000, scope="day", term="2026-11-19"))
    assert limits({"day": "3"}, (MAIN, old)) == [("day", "", 3_000_000)]
    lifted = said(amount(None, scope="month", term="2026-11"), amount(None, scope="task"))
    assert limits({"month": "3", "task": "1"}, (MAIN, lifted)) == []


def test_the_purse_is_that_of_the_last_word_on_the_session() -> None:
    budgets = said(amount(5, purse="first", used=3), amount(9, scope="day", term="2026-11-20"))
    assert (budgets.session, budgets.purse, budgets.elsewhere) == (5, "first", 3)

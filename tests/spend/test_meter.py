from decimal import Decimal

import pytest

from kcode.events import (
    BudgetSet,
    Condensed,
    Left,
    MessageAdded,
    Purpose,
    Retrying,
    Spend,
    SpendState,
    Spent,
    TaskEnded,
    TextArrived,
    Uncondensed,
)
from kcode.messages import Prompt, ToolResult, Usage
from kcode.settings import Price
from kcode.spend.meter import Meter
from kcode.spend.prices import price_from_settings

PRICE = price_from_settings(
    Price(input=Decimal(3), output=Decimal(15), cached=Decimal("0.3"), stored=Decimal("3.75")), surcharge=True
)


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def meter(clock: Clock) -> Meter:
    return Meter(clock=clock, price=PRICE, window=200_000)


NOTHING = Usage()


def spent(
    money: int | None,
    usage: Usage = NOTHING,
    task: str = "main",
    state: SpendState = "settled",
    purpose: Purpose = "chat",
) -> Spent:
    spend = Spend(usage=usage, micro_dollars=money, state=state)
    return Spent(task=task, request="r", purpose=purpose, mode="code", model="a/b", spend=spend)


def text(count: int, task: str = "main") -> TextArrived:
    return TextArrived(task=task, text="x" * count)


def prompt(words: str = "do it") -> MessageAdded:
    return MessageAdded(task="main", message=Prompt(text=words))


def test_money_ticks_as_an_estimate_while_text_streams(meter: Meter) -> None:
    meter(text(400))
    assert str(meter.reading().session) == "~$0.0015"
    meter(text(400))
    assert str(meter.reading().session) == "~$0.0030"


def test_the_truth_replaces_the_estimate(meter: Meter) -> None:
    meter(text(4_000))
    meter(spent(9_000, Usage(fresh=1_000, output=400)))
    reading = meter.reading()
    assert str(reading.session) == "$0.0090"
    assert reading.context == 1_400


def test_the_input_of_a_running_request_is_estimated_at_the_price_of_the_cache(meter: Meter) -> None:
    meter(spent(30_000, Usage(stored=9_900, output=100)))
    meter(text(4))
    assert meter.reading().session.micro_dollars == 30_000 + 3_000 + 15


def test_an_attempt_that_failed_is_forgotten(meter: Meter) -> None:
    meter(text(4_000))
    meter(spent(0, state="failed"))
    meter(Retrying(task="main", attempt=1, wait=1, model="a/b", reason="overloaded"))
    assert str(meter.reading().session) == "$0"


def test_an_unknown_price_makes_the_sum_a_lower_bound(meter: Meter) -> None:
    meter(spent(1_000))
    meter(spent(None))
    assert str(meter.reading().session) == "≥$0.0010"


def test_without_a_price_nothing_is_estimated(clock: Clock) -> None:
    meter = Meter(clock=clock)
    meter(text(4_000))
    reading = meter.reading()
    assert (reading.session.micro_dollars, reading.next_cold, reading.fill) == (0, None, None)


def test_a_turn_begins_with_the_prompt_and_lasts_until_the_next_one(meter: Meter) -> None:
    meter(prompt())
    meter(spent(1_000))
    meter(prompt("and quickly"))  # said while it works
    meter(spent(2_000))
    meter(TaskEnded(task="main", outcome="done", text=""))
    assert meter.reading().turn.micro_dollars == 3_000
    meter(prompt("now this"))
    meter(spent(4_000))
    reading = meter.reading()
    assert (reading.turn.micro_dollars, reading.session.micro_dollars) == (4_000, 7_000)


def test_what_is_said_and_found_adds_to_the_context_until_it_is_counted(meter: Meter) -> None:
    meter(spent(0, Usage(fresh=1_000)))
    meter(MessageAdded(task="main", message=ToolResult(call_id="c", text="x" * 4_000)))
    assert meter.reading().context == 2_000
    meter(Condensed(task="main", summary="s", kept=0, before=2_000, after=300))
    assert meter.reading().context == 300
    meter(MessageAdded(task="main", message=ToolResult(call_id="d", text="x" * 400)))
    meter(Uncondensed(task="main"))
    assert meter.reading().context == 2_100


def test_a_subtask_costs_but_does_not_fill_the_context(meter: Meter) -> None:
    meter(spent(5_000, Usage(fresh=900_000), task="child"))
    reading = meter.reading()
    assert (reading.session.micro_dollars, reading.context) == (5_000, 0)


def test_a_title_does_not_fill_the_context_either(meter: Meter) -> None:
    meter(spent(50, Usage(fresh=5_000), purpose="title"))
    assert meter.reading().context == 0


def test_the_rate_is_that_of_the_last_minute(meter: Meter, clock: Clock) -> None:
    meter(spent(10_000))
    clock.now += 40
    meter(spent(20_000))
    assert meter.reading().per_minute == 30_000
    clock.now += 30
    assert meter.reading().per_minute == 20_000
    assert meter.minutes(2) == [10_000, 20_000]


def test_the_past_costs_but_was_not_spent_in_this_minute(meter: Meter) -> None:
    meter.recall(spent(10_000))
    reading = meter.reading()
    assert (reading.session.micro_dollars, reading.per_minute) == (10_000, 0)


def test_what_is_left_of_a_budget_is_never_negative(meter: Meter) -> None:
    assert meter.reading().left is None
    meter(BudgetSet(task="main", micro_dollars=50_000))
    meter(spent(20_000))
    assert meter.reading().left == 30_000
    meter(spent(40_000))
    assert meter.reading().left == 0


def test_the_next_request_is_priced_warm_and_cold(meter: Meter) -> None:
    meter(spent(0, Usage(cached=10_000)))
    reading = meter.reading()
    assert (reading.next_warm, reading.next_cold) == (3_000, 37_500)


def test_spend_is_sorted_by_mode_model_and_purpose(meter: Meter) -> None:
    meter(spent(1_000))
    meter(spent(2_000))
    meter(spent(10, purpose="title"))
    assert {account.purpose: total.micro_dollars for account, total in meter.accounts.items()} == {
        "chat": 3_000,
        "title": 10,
    }


def test_the_budget_that_is_shown_is_the_one_of_which_the_least_is_left(meter: Meter) -> None:
    day = Left(scope="day", budget=900, left=300)
    meter(BudgetSet(task="main", micro_dollars=1_000))
    meter(spent(600).model_copy(update={"tightest": day}))
    assert meter.reading().tightest == day
    meter(text(40))
    assert meter.reading().left == 300 - 150
    meter(spent(200).model_copy(update={"tightest": Left(scope="session", budget=1_000, left=200)}))
    tightest = meter.reading().tightest
    assert tightest is not None and (tightest.scope, tightest.left) == ("session", 200)


def test_where_the_session_has_no_budget_another_ones_is_shown(meter: Meter) -> None:
    assert meter.reading().left is None
    meter(spent(600).model_copy(update={"tightest": Left(scope="repository", budget=900, left=300)}))
    assert meter.reading().left == 300

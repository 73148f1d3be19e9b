from datetime import datetime

from kcode.spend.forecast import Forecast, Month, Run, as_text, forecast, month, runs
from kcode.spend.row import Row
from tests.spend.rows import MODEL, row

SHOP = "/home/ada/shop"
NOW = datetime(2026, 11, 20, 12)


def run_of(micro_dollars: int, **more: str) -> Run:
    return Run(
        **{"repository": SHOP, "mode": "code", "model": MODEL} | more, micro_dollars=micro_dollars, requests=1
    )


def work(session: str, *costs: int) -> list[Row]:
    """A prompt for each amount: the first step costs all but 1, a second one and a subtask the rest."""
    found = []
    for cost in costs:
        found += [
            row(cost - 2, session=session, reads="prompt", root=SHOP),
            row(1, session=session, reads="prompt", task="1", mode="ask", root=SHOP),
            row(1, session=session, reads="read", root=SHOP),
        ]
    return found


def test_a_run_is_what_follows_a_prompt_with_all_that_it_set_going() -> None:
    rows = [
        *work("a", 500, 700),
        row(3, session="a", purpose="condense", reads="", root=SHOP),
        row(0, session="a", reads="prompt", parent="1", root=SHOP),
        row(900, session="b", reads="prompt", root=SHOP),
    ]
    assert [(run.micro_dollars, run.requests, run.mode) for run in runs(rows)] == [
        (500, 3, "code"),
        (703, 5, "code"),
        (900, 1, "code"),
    ]


def test_old_rows_make_a_run_of_each_session() -> None:
    assert [run.micro_dollars for run in runs([row(5), row(6), row(7, session="b")])] == [11, 7]


def test_what_is_under_way_or_has_no_price_is_no_basis() -> None:
    assert runs([row(5, reads="prompt"), row(None, reads="read")]) == []


def test_there_is_no_number_without_a_basis() -> None:
    four = [run_of(100)] * 4
    assert forecast(four, SHOP, "code", MODEL) is None
    assert forecast([*four, run_of(1, repository="/elsewhere")], SHOP) is None


def test_the_likest_runs_that_are_enough_are_the_basis() -> None:
    past = [run_of(cost) for cost in (100, 200, 300, 400, 10_000)]
    assert forecast(past, SHOP, "code", MODEL) == Forecast(f"code with {MODEL}", 5, 300, 10_000)
    assert forecast(past, SHOP, "code", "x/y") == Forecast("code here", 5, 300, 10_000)
    assert forecast(past, SHOP, "ask", "x/y") == Forecast("here", 5, 300, 10_000)
    ten = [run_of(cost) for cost in range(1, 11)]
    assert forecast(ten, SHOP) == Forecast("here", 10, 5, 9)


def test_a_month_goes_on_at_the_pace_of_the_last_days() -> None:
    days = ["2026-10-31", "2026-11-03", *(f"2026-11-{day}" for day in (10, 12, 15, 18, 20))]
    rows = [row(1_400, day=day) for day in days]
    # five days of the last fourteen: 500 a day, and ten more days in November
    assert month(rows, NOW) == Month(6 * 1_400, 6 * 1_400 + 10 * 500)
    assert month(rows[:5], NOW) == Month(4 * 1_400, None)


def test_it_is_told_in_a_line_each() -> None:
    rows = work("a", 500_000, 600_000, 700_000, 800_000, 900_000)
    assert as_text(rows, SHOP, NOW) == [
        f"A prompt here, by what yours have cost: code with {MODEL}: half cost at most $0.7000, nine of ten $0.9000 "
        "(5 runs)",
        "This month: $3.500 so far; no basis yet for more (5 days are wanted).",
    ]
    assert as_text(rows[:3], SHOP, NOW)[0] == "A prompt here: no basis yet (1 done here; 5 are wanted)."

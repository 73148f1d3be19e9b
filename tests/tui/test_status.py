import time
from pathlib import Path

import pytest

from kcode.messages import Usage
from kcode.spend.meter import Reading
from kcode.spend.total import Total
from kcode.tui.status import Activity, Cell, StatusBar, TopBar, duration, fitted, gauge, permitted
from tests.tui.screen import Frame, shown


def reading(
    money: int = 14_600,
    *,
    estimate: bool = False,
    unknown: int = 0,
    context: int = 24_000,
    budget: int | None = None,
) -> Reading:
    usage = Usage(fresh=2_000, cached=8_000, output=326)
    total = Total(micro_dollars=money, is_estimate=estimate, unknown=unknown, requests=2, usage=usage)
    return Reading(
        session=total,
        turn=total,
        per_minute=120_000,
        context=context,
        window=200_000,
        budget=budget,
        next_warm=None,
        next_cold=None,
    )


async def bar(reading: Reading, width: int = 140) -> str:
    status = StatusBar()
    async with Frame(status).run_test(size=(width, 3)) as pilot:
        status.show(reading)
        await pilot.pause()
        return shown(pilot.app).splitlines()[0]


async def test_the_bar_tells_money_rate_tokens_cache_and_window() -> None:
    line = await bar(reading())
    for part in ("$0.0146", "turn $0.0146", "$0.1200/min", "↑10k ↓326", "cache 80%", "12% of 200k", "? keys"):
        assert part in line


async def test_marks_say_what_is_an_estimate_and_what_a_lower_bound() -> None:
    assert "~$0.0146" in await bar(reading(estimate=True))
    assert "≥$0.0146" in await bar(reading(unknown=1))
    assert "$?" in await bar(reading(0, unknown=2))


async def test_the_budget_shows_what_is_left_and_warns_in_words_too() -> None:
    assert "$0.9854 left" in await bar(reading(budget=1_000_000))
    assert "! $0.0004 left" in await bar(reading(budget=15_000))


async def test_a_narrow_bar_keeps_what_matters() -> None:
    line = await bar(reading(budget=1_000_000), width=60)
    assert len(line) <= 60
    for part in ("$0.0146", "12% of 200k", "left"):
        assert part in line
    assert "/min" not in line


async def test_nothing_moves_when_a_number_grows() -> None:
    before, after = await bar(reading(14_600)), await bar(reading(914_600, estimate=True))
    assert before.index("cache") == after.index("cache")


async def test_the_top_says_who_works_where() -> None:
    top = TopBar()
    async with Frame(top).run_test(size=(100, 3)) as pilot:
        top.show(mode="code", model="anthropic/claude-x", branch="main", root=Path.home() / "shop")
        await pilot.pause()
        line = shown(pilot.app).splitlines()[0]
        assert line.split() == ["code", "claude-x", "anthropic", "~/shop", "(main)"]
        top.show(permissions=permitted("auto", "bubblewrap, no network"))
        await pilot.pause()
        assert "! asks nothing (bubblewrap, no network)" in shown(pilot.app)


async def test_the_name_of_a_branch_cannot_play_tricks() -> None:
    top = TopBar()
    async with Frame(top).run_test(size=(100, 3)) as pilot:
        top.show(mode="code", branch="[red]\x1b[2Jevil\u202e")
        await pilot.pause()
        assert "[red]evil⟨U+202E⟩" in shown(pilot.app)


async def test_activity_is_an_empty_line_until_something_goes_on() -> None:
    activity = Activity()
    async with Frame(activity).run_test(size=(60, 3)) as pilot:
        assert shown(pilot.app).strip() == ""
        activity.show("Working", "Esc stops", time.monotonic())
        await pilot.pause()
        assert "Working  0 s" in shown(pilot.app)
        assert "Esc stops" in shown(pilot.app)


def test_the_lightest_cells_go_first_and_the_order_stays() -> None:
    cells = [Cell("aaaa", weight=1), Cell("bbbb", weight=3), Cell("cccc", weight=2)]
    assert [cell.text for cell in fitted(cells, 10)] == ["bbbb", "cccc"]
    assert [cell.text for cell in fitted(cells, 5)] == ["bbbb"]


@pytest.mark.parametrize(
    ("fill", "bar"), [(0, "╌╌╌╌"), (0.01, "━╌╌╌"), (0.5, "━━╌╌"), (1, "━━━━"), (7, "━━━━")]
)
def test_the_gauge(fill: float, bar: str) -> None:
    assert gauge(fill, 4) == bar


@pytest.mark.parametrize(("seconds", "text"), [(7.9, "7 s"), (125, "2:05"), (3_725, "1:02:05")])
def test_a_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text

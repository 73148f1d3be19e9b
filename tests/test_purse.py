"""The session's budget, from session to session."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from kcode.cli.screen import wished
from kcode.cli.start import start
from kcode.errors import OverBudget
from kcode.spend.meter import Meter
from kcode.tui.engine.words import Wish
from tests.playing import DOLLARS, Play, call, options_for, playing, say, scenario

WORDS = " ".join(str(number * 7919) for number in range(850))
LONG = say(WORDS)
"""About 1,450 tokens of output: $0.022."""
BUDGET = Decimal("0.08")
SCRIPT = scenario(LONG)


def spend_some(play: Play) -> int:
    """What the session has cost by then."""
    assert 20_000 < play.billed < 40_000
    return play.billed


@pytest.fixture
async def begun(repository: Path) -> str:
    """Id of a session that has spent about some of its eight cents."""
    with playing(SCRIPT, repository, max_budget_usd=BUDGET) as play:
        await play.session.prompt("go")
        spend_some(play)
        return play.session.id


async def test_a_session_that_is_gone_on_with_has_what_is_left(repository: Path, begun: str) -> None:
    with playing(SCRIPT, repository, resume=begun) as play:
        with pytest.raises(OverBudget, match=r"of the session's \$0.0800 is left"):
            for _ in range(6):
                await play.session.prompt("go on")
        assert play.billed <= 80_000


async def test_a_fork_shares_the_budget_of_its_session(repository: Path, begun: str) -> None:
    with playing(SCRIPT, repository, resume=begun, fork=True) as fork:
        assert fork.session.id != begun
        with pytest.raises(OverBudget):
            for _ in range(6):
                await fork.session.prompt("go on")
        spent_by_fork = fork.billed
    with playing(SCRIPT, repository, resume=begun) as play:
        assert play.billed + spent_by_fork <= 80_000
        with pytest.raises(OverBudget):
            await play.session.prompt("and you?")
        told = play.session.task.conversation.budgets
        assert told.elsewhere == spent_by_fork > 0


async def test_a_fork_with_an_amount_of_its_own_has_that(repository: Path, begun: str) -> None:
    with playing(SCRIPT, repository, resume=begun, fork=True, max_budget_usd=BUDGET) as fork:
        await fork.session.prompt("go on")
        assert fork.session.task.conversation.budgets.purse == fork.session.id


async def test_a_new_session_of_the_screen_goes_on_with_the_budget(repository: Path, begun: str) -> None:
    with playing(SCRIPT, repository, max_budget_usd=BUDGET) as play:
        options = options_for(play.provider, repository, max_budget_usd=BUDGET, resume=begun)
        meter = Meter()
        with start(wished(options, Wish("new", budget=80_000, purse=begun)), False).put_away:
            pass
        started = start(
            wished(options, Wish("new", budget=80_000, purse=begun)), someone_answers=False, listeners=[meter]
        )
        with started.put_away:
            assert started.session.id != begun
            left = meter.reading().left
            assert left is not None and 40_000 < left < 60_000
            with pytest.raises(OverBudget):
                for _ in range(6):
                    await started.session.prompt("something else")


async def test_a_budget_that_is_lifted_is_lifted_for_a_fork_too(repository: Path, begun: str) -> None:
    with playing(SCRIPT, repository, resume=begun) as play:
        play.session.set_budget(None)
    with playing(SCRIPT, repository, resume=begun, fork=True) as fork:
        for _ in range(6):
            await fork.session.prompt("go on")


async def test_a_subtask_spends_its_parents_money_and_no_more_than_it_was_given(repository: Path) -> None:
    task = call("delegate", mode="code", message="CHILD", budget=0.06)
    lanes: list[dict[str, Any]] = [
        {"match": "PLAN", "steps": [task, say("Well.", expect="over budget, partial")]},
        {"match": "CHILD", "steps": [call("list", path=".") | LONG, LONG, LONG, LONG]},
    ]
    script = {"lanes": lanes, "prices": {"model-1": DOLLARS}}
    more: dict[str, Any] = {"mode": "orchestrator", "max_budget_usd": Decimal(1)}
    with playing(script, repository, **more) as play:
        assert await play.session.prompt("PLAN") == "Well."
        rows = play.started.ledger.rows(session=play.session.id)
        of_child = sum(row.charged or 0 for row in rows if row.task == "1")
        assert 0 < of_child <= 60_000
        assert play.billed == play.provider.total == sum(row.charged or 0 for row in rows)

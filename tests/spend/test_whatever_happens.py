"""Random scripts, prices, budgets, faults and cancels, over real HTTP: what the provider's invoice says stays within
every budget, and the ledger says the same as the invoice."""

import asyncio
import tempfile
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcode.errors import KcodeError, Scope
from kcode.scripted.invoice import Row as Billed
from kcode.spend.ledger import Ledger
from kcode.spend.limits import Limit, limits
from tests.asking import MODEL, NAME, Asking, WireName, asking

TASKS = ("main", "1", "1.1", "2")
FREE = ("rate_limit", "server_error", "overloaded", "reset", "no_credit", "html")
CUT = ("reset_mid", "eof_mid", "error_event", "malformed_sse")
BENT = ("empty_reply", "max_tokens", "content_filter")
PRICES = st.fixed_dictionaries(
    {
        "input": st.sampled_from(["0.25", "3", "5", "0.07"]),
        "output": st.sampled_from(["2", "15", "25.5"]),
        "cached": st.sampled_from(["0.025", "0.3", "3"]),
        "stored": st.sampled_from(["0.25", "3.75", "6.25"]),
        "stored_1h": st.sampled_from(["6", "10"]),
    }
)


@dataclass(frozen=True, slots=True)
class Ask:
    """One request, and what happens to it."""

    task: str
    prompt: int
    """Words."""
    reply: int
    fault: str | None
    after: int
    """Deltas before a fault in mid-stream."""
    cancelled_after: float | None
    """Seconds."""


asks = st.builds(
    Ask,
    task=st.sampled_from(TASKS),
    prompt=st.integers(1, 3000),
    reply=st.integers(1, 400),
    fault=st.sampled_from([None, None, None, *FREE, *CUT, *BENT]),
    after=st.integers(1, 6),
    cancelled_after=st.sampled_from([None, None, None, 0.0, 0.01, 0.03]),
)
amounts = st.none() | st.integers(0, 60_000)
budgets = st.fixed_dictionaries(
    {},
    optional={
        "request": st.integers(0, 30_000),
        "session": st.integers(0, 60_000),
        "day": st.integers(0, 60_000),
        "repository": st.integers(0, 60_000),
    },
)
trees = st.fixed_dictionaries({"1": amounts, "1.1": amounts, "2": amounts})


def played(work: list[Ask], prices: dict[str, str]) -> dict[str, Any]:
    lanes = [{"match": f"^N{n} ", "steps": [step(one)]} for n, one in enumerate(work)]
    faults = [{"lane": n, "kind": one.fault, "after": one.after} for n, one in enumerate(work) if one.fault]
    return {"lanes": lanes, "prices": {NAME: prices}, "faults": faults, "cache": {"min_tokens": 64}}


def step(one: Ask) -> dict[str, Any]:
    """Of what goes on without being heard, little is lost at the pace of a model."""
    if one.cancelled_after is None and one.fault != "malformed_sse":
        return {"text": "word " * one.reply, "chunk": 200}
    return {"text": "word " * min(one.reply, 30), "chunk": 8, "pace": 0.02}


async def ask(play: Asking, number: int, one: Ask, held: tuple[Limit, ...]) -> None:
    text = f"N{number} " + "say " * one.prompt
    request = play.ask(text, task=one.task, limits=held, root="/home/ada/shop", max_tokens=1500)
    with suppress(KcodeError, TimeoutError):
        await asyncio.wait_for(
            request, one.cancelled_after or 30
        ) if one.cancelled_after != 0 else request.close()


def above(task: str) -> list[str]:
    parts = task.split(".") if task != "main" else []
    return [".".join(parts[:n]) for n in range(len(parts), 0, -1)]


def in_tree(task: str, root: str) -> bool:
    return root in above(task)


async def bill_of(play: Asking) -> list[Billed]:
    """When the provider has seen the end of every request."""
    for received in play.provider.requests:
        await asyncio.to_thread(play.provider.wait_for_end, received.number)
    return play.provider.invoice


@hypothesis.settings(max_examples=15, suppress_health_check=[hypothesis.HealthCheck.too_slow])
@pytest.mark.parametrize("wire", ["anthropic", "openai"])
@given(
    work=st.lists(asks, min_size=1, max_size=6),
    prices=PRICES,
    budget=budgets,
    given_to=trees,
    side_by_side=st.booleans(),
)
async def test_spend_stays_within_every_budget_and_the_ledger_is_the_invoice(
    wire: WireName,
    work: list[Ask],
    prices: dict[str, str],
    budget: dict[Scope, int],
    given_to: dict[str, int | None],
    side_by_side: bool,
) -> None:
    price = ", ".join(f"{name}={value}" for name, value in prices.items())
    more = (
        f'prices."{MODEL}"={{{price}}}',
        "retry.attempts=2",
        "retry.first_wait=0.001",
        "budget.least_output=50",
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.sqlite3"
        with asking(played(work, prices), path, *more, wire=wire) as play:
            asked = [
                ask(play, n, one, limits(budget, {id: given_to[id] for id in above(one.task)}))
                for n, one in enumerate(work)
            ]
            if side_by_side:
                await asyncio.gather(*asked)
            else:
                for one in asked:
                    await one
            invoice = await bill_of(play)
        book = Ledger(path)
        rows, used = book.rows(), book.used("s")
        book.close()

    bills = [bill.micro_dollars or 0 for bill in invoice]
    for scope, amount in budget.items():
        assert (max(bills, default=0) if scope == "request" else sum(bills)) <= amount
    for root, given_amount in given_to.items():
        if given_amount is not None:
            tree = [
                b.micro_dollars or 0
                for b in invoice
                if b.lane is not None and in_tree(work[b.lane].task, root)
            ]
            assert sum(tree) <= given_amount

    assert {row.state for row in rows} <= {"settled", "estimated", "failed"}
    assert len(rows) == len(play.provider.requests) or any(one.cancelled_after for one in work)
    settled = Counter(row.charged for row in rows if row.state == "settled")
    assert settled <= Counter(bills)
    assert used >= sum(bills)
    if all(one.fault not in CUT and one.cancelled_after is None for one in work):
        assert sum(row.charged or 0 for row in rows) == sum(bills)

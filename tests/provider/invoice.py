"""The invoice: what every request cost, in whole micro-dollars; integers and fractions, never floats."""

from __future__ import annotations

from fractions import Fraction
from math import floor

from kcode.scripted.scenario import Price, Rates, Record


class Usage(Record):
    """Disjoint counts of tokens; `reasoning` is the part of `output` that was thinking."""

    fresh: int = 0
    cached: int = 0
    stored: int = 0
    stored_1h: int = 0
    output: int = 0
    reasoning: int = 0

    @property
    def input(self) -> int:
        return self.fresh + self.cached + self.stored + self.stored_1h


class Row(Record):
    """One billed request. `whole`: its reply was sent to the end. `micro_dollars`: None without a price."""

    number: int
    wire: str
    model: str
    lane: int | None
    step: int | None
    usage: Usage
    micro_dollars: int | None
    whole: bool


def micro_dollars(usage: Usage, price: Price | None) -> int | None:
    """The exact sum, rounded half up once."""
    if price is None:
        return None
    long = price.long_context
    rates: Rates = long if long and usage.input > long.above else price
    return floor(exact(usage, rates) + Fraction(1, 2))


def exact(usage: Usage, rates: Rates) -> Fraction:
    """The micro-dollars of a request as a fraction."""
    stored = rates.input if rates.stored is None else rates.stored
    each = (
        (usage.fresh, rates.input),
        (usage.cached, rates.input if rates.cached is None else rates.cached),
        (usage.stored, stored),
        (usage.stored_1h, stored if rates.stored_1h is None else rates.stored_1h),
        (usage.output, rates.output),
    )
    return sum((count * Fraction(rate) for count, rate in each), Fraction(0))


def table(rows: list[Row]) -> str:
    """The invoice as text, a line a request and the sum."""
    head = f"{'#':>4} {'model':<28} {'fresh':>8} {'cached':>8} {'stored':>8} {'output':>8} {'micro-$':>10}"
    lines = [
        f"{row.number:>4} {row.model:<28} {row.usage.fresh:>8} {row.usage.cached:>8} "
        f"{row.usage.stored + row.usage.stored_1h:>8} {row.usage.output:>8} "
        f"{'?' if row.micro_dollars is None else row.micro_dollars:>10}{'' if row.whole else '  cut'}"
        for row in rows
    ]
    total = sum(row.micro_dollars or 0 for row in rows)
    return "\n".join([head, *lines, f"{'total':>78} {total}" if rows else "nothing was billed"])

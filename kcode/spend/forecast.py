"""What a piece of work will likely cost, from what the user's own have cost. Pure; no basis, no number.

A run is what follows one prompt of the user's, subtasks and retries with it, up to the next prompt.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from kcode.events import MAIN
from kcode.spend.money import dollars
from kcode.spend.row import Row

LEAST = 5
"""Runs, or days, below which nothing is foretold."""
DAYS = 14
"""Of the past, whose pace a month is continued with."""


@dataclass(frozen=True, slots=True)
class Run:
    repository: str
    mode: str
    model: str
    micro_dollars: int
    requests: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """Of `count` runs half cost at most `p50` micro-dollars, nine of ten at most `p90` (nearest rank)."""

    basis: str
    """What the runs have in common, in words."""
    count: int
    p50: int
    p90: int

    def __str__(self) -> str:
        most = f"half cost at most {dollars(self.p50)}, nine of ten {dollars(self.p90)}"
        return f"{self.basis}: {most} ({self.count} runs)"


@dataclass(frozen=True, slots=True)
class Month:
    so_far: int
    by_its_end: int | None
    """None: there are too few days to go by."""


def runs(rows: Iterable[Row]) -> list[Run]:
    """Those that have come to their end and whose price is known, the oldest first."""
    current: dict[str, list[Row]] = {}
    found: list[list[Row]] = []
    for row in rows:
        if row.session not in current or _begins(row):
            current[row.session] = []
            found.append(current[row.session])
        current[row.session].append(row)
    return [_run(part) for part in found if all(row.charged is not None for row in part)]


def forecast(past: Sequence[Run], repository: str, mode: str = "", model: str = "") -> Forecast | None:
    """From the likest runs of which there are enough: those here in this mode with this model, in this mode, here.
    None: no basis yet."""
    for names, words in (
        (("mode", "model"), f"{mode} with {model}"),
        (("mode",), f"{mode} here"),
        ((), "here"),
    ):
        wanted = {"repository": repository, "mode": mode, "model": model}
        if all(wanted[name] for name in names):
            alike = [run for run in past if all(getattr(run, n) == wanted[n] for n in ("repository", *names))]
            if len(alike) >= LEAST:
                costs = sorted(run.micro_dollars for run in alike)
                return Forecast(words, len(costs), _rank(costs, 0.5), _rank(costs, 0.9))
    return None


def month(rows: Iterable[Row], now: datetime) -> Month:
    """What this month has cost, and will have, at the pace of the last days. `now` is local time without a zone."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    first, began = today.replace(day=1), today - timedelta(days=DAYS - 1)
    known = [(datetime.fromtimestamp(row.started), row.charged) for row in rows if row.charged is not None]
    so_far = sum(charged for at, charged in known if at >= first)
    recent = [(at.date(), charged) for at, charged in known if at >= began]
    if len({day for day, _ in recent}) < LEAST:
        return Month(so_far, None)
    days_left = ((first + timedelta(days=32)).replace(day=1) - today).days - 1
    return Month(so_far, so_far + sum(charged for _, charged in recent) * days_left // DAYS)


def _begins(row: Row) -> bool:
    """Whether the user said something that this request is the first to hear. Old rows do not tell."""
    return row.task == MAIN and row.purpose == "chat" and row.reads == "prompt" and row.parent is None


def _run(rows: Sequence[Row]) -> Run:
    first = next((row for row in rows if row.task == MAIN and row.purpose == "chat"), rows[0])
    money = sum(row.charged or 0 for row in rows)
    return Run(first.repository, first.mode, first.model, money, len(rows))


def _rank(costs: Sequence[int], share: float) -> int:
    return costs[math.ceil(share * len(costs)) - 1]


def as_text(rows: Sequence[Row], repository: str, now: datetime) -> list[str]:
    """For each mode and model of this repository that there is a basis for, and for the month."""
    past = runs(rows)
    here = [run for run in past if run.repository == repository]
    kinds = sorted({(run.mode, run.model) for run in here})
    told = {str(found): None for kind in kinds if (found := forecast(past, repository, *kind))}
    lines = [f"A prompt here, by what yours have cost: {line}" for line in told]
    if not lines:
        lines = [f"A prompt here: no basis yet ({len(here)} done here; {LEAST} are wanted)."]
    this = month(rows, now)
    if this.by_its_end is None:
        return [
            *lines,
            f"This month: {dollars(this.so_far)} so far; no basis yet for more ({LEAST} days are wanted).",
        ]
    end = dollars(this.by_its_end, is_estimate=True)
    return [
        *lines,
        f"This month: {dollars(this.so_far)} so far, {end} by its end at the pace of {DAYS} days.",
    ]

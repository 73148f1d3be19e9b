"""What was spent, by whom and on what: rows of the ledger in, lines out. Pure."""

import csv
import io
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal

from kcode.messages import Usage
from kcode.spend.money import dollars, plain_dollars, tokens
from kcode.spend.prices import differs
from kcode.spend.row import Row
from kcode.spend.table import table
from kcode.spend.total import Total

By = Literal["model", "mode", "task", "day", "month", "repo", "purpose", "session", "tool"]

NAMES: dict[By, Callable[[Row], str]] = {
    "model": lambda row: row.model,
    "mode": lambda row: row.mode,
    "task": lambda row: f"{row.session} {row.task}",
    "day": lambda row: f"{datetime.fromtimestamp(row.started):%Y-%m-%d}",
    "month": lambda row: f"{datetime.fromtimestamp(row.started):%Y-%m}",
    "repo": lambda row: short(row.repository) or "(no repository)",
    "purpose": lambda row: row.purpose,
    "session": lambda row: row.session,
    "tool": lambda row: row.reads or "",
}
IN_ORDER_OF_TIME: frozenset[By] = frozenset({"day", "month"})
BAR = 10


@dataclass(frozen=True, slots=True)
class Group:
    name: str
    total: Total


def grouped(rows: Iterable[Row], by: By) -> list[Group]:
    """Days and months in their order, all else with the dearest first. Requests under way are not in it."""
    parts: defaultdict[str, list[Row]] = defaultdict(list)
    for row in by_tool(rows) if by == "tool" else rows:
        if row.state != "reserved":
            parts[NAMES[by](row)].append(row)
    groups = [Group(name, total_of(part)) for name, part in parts.items()]
    if by in IN_ORDER_OF_TIME:
        return sorted(groups, key=lambda group: group.name)
    return sorted(groups, key=lambda group: (-group.total.micro_dollars, -group.total.requests, group.name))


def by_tool(rows: Iterable[Row]) -> Iterator[Row]:
    """Each request as a part for each tool whose results it was the first to read, a share for each result: what they
    cost when they came, not their rent afterwards. `prompt` is the user's own words."""
    for row in rows:
        results = Counter((row.reads or f"({row.purpose})").split(","))
        for tool, part in zip(results, _parts(row, list(results.values())), strict=True):
            yield replace(part, reads=tool)


def _parts(row: Row, weights: Sequence[int]) -> Iterator[Row]:
    """The request divided by the weights; nothing gets lost by rounding."""
    whole, so_far = sum(weights), 0
    for weight in weights:
        share = partial(_between, so_far, so_far + weight, whole)
        so_far += weight
        usage = Usage(**{name: share(count) for name, count in row.usage})
        charged = None if row.charged is None else share(row.charged)
        calculated = None if row.calculated is None else share(row.calculated)
        yield replace(row, usage=usage, charged=charged, calculated=calculated)


def _between(start: int, end: int, whole: int, amount: int) -> int:
    return amount * end // whole - amount * start // whole


def total_of(rows: Iterable[Row]) -> Total:
    """Of requests that have come to their end; the others are passed over."""
    ended = [row for row in rows if row.state != "reserved"]
    return Total(
        micro_dollars=sum(row.charged or 0 for row in ended),
        is_estimate=any(row.state == "estimated" for row in ended),
        unknown=sum(row.charged is None for row in ended),
        requests=len(ended),
        usage=Usage(**{name: sum(getattr(row.usage, name) for row in ended) for name in Usage.model_fields}),
    )


def as_text(rows: Sequence[Row], by: By) -> list[str]:
    """A table with a line each group, their sum, and what must be known to read it."""
    groups, total = grouped(rows, by), total_of(rows)
    head = [by, "requests", "input", "cached", "output", "cost", ""]
    body = [_cells(group.name, group.total, total) for group in groups]
    lines = table([head, *body, _cells("total", total, None)], left=frozenset({0, 6}))
    return [*lines, *_notes(rows)]


def as_json(rows: Sequence[Row], by: By) -> str:
    groups = [{by: group.name} | _data(group.total) for group in grouped(rows, by)]
    return json.dumps({"by": by, "groups": groups, "total": _data(total_of(rows))}, indent=2)


def as_csv(rows: Sequence[Row], by: By) -> str:
    groups = [{by: group.name} | _data(group.total) for group in grouped(rows, by)]
    text = io.StringIO()
    writer = csv.DictWriter(text, [by, *_data(Total())], lineterminator="\n")
    writer.writeheader()
    writer.writerows(groups)
    return text.getvalue()


def _cells(name: str, total: Total, whole: Total | None) -> list[str]:
    usage = total.usage
    cached = f"{total.cache_share:.0%}" if usage.input else "-"
    share = _share(total, whole) if whole else ""
    return [
        name,
        f"{total.requests:,}",
        tokens(usage.input),
        cached,
        tokens(usage.output),
        str(total),
        share,
    ]


def _share(part: Total, whole: Total) -> str:
    if not whole.micro_dollars:
        return ""
    share = part.micro_dollars / whole.micro_dollars
    return f"{'█' * round(share * BAR):{BAR}} {share:4.0%}"


def _notes(rows: Sequence[Row]) -> list[str]:
    under_way = sum(row.state == "reserved" for row in rows)
    unpriced = sorted({row.model for row in rows if row.state != "reserved" and row.charged is None})
    differing = [row for row in rows if _differs(row)]
    notes = []
    if total_of(rows).is_estimate:
        notes.append(
            "~ Some requests were cut or cancelled: they are counted from what was heard, or at most."
        )
    if unpriced:
        price = f'[prices."{unpriced[0]}"]'
        notes.append(f"≥ No price is known for {', '.join(unpriced)}. Give it in the settings: {price}.")
    if differing:
        ours = dollars(sum(row.calculated or 0 for row in differing))
        theirs = dollars(sum(row.charged or 0 for row in differing))
        notes.append(
            f"! Their provider charged {theirs} for {len(differing)} of them; by the price list it is {ours}."
        )
    if under_way:
        notes.append(f"… Under way: {under_way}.")
    return notes


def _differs(row: Row) -> bool:
    if row.charged is None or row.calculated is None:
        return False
    return differs(row.charged, row.calculated)


def _data(total: Total) -> dict[str, Any]:
    """For machines: whole micro-dollars, dollars as text with every digit."""
    return {
        "requests": total.requests,
        "unknown_requests": total.unknown,
        **total.usage.model_dump(),
        "micro_dollars": total.micro_dollars,
        "dollars": plain_dollars(total.micro_dollars),
        "is_estimate": total.is_estimate,
        "is_at_least": total.unknown > 0,
    }


def short(path: str) -> str:
    home = str(Path.home())
    return "~" + path.removeprefix(home) if path == home or path.startswith(home + "/") else path

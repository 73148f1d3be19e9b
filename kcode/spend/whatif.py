"""What the same requests would have cost with another model's prices and cache rules. Pure.

The tokens are those that were counted. What the other provider's cache would have held is the same where both cache
in the same way; where not, it is assumed, and each assumption is told with the number of requests that rest on it.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Literal

from kcode.messages import Usage
from kcode.spend.money import dollars
from kcode.spend.prices import PriceRow, cost
from kcode.spend.row import Row
from kcode.spend.table import table

CacheKind = Literal["explicit", "automatic", "none"]
LIFE = 300.0
"""Seconds for which a cache is assumed to keep what it read last."""

OTHER_TOKENS = "another provider cuts the same text into other tokens: counted as here"
NO_FEE = "what was stored for a fee would have been cached without one, and found as often"
FEE = "what was read at the full price would have been stored for a fee, and found as often"
UNSEEN = "what the request before had sent less than five minutes ago would have been in the cache"
ESTIMATED = "cut or cancelled: their tokens are estimates"


@dataclass(frozen=True, slots=True)
class Target:
    """The model that would have been asked."""

    model: str
    price: PriceRow
    cache: CacheKind

    @property
    def provider(self) -> str:
        return self.model.partition("/")[0]


@dataclass(slots=True)
class Sum:
    """Of requests: micro-dollars as they were (`unknown` of them without a price) and as they would have been."""

    requests: int = 0
    exact: int = 0
    """Of them, those that rest on no assumption."""
    was: int = 0
    unknown: int = 0
    would_be: int = 0


@dataclass(slots=True)
class WhatIf:
    target: Target
    models: dict[str, Sum] = field(default_factory=dict)
    """By the model that was asked."""
    assumed: Counter[str] = field(default_factory=Counter)
    """Assumption -> requests that rest on it."""

    @property
    def total(self) -> Sum:
        parts = self.models.values()
        return Sum(*(sum(getattr(part, name) for part in parts) for name in Sum.__dataclass_fields__))


def repriced(rows: Iterable[Row], target: Target, caches: Mapping[str, CacheKind]) -> WhatIf:
    """`rows` in their order; `caches`: how the provider of each of their models caches. Requests that failed cost
    nothing anywhere; those under way are left out."""
    found = WhatIf(target)
    before: dict[tuple[str, str], Row] = {}
    for row in rows:
        if row.state in ("reserved", "failed"):
            continue
        usage, assumed = _there(
            row, before.get((row.session, row.task)), target, caches.get(row.model, "none")
        )
        before[row.session, row.task] = row
        money = cost(target.price, usage, datetime.fromtimestamp(row.started, UTC))
        part = found.models.setdefault(row.model, Sum())
        part.requests += 1
        part.exact += not assumed
        part.was += row.charged or 0
        part.unknown += row.charged is None
        part.would_be += money
        found.assumed.update(assumed)
    return found


def _there(row: Row, before: Row | None, target: Target, here: CacheKind) -> tuple[Usage, list[str]]:
    """The tokens as the other provider would have sorted them, and what is assumed of it."""
    usage, assumed = _sorted(row, before, target, here)
    if target.provider != row.provider:
        assumed.append(OTHER_TOKENS)
    if row.state == "estimated":
        assumed.append(ESTIMATED)
    return usage, assumed


def _sorted(row: Row, before: Row | None, target: Target, here: CacheKind) -> tuple[Usage, list[str]]:
    usage, price = row.usage, target.price
    stores = target.cache == "explicit" or price.stored != price.input
    written = usage.fresh + usage.stored + usage.stored_1h
    if target.cache == "none":
        return _usage(usage, fresh=usage.input), []
    if here == "none":
        is_warm = before is not None and row.started - before.started < LIFE
        cached = min(before.usage.input, usage.input) if before and is_warm else 0
        rest = usage.input - cached
        return _usage(usage, cached=cached, **{"stored" if stores else "fresh": rest}), [UNSEEN]
    if target.cache == here:
        return usage, []
    if stores:
        return _usage(usage, cached=usage.cached, stored=written), [FEE] if usage.fresh else []
    return _usage(usage, cached=usage.cached, fresh=written), [
        NO_FEE
    ] if usage.stored + usage.stored_1h else []


def _usage(usage: Usage, **input_tokens: int) -> Usage:
    return Usage(**input_tokens, output=usage.output, reasoning=usage.reasoning)


def as_text(found: WhatIf) -> list[str]:
    head = ["model", "requests", "was", "would be", ""]
    body = [_cells(name, part) for name, part in found.models.items()]
    total = _cells("total", found.total)
    lines = [f"With {found.target.model} ({found.target.price.source}, {found.target.price.date}):"]
    lines += table([head, *body, *([total] if len(body) > 1 else [])], left=frozenset({0}))
    lines.append(f"Exact for {found.total.exact} of {found.total.requests} requests, given their tokens.")
    lines += [f"~ {count}: {words}." for words, count in found.assumed.most_common()]
    if found.total.unknown:
        lines.append(f"≥ What {found.total.unknown} of them cost is unknown.")
    lines.append(
        "Another model would have taken other steps, and written longer or shorter: that is not in it."
    )
    return lines


def as_json(found: WhatIf) -> str:
    return json.dumps(
        {
            "model": found.target.model,
            "price": found.target.price.model_dump(mode="json"),
            "models": {name: asdict(part) for name, part in found.models.items()},
            "total": asdict(found.total),
            "assumed": dict(found.assumed),
        },
        indent=2,
    )


def _cells(name: str, part: Sum) -> list[str]:
    was = dollars(part.was, is_at_least=part.unknown > 0)
    change = f"{part.would_be / part.was - 1:+.0%}" if part.was and not part.unknown else ""
    would_be = dollars(part.would_be, is_estimate=part.exact < part.requests)
    return [name, f"{part.requests:,}", was, would_be, change]

"""Why the provider's cache was missed, and what it cost. Pure: two requests, one after the other, in; the cause out.

Expected is that all of the request before is read from the cache. Where less is, the first block in which the two
differ says why; where none differs, their times and terms do.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Literal

from kcode.llm.fingerprint import Fingerprint
from kcode.llm.providers import Cache
from kcode.messages import Record, Usage
from kcode.spend.economics import LIFE
from kcode.spend.money import dollars, rounded
from kcode.spend.prices import PriceRow

Cause = Literal[
    "first",
    "short",
    "provider",
    "model",
    "key",
    "tools",
    "system",
    "rules",
    "effort",
    "condensed",
    "dropped",
    "rewound",
    "changed",
    "images",
    "beside",
    "expired",
    "life",
    "look_back",
    "lost",
]
WORDS: dict[Cause, str] = {
    "first": "it was the first request",
    "short": "the prefix is shorter than this provider caches",
    "provider": "another provider answered",
    "model": "the model was switched",
    "key": "another key was used",
    "tools": "the tools changed",
    "system": "the system prompt changed",
    "rules": "the project's rules changed",
    "effort": "the effort was switched",
    "condensed": "the conversation was condensed",
    "dropped": "old results were dropped",
    "rewound": "the conversation was rewound",
    "changed": "something said earlier was changed",
    "images": "images came or went",
    "beside": "it left before the request before it was answered",
    "expired": "the pause was longer than the cache lives",
    "life": "the cache's lifetime was switched",
    "look_back": "too much came at once for the provider to look back",
    "lost": "the provider lost it, for no reason on our side",
}
LOOK_BACK = 20
"""Blocks behind a mark that Anthropic looks at for an earlier one."""
STEP = 128
"""Tokens in which automatic caches count."""
TOLERANCE = 0.02
"""Of what was expected: tokenizers count the same text a little differently in other company."""
WORTH_SAYING = 1_000
"""Micro-dollars from which on a miss is told, a tenth of a cent; below, when it is a tenth of the request."""


class Asked(Record):
    """A request that was answered."""

    model: str
    print: Fingerprint
    usage: Usage
    started: float
    """Seconds since 1970, as are the others."""
    first_token: float | None
    ended: float
    """When the provider last touched its cache: also a ping moves it."""

    @property
    def provider(self) -> str:
        return self.model.partition("/")[0]


class Miss(Record):
    cause: Cause
    tokens: int
    """That were expected in the cache, and were not read from it."""
    micro_dollars: int | None
    """What they cost more than from the cache; None: the price is unknown."""
    block: int | None = None
    """Index of the first block that differs from the request before; None: none does."""

    def is_worth_saying(self, charged: int | None) -> bool:
        """`charged`: what the whole request cost, in micro-dollars."""
        money = self.micro_dollars
        if not money:
            return False
        return money >= WORTH_SAYING or (charged is not None and money * 10 >= charged)


def explained(
    before: Asked | None, now: Asked, cache: Cache, least: int | None, price: PriceRow | None
) -> Miss | None:
    """The miss, None when there was none. `least`: tokens from which on the provider caches, None: unknown."""
    if cache == "none":
        return None
    if before is None:
        return Miss(cause="first", tokens=0, micro_dollars=0) if not now.usage.cached else None
    expected = _expected(before.usage, cache, least)
    missed = min(expected, now.usage.input) - now.usage.cached
    if expected == 0:
        return None if now.usage.cached else Miss(cause="short", tokens=0, micro_dollars=0)
    if missed <= max(STEP, expected * TOLERANCE):
        return None
    at = _parts_at(before.print, now.print)
    cause = _by_terms(before, now) or (_by_block(before.print, now.print, at) if at is not None else None)
    return Miss(
        cause=cause or _by_time(before, now),
        tokens=missed,
        micro_dollars=extra(now.usage, missed, price),
        block=at,
    )


def extra(usage: Usage, tokens: int, price: PriceRow | None) -> int | None:
    """Micro-dollars that so many tokens cost more, as they were billed, than from the cache."""
    if price is None:
        return None
    rates = price.rates(usage.input)
    billed = usage.fresh * rates.input + usage.stored * rates.stored + usage.stored_1h * rates.stored_1h
    count = usage.fresh + usage.stored + usage.stored_1h
    each = Fraction(billed) / count - Fraction(rates.cached) if count else Fraction(0)
    return rounded(max(each, Fraction(0)) * tokens)


def _expected(usage: Usage, cache: Cache, least: int | None) -> int:
    if cache == "explicit":
        return usage.cached + usage.stored + usage.stored_1h
    whole = usage.input // STEP * STEP
    return whole if whole >= (least or 1024) else 0


def _parts_at(before: Fingerprint, now: Fingerprint) -> int | None:
    """The first block that is no longer as it was before."""
    shared = before.shared_blocks(now)
    return shared if shared < len(before.blocks) else None


def _by_terms(before: Asked, now: Asked) -> Cause | None:
    if before.provider != now.provider:
        return "provider"
    if before.model != now.model:
        return "model"
    return "key" if before.print.key != now.print.key else None


def _by_block(before: Fingerprint, now: Fingerprint, at: int) -> Cause:
    was = before.blocks[at].kind
    block = now.blocks[at] if at < len(now.blocks) else None
    kind = block.kind if block else was
    if "tools" in (was, kind):
        return "tools"
    if "system" in (was, kind):
        return "system"
    if "project" in (was, kind):
        return "rules"
    if before.effort != now.effort:
        return "effort"
    if kind == "summary":
        return "condensed"
    if block is None or len(now.blocks) < len(before.blocks) or was != kind:
        return "rewound"
    if block.images != before.blocks[at].images:
        return "images"
    return "dropped" if kind == "result" and block.bytes < before.blocks[at].bytes else "changed"


def _by_time(before: Asked, now: Asked) -> Cause:
    """The same text: then the pause, or the terms, made the difference."""
    if before.print.effort != now.print.effort:
        return "effort"
    if before.first_token is None or now.started < before.first_token:
        return "beside"
    if now.started - before.ended > LIFE[before.print.life]:
        return "expired"
    added = now.print.blocks[len(before.print.blocks) :]
    if any(block.images for block in added) and not any(block.images for block in before.print.blocks):
        return "images"
    if before.print.life != now.print.life:
        return "life"
    return "look_back" if len(added) > LOOK_BACK else "lost"


def sentence(miss: Miss, pause: float) -> str:
    """For the user: what happened."""
    why = WORDS[miss.cause]
    if miss.cause == "expired":
        why = f"{_minutes(pause)} of pause are longer than it lives"
    more = f", {dollars(miss.micro_dollars)} more" if miss.micro_dollars else ""
    return f"The provider's cache was missed: {why}. {miss.tokens:,} tokens were read anew{more}."


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds < 5_400 else f"{seconds / 3600:.0f} h"


def misses_of(
    asked: Sequence[Asked], cache: Cache, least: int | None, price: PriceRow | None
) -> list[Miss | None]:
    """For each request of one task, in their order."""
    befores = [None, *asked]
    return [explained(before, now, cache, least, price) for before, now in zip(befores, asked, strict=False)]

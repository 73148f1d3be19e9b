"""What a decision costs, before it is made: another model, an old session, a summary. Pure; money is micro-dollars.

Contexts are tokens as they are known or estimated; so are the amounts, and they are shown with `~` or `≈`.
"""

import math
from dataclasses import dataclass
from fractions import Fraction

from kcode.spend.economics import LIFE, Life, condensing
from kcode.spend.money import dollars, rounded, tokens
from kcode.spend.prices import PriceRow

SUMMARY = 900
"""Tokens of a usual summary (at most 600 words), with what kcode adds to it."""


def warm(price: PriceRow, context: int) -> int:
    """Sending a context that the provider has in its cache."""
    return rounded(context * Fraction(price.rates(context).cached))


def cold(price: PriceRow, context: int, life: Life = "5m") -> int:
    """Sending a context that it has not, and that it stores, where it takes a fee for that."""
    rates = price.rates(context)
    written = rates.stored_1h if life == "1h" else rates.stored
    return rounded(context * Fraction(max(rates.input, written)))


@dataclass(frozen=True, slots=True)
class Switch:
    """To another model, in the middle of a conversation. None: a price is unknown."""

    context: int
    stays: int | None
    """The input of the next request to the model there is, from its cache."""
    goes: int | None
    """The input of the first request to the other one, without a cache."""
    each_stays: int | None
    """Of each later request, from the cache."""
    each_goes: int | None

    @property
    def pays_after(self) -> int | None:
        """Requests after which the other model has become the cheaper one, by its input; None: never, or unknown."""
        if None in (self.stays, self.goes, self.each_stays, self.each_goes):
            return None
        extra, saved = (self.goes or 0) - (self.stays or 0), (self.each_stays or 0) - (self.each_goes or 0)
        if extra <= 0:
            return 0
        return math.ceil(Fraction(extra, saved)) if saved > 0 else None

    def __str__(self) -> str:
        if self.goes is None:
            return f"{tokens(self.context)} tokens are read anew at an unknown price"
        stays = f", staying ≈ {dollars(self.stays)}" if self.stays is not None else ""
        return f"{tokens(self.context)} tokens are read anew ≈ {dollars(self.goes)}{stays}"


def switch(here: PriceRow | None, there: PriceRow | None, context: int) -> Switch:
    return Switch(
        context=context,
        stays=warm(here, context) if here else None,
        goes=cold(there, context) if there else None,
        each_stays=warm(here, context) if here else None,
        each_goes=warm(there, context) if there else None,
    )


@dataclass(frozen=True, slots=True)
class Waking:
    """Going on with a session after a pause."""

    context: int
    is_warm: bool
    """Whether the provider still has it in its cache."""
    next: int | None
    """The input of the next request."""
    from_summary: int | None
    """The same from a summary of the conversation; writing it costs, once, `summary`."""
    summary: int | None

    def __str__(self) -> str:
        amount = dollars(self.next)
        if self.is_warm:
            return f"the cache holds: the next message re-reads {tokens(self.context)} tokens ≈ {amount}"
        words = f"cache expired: the next message re-reads {tokens(self.context)} tokens ≈ {amount}"
        if self.summary is None or self.from_summary is None:
            return words
        return f"{words}; from a summary ≈ {dollars(self.from_summary)}, which costs {dollars(self.summary)} to write"


def waking(
    price: PriceRow | None, context: int, pause: float, *, prefix: int = 0, life: Life = "5m"
) -> Waking:
    """`pause`: seconds since the last request; `prefix`: tokens of the context that a summary would not replace, such
    as tools, system prompt and rules."""
    is_warm = pause < LIFE[life]
    if price is None:
        return Waking(context, is_warm, None, None, None)
    short = min(prefix + SUMMARY, context)
    written = rounded(SUMMARY * Fraction(price.rates(context).output))
    read = warm(price, context) if is_warm else rounded(context * Fraction(price.rates(context).input))
    return Waking(
        context=context,
        is_warm=is_warm,
        next=warm(price, context) if is_warm else cold(price, context, life),
        from_summary=cold(price, short, life),
        summary=read + written,
    )


@dataclass(frozen=True, slots=True)
class Condensing:
    price: int
    saves: int
    """With each further request."""
    before: int
    after: int
    """Tokens of the context."""
    pays_after: int | None
    """Requests; None: never."""

    def __str__(self) -> str:
        what = f"{tokens(self.before)} → {tokens(self.after)} tokens for ≈ {dollars(self.price)}"
        if self.pays_after is None:
            return f"{what}: it would save nothing"
        return f"{what}; saves ≈ {dollars(self.saves)} a request, pays after {self.pays_after}"


def condense(price: PriceRow | None, context: int, kept: int, *, is_cold: bool = False) -> Condensing | None:
    """Of a context by a summary and the `kept` tokens (prefix, newest step). None: the price is unknown."""
    if price is None:
        return None
    found = condensing(context, kept, price.rates(context), written=SUMMARY, is_cold=is_cold)
    return Condensing(
        price=math.ceil(found.price),
        saves=math.floor(found.saved),
        before=found.before,
        after=found.after,
        pays_after=math.ceil(found.steps) if math.isfinite(found.steps) else None,
    )

"""What a token costs, and what a request therefore costs.

A price is micro-dollars per token, which is the same number as dollars per million tokens. An unknown price
is None and never 0: LiteLLM's map gives a price only to a model that it names exactly and that has a truthy
input price (its zeros mean free tiers, previews and plain gaps, and cannot be told apart).
"""

import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from kcode.messages import Record, Usage
from kcode.settings import Price
from kcode.spend.corrections import correction_of
from kcode.spend.listed import Listed
from kcode.spend.money import rounded
from kcode.spend.pricemap import PriceMap, price_map

PER_MILLION = 1_000_000

STORED, STORED_1H = Decimal("1.25"), Decimal(2)
"""What Anthropic takes for writing to the cache, in input prices: 5 minutes and 1 hour
(platform.claude.com/docs/en/about-claude/pricing, the same for every model)."""

NOTABLE = 100

INCLUSIVE = {"xai"}
"""Providers whose long-context prices begin at the limit, not above it (as LiteLLM has it)."""

TIER = re.compile(r"input_cost_per_token(_above_(\d+)(k?)_tokens)")


class Rates(Record):
    """Micro-dollars per token, all known."""

    input: Decimal
    output: Decimal
    cached: Decimal
    stored: Decimal
    stored_1h: Decimal
    reasoning: Decimal


class Tier(Rates):
    """Rates of a whole request that has at least so much input."""

    least_input: int


class Window(Record):
    """A part of the day in UTC, in minutes from midnight. It may pass midnight; `start == end` is a day."""

    start: int
    end: int
    weekdays: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7)
    """Monday is 1; the weekday is the moment's own, even when the window began the day before."""

    def holds(self, moment: datetime) -> bool:
        utc = moment.astimezone(UTC)
        minute = utc.hour * 60 + utc.minute
        if utc.isoweekday() not in self.weekdays:
            return False
        if self.start < self.end:
            return self.start <= minute < self.end
        return minute >= self.start or minute < self.end


class OffPeak(Rates):
    windows: tuple[Window, ...]


class PriceRow(Rates):
    """The price of one model: stored with each request, so that a bill can be recomputed."""

    tiers: tuple[Tier, ...] = ()
    """Dearer with more input; ascending."""
    off_peak: OffPeak | None = None
    source: str
    """`settings`, `litellm 1.105.3`, `corrected: …` with where from, a router's address, or `local`."""
    date: str
    """ISO day at which the price was known to be so."""

    def rates(self, input_tokens: int, at: datetime | None = None) -> Rates:
        """What applies to a whole request with so much input, cached input included, sent at this moment.

        Without a moment: the full price, also where nights are cheaper.
        """
        if self.off_peak and at is not None and any(window.holds(at) for window in self.off_peak.windows):
            return self.off_peak
        reached = [tier for tier in self.tiers if input_tokens >= tier.least_input]
        return reached[-1] if reached else self


def cost(row: PriceRow, usage: Usage, at: datetime | None = None) -> int:
    """Micro-dollars of one request, exact, and rounded half up once. `at`: when it was sent (see `rates`)."""
    rates = row.rates(usage.input, at)
    billed = (
        (usage.fresh, rates.input),
        (usage.cached, rates.cached),
        (usage.stored, rates.stored),
        (usage.stored_1h, rates.stored_1h),
        (usage.output - usage.reasoning, rates.output),
        (usage.reasoning, rates.reasoning),
    )
    return rounded(sum((count * Fraction(price) for count, price in billed), Fraction(0)))


def upper_bound(row: PriceRow, input_tokens: int, max_tokens: int, *, stores_1h: bool = False) -> int:
    """The most that a request can cost, in micro-dollars, rounded up.

    All of its input is read, or written to the cache, at the dearest price; the reply is as long as may be.
    `stores_1h`: the request marks something to be kept for an hour.
    """
    input, output = _dearest(row, input_tokens, stores_1h)
    return math.ceil(input + max_tokens * output)


def output_within(
    row: PriceRow, input_tokens: int, micro_dollars: int, *, stores_1h: bool = False
) -> int | None:
    """Tokens of the longest reply with which the upper bound of a request stays within an amount; None: any."""
    input, output = _dearest(row, input_tokens, stores_1h)
    return max(math.floor((micro_dollars - input) / output), 0) if output else None


def _dearest(row: PriceRow, input_tokens: int, stores_1h: bool) -> tuple[Fraction, Fraction]:
    """Micro-dollars of all of the input, and of a token of output, at the most."""
    rates = row.rates(input_tokens)
    each = max(rates.input, rates.cached, rates.stored, rates.stored_1h if stores_1h else rates.stored)
    return input_tokens * Fraction(each), Fraction(max(rates.output, rates.reasoning))


def differs(reported: int, calculated: int) -> bool:
    """Whether what a provider charged and what the price list makes it are notably different: by over a hundredth."""
    return abs(reported - calculated) * NOTABLE > max(reported, calculated)


def filled(
    input: Decimal,
    output: Decimal,
    cached: Decimal | None = None,
    stored: Decimal | None = None,
    stored_1h: Decimal | None = None,
    reasoning: Decimal | None = None,
    *,
    surcharge: bool,
) -> Rates:
    """Rates with what was not published filled in.

    A read from the cache costs the full input price: no rebate was promised. So does a write, or with
    `surcharge` (the Anthropic way) Anthropic's multiples of it. Reasoning costs what output costs.
    """
    if stored is None:
        stored = input * STORED if surcharge else input
    if stored_1h is None:
        stored_1h = input * STORED_1H if surcharge else stored
    return Rates(
        input=input,
        output=output,
        cached=input if cached is None else cached,
        stored=stored,
        stored_1h=stored_1h,
        reasoning=output if reasoning is None else reasoning,
    )


def local_price() -> PriceRow:
    """Nothing, because the model runs on the user's own machine."""
    zero = Decimal(0)
    return _row(filled(zero, zero, surcharge=False), source="local", date=date.today().isoformat())


def price_from_settings(price: Price, *, surcharge: bool) -> PriceRow:
    """The user's own word, valid from today's reading of it."""
    rates = filled(
        price.input, price.output, price.cached, price.stored, price.stored_1h, surcharge=surcharge
    )
    return _row(rates, source="settings", date=date.today().isoformat())


def price_of(model: str, prices: PriceMap | None = None) -> PriceRow | None:
    """What LiteLLM's map (the installed one) says of exactly `provider/name`, corrected where it is known to be wrong;
    None when it does not say."""
    prices = prices or price_map()
    entry = prices.entry(model)
    if corrected := correction_of(model, entry, date.today()):
        told = filled(corrected.input, corrected.output, corrected.cached, surcharge=False)
        return _row(told, source=f"corrected: {corrected.source}", date=corrected.seen.isoformat())
    if entry is None or not entry.get("input_cost_per_token") or entry.get("output_cost_per_token") is None:
        return None
    provider = str(entry["litellm_provider"])
    base = _rates(entry, {}, provider)
    return _row(
        base,
        tiers=tuple(sorted(_tiers(entry, provider), key=lambda tier: tier.least_input)),
        off_peak=_off_peak(entry, provider),
        source=prices.source,
        date=prices.date,
    )


def price_listed(listed: Listed, name: str, *, surcharge: bool) -> PriceRow | None:
    """What a router's own list says of a model. There 0 is a price when all is 0, else a gap."""
    entry = listed.entries.get(name)
    if entry is None:
        return None
    told = {field: _price(entry.get(word)) for field, word in FIELDS.items()}
    known = {field: price for field, price in told.items() if price}
    rates = filled(**{"input": told["input"], "output": told["output"], **known}, surcharge=surcharge)
    return _row(rates, source=listed.source, date=listed.date)


def _row(rates: Rates, **rest: Any) -> PriceRow:
    return PriceRow(**rates.model_dump(), **rest)


FIELDS = {
    "input": "input_cost_per_token",
    "output": "output_cost_per_token",
    "cached": "cache_read_input_token_cost",
    "stored": "cache_creation_input_token_cost",
    "stored_1h": "cache_creation_input_token_cost_above_1hr",
    "reasoning": "output_cost_per_reasoning_token",
}


def _rates(entry: Mapping[str, Any], over: Mapping[str, Any], provider: str) -> Rates:
    """The entry's rates, with those of `over` (the same keys) laid over them."""
    prices = {name: _price(over.get(key) or entry.get(key)) for name, key in FIELDS.items()}
    known = {name: price for name, price in prices.items() if price}
    return filled(**{"output": Decimal(0), **known}, surcharge=provider == "anthropic")


def _price(dollars: Any) -> Decimal:
    """Dollars a token as micro-dollars a token, without idle zeros. A gap is 0, and a 0 counts as a gap."""
    return Decimal(f"{(Decimal(dollars or 0) * PER_MILLION).normalize():f}")


def _tiers(entry: Mapping[str, Any], provider: str) -> Iterable[Tier]:
    for found in filter(None, map(TIER.fullmatch, entry)):
        suffix, number, thousands = found.groups()
        limit = int(number) * (1_000 if thousands else 1)
        over = {key: entry[key + suffix] for key in FIELDS.values() if entry.get(key + suffix) is not None}
        least = limit if provider in INCLUSIVE else limit + 1
        yield Tier(**_rates(entry, over, provider).model_dump(), least_input=least)


def _off_peak(entry: Mapping[str, Any], provider: str) -> OffPeak | None:
    """DeepSeek's cheap hours. What is not understood of them counts as dear."""
    cheap = entry.get("off_peak_pricing")
    if not cheap or "weekday_timezone" in cheap:
        return None
    try:
        windows = tuple(_windows([cheap, *cheap.get("windows", ())]))
    except (TypeError, ValueError):
        return None
    return OffPeak(**_rates(entry, cheap, provider).model_dump(), windows=windows)


def _windows(rules: Iterable[Mapping[str, Any]]) -> Iterable[Window]:
    for rule in rules:
        hours = rule.get("hours_utc", ())
        for span in [hours] if isinstance(hours, str) else hours:
            start, end = map(_minutes, span.split("-"))
            weekdays = tuple(rule.get("weekdays") or range(1, 8))
            yield Window(start=start, end=end, weekdays=weekdays)


def _minutes(clock: str) -> int:
    hours, minutes = clock.strip().split(":")
    return int(hours) * 60 + int(minutes)

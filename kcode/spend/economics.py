"""When to spend a little in order not to spend more. Pure: figures of the session in, decisions out.

Each decision is a ski rental: rent is paid again and again (a ping that keeps the provider's cache alive, a token that
is sent with every step) until something is bought (the cache written anew, a summary). Who buys when the rent has
reached the price never pays more than twice what a clairvoyant would; who has seen this session's own past does
better, and `tests/spend/test_economics.py` says how much.

Money is micro-dollars, as floats: these are estimates; what was really spent is in the ledger.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from kcode.spend.prices import Rates

Life = Literal["5m", "1h"]
"""How long the provider is asked to keep what it stores, counted from its last use."""
LIFE: dict[Life, float] = {"5m": 300.0, "1h": 3600.0}
MARGIN = 30.0
"""Seconds before the end of its life at which a cache is refreshed."""
REMEMBERED = 40
"""Gaps that are learned from, the newest ones."""
DOUBT = 0.25
"""What is assumed without experience counts as much as so many gaps that were seen."""


# Keeping a cache alive


@dataclass(frozen=True, slots=True)
class Warmth:
    """What a warm cache is worth: refreshed by a `ping`, lost by a `miss`."""

    ping: float
    miss: float
    life: float = LIFE["5m"]

    @classmethod
    def of(cls, context: int, rates: Rates, life: Life = "5m", overhead: int = 20) -> "Warmth":
        """Of a cached context of so many tokens; `overhead`: fresh tokens and output that a ping costs besides."""
        written = rates.stored_1h if life == "1h" else rates.stored
        read = float(rates.cached) * context
        beside = float(rates.input + rates.output) * overhead / 2
        return cls(read + beside, max(float(max(written, rates.input)) * context - read, 0.0), LIFE[life])

    @property
    def period(self) -> float:
        """Seconds between two pings."""
        return self.life - MARGIN

    @property
    def most_pings(self) -> int:
        """As many as cost no more than what they keep: from there on the rent has reached the price."""
        return int(self.miss // self.ping) if self.ping else 0

    def cost(self, pings: int, gap: float) -> float:
        """Of a gap of so many seconds with at most so many pings in it."""
        sent = min(pings, int(gap // self.period))
        return sent * self.ping + (self.miss if gap > sent * self.period + self.life else 0.0)


def pings(past: Sequence[float], warmth: Warmth) -> int:
    """How many pings the next gap is worth, 0 when none: what would have been cheapest for this session's gaps of the
    kind (seconds), and for what is assumed without any: that what has lasted for a time lasts as long again."""
    most = warmth.most_pings
    assumed = [warmth.life * at for at in _ASSUMED]

    def price(count: int) -> float:
        seen = sum(warmth.cost(count, gap) for gap in past[-REMEMBERED:])
        return seen + DOUBT * sum(warmth.cost(count, gap) for gap in assumed)

    return min(range(most + 1), key=price)


_ASSUMED = (0.5, 1.25, 1.7, 2.5, 3.4, 5.0, 6.7, 10.0)
"""Gaps in lives of the cache: as many between one and two as between two and four, and so on."""


@dataclass(frozen=True, slots=True)
class Gap:
    """The time between two requests."""

    seconds: float
    context: int
    """Tokens that were cached when it began."""
    new: int
    """Of them, those that the last request had stored."""
    is_kept: bool = False
    """Whether pings kept the cache alive in it, so that it cost no more than they did."""


def life(past: Sequence[Gap], rates: Rates) -> Life:
    """For how long to store what is new: what would have been cheaper for this session's gaps so far. An hour costs
    more for each new token, five minutes cost the whole context after a longer gap."""
    short = sum(_stored_for("5m", gap, rates) for gap in past)
    long = sum(_stored_for("1h", gap, rates) for gap in past)
    return "1h" if long < short else "5m"


def _stored_for(life: Life, gap: Gap, rates: Rates) -> float:
    written = rates.stored_1h if life == "1h" else rates.stored
    stored = float(written) * gap.new
    if gap.seconds <= LIFE[life] or (gap.is_kept and life == "5m"):
        return stored
    return stored + float(written - rates.cached) * gap.context


# Making a conversation shorter


@dataclass(frozen=True, slots=True)
class Shortening:
    """What it takes to replace a context by a shorter one, and what that saves with every step."""

    price: float
    saved: float
    """By each further step."""
    before: int
    after: int
    """Tokens."""

    @property
    def gain(self) -> float:
        """The share of the context that goes, 0 to 1."""
        return 1 - self.after / self.before if self.before else 0.0

    @property
    def steps(self) -> float:
        """Further steps after which it has paid for itself."""
        return self.price / self.saved if self.saved > 0 else float("inf")


def condensing(
    context: int, kept: int, rates: Rates, *, written: int, asked: int | None = None, is_cold: bool = False
) -> Shortening:
    """A context of so many tokens by a summary of `written` tokens and the `kept` ones (prefix, newest step).

    `asked`: input of the request that writes the summary, None: the context itself, read from the cache. What was
    forgotten and is read again belongs to the price. When the cache is gone anyway, what stays is stored in any case.
    """
    after = min(kept + written, context)
    read, stored = float(rates.cached), float(max(rates.stored, rates.input))
    here = stored if is_cold else read
    request = context * here if asked is None else asked * float(rates.input)
    forgotten = FORGOTTEN * (context - after) * stored
    storing = after * (stored - here)
    steps = STEPS_AGAIN * (after * read + 150 * float(rates.output))
    price = request + written * float(rates.output) + storing + forgotten + steps
    return Shortening(price, (context - after) * read, context, after)


def dropping(context: int, dropped: int, behind: int, rates: Rates, *, is_cold: bool = False) -> Shortening:
    """A context of so many tokens without `dropped` of old results: what comes `behind` the first of them is stored
    anew, and some is asked for again. When the cache is gone anyway, it saves at once."""
    read, stored = float(rates.cached), float(max(rates.stored, rates.input))
    again = FORGOTTEN * dropped * stored
    lost = -dropped * stored if is_cold else max(behind - dropped, 0) * (stored - read)
    return Shortening(max(again + lost, 0.0), dropped * read, context, context - dropped)


def pays(shortening: Shortening, contexts: Sequence[int], rates: Rates) -> bool:
    """Whether it is time: the rent that was paid for what would go has reached the price. `contexts`: tokens of input
    of each request since the last shortening, which promise as many further ones."""
    rent = sum(max(context - shortening.after, 0) for context in contexts) * float(rates.cached)
    is_long = shortening.before >= LEAST and shortening.gain >= WORTHWHILE
    return is_long and rent >= shortening.price


FORGOTTEN = 0.25
"""The share of what a summary leaves out that will be read again."""
WORTHWHILE = 0.2
"""The share of a context below which shortening it is in vain."""
STEPS_AGAIN = 4
"""Steps in which that happens."""
LEAST = 40_000
"""Tokens of a context that is left as it is, whatever it costs: what is said in full is understood best."""

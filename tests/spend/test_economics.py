"""The policies against a thousand sessions each: never much dearer than whoever knew beforehand what to do always."""

import random
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import cache

import pytest

from kcode.spend.economics import (
    LEAST,
    LIFE,
    Gap,
    Shortening,
    Warmth,
    condensing,
    dropping,
    life,
    pays,
    pings,
)
from kcode.spend.prices import filled

SONNET = filled(Decimal(3), Decimal(15), Decimal("0.3"), surcharge=True)
NO_REBATE = filled(Decimal(3), Decimal(15), surcharge=False)
TRACES = 1_000
EPSILON = 0.10
"""Share of the best policy's cost by which a trace may be dearer, besides what is being learned at its beginning."""
EVER = 10**9
"""Pings."""


# Keeping the cache alive


def gaps(seed: int) -> list[float]:
    """Seconds between the requests of a session."""
    chance = random.Random(seed)
    count, scale = chance.choice([1, 2, 3, 5, 10, 20, 40, 80]), chance.choice([30, 280, 330, 600, 1200, 6000])
    kinds: tuple[Callable[[int], float], ...] = (
        lambda _: chance.expovariate(1 / 60),
        lambda _: chance.uniform(60, 600),
        lambda _: chance.lognormvariate(5.5, 1.3),
        lambda _: chance.choice([20.0, float(scale)]),
        lambda _: scale * chance.uniform(0.95, 1.05),
        lambda _: chance.choice([301.0, 571.0, 3271.0, 3300.0]),
        lambda _: 60 * chance.paretovariate(1.0),
        lambda n: chance.uniform(10, 200) if n < count / 2 else scale,
    )
    kind = chance.choice(kinds)
    return [kind(n) for n in range(count)]


def warmth(seed: int) -> Warmth:
    return Warmth.of(random.Random(-seed).choice([2_000, 8_000, 30_000, 100_000, 180_000]), SONNET)


@cache
def kept_warm(seed: int) -> float:
    trace, of = gaps(seed), warmth(seed)
    return sum(of.cost(pings(trace[:n], of), gap) for n, gap in enumerate(trace))


def test_keeping_warm_costs_at_most_a_tenth_and_four_misses_more_than_the_best_fixed_policy() -> None:
    ours = best = 0.0
    for seed in range(TRACES):
        trace, of = gaps(seed), warmth(seed)
        fixed = [sum(of.cost(n, gap) for gap in trace) for n in (0, 1, 2, 3, 5, of.most_pings, EVER)]
        spent = kept_warm(seed)
        assert spent <= (1 + EPSILON) * min(fixed) + 4 * of.miss, f"trace {seed}"
        ours, best = ours + spent, best + min(fixed)
    assert ours <= 1.12 * best


def test_keeping_warm_is_cheaper_over_all_traces_than_never_always_or_any_fixed_number_of_pings() -> None:
    played = [(gaps(seed), warmth(seed)) for seed in range(TRACES)]
    ours = sum(map(kept_warm, range(TRACES)))
    for fixed in (0, 1, 2, 3, 5, 11, EVER):
        assert ours < sum(of.cost(fixed, gap) for trace, of in played for gap in trace), f"{fixed} pings"


@pytest.mark.parametrize("seed", range(50))
def test_no_gap_ever_costs_more_than_two_misses(seed: int) -> None:
    """Who stops at break-even has paid a miss for pings, and then the miss."""
    trace, of = gaps(seed), warmth(seed)
    assert all(of.cost(pings(trace[:n], of), gap) <= 2 * of.miss for n, gap in enumerate(trace))


def test_without_experience_a_cache_is_kept_for_a_while_and_not_for_ever() -> None:
    of = Warmth.of(50_000, SONNET)
    assert 1 <= pings([], of) <= of.most_pings == 11


def test_who_is_always_back_at_once_needs_no_pings_and_who_never_comes_back_gets_none() -> None:
    of = Warmth.of(50_000, SONNET)
    assert of.cost(pings([20.0] * 10, of), 30.0) == 0
    assert pings([20_000.0] * 4, of) == 0


def test_a_provider_without_a_rebate_for_reading_is_not_pinged() -> None:
    assert Warmth.of(50_000, NO_REBATE).most_pings == 0
    assert pings([], Warmth.of(50_000, NO_REBATE)) == 0


# For how long to store


def steps_of(seed: int) -> list[Gap]:
    chance = random.Random(seed)
    share, context = chance.choice([0.0, 0.01, 0.05, 0.1, 0.3]), 1_500
    found = []
    for _ in range(chance.choice([3, 10, 30, 100, 200])):
        new = int(chance.expovariate(1 / 1_500))
        context += new
        is_long = chance.random() < share
        found.append(Gap(chance.uniform(320, 5_000) if is_long else chance.uniform(2, 200), context, new))
    return found


def stored(of: str, gap: Gap) -> float:
    price = SONNET.stored if of == "5m" else SONNET.stored_1h
    is_over = gap.seconds > (300 if of == "5m" else 3_600)
    return float(price) * gap.new + (float(price - SONNET.cached) * gap.context if is_over else 0.0)


def test_the_lifetime_costs_at_most_a_tenth_and_two_misses_more_than_the_better_one() -> None:
    ours = best = 0.0
    for seed in range(TRACES):
        trace = steps_of(seed)
        spent = sum(stored(life(trace[:n], SONNET), gap) for n, gap in enumerate(trace))
        fixed = [sum(stored(of, gap) for gap in trace) for of in LIFE]
        miss = 1.15 * float(SONNET.input) * max(gap.context for gap in trace)
        assert spent <= (1 + EPSILON) * min(fixed) + 2 * miss, f"trace {seed}"
        ours, best = ours + spent, best + min(fixed)
    assert ours <= 1.06 * best


def test_a_session_with_long_pauses_is_stored_for_an_hour_unless_pings_bridge_them() -> None:
    busy = [Gap(20, 40_000, 1_000)] * 10
    assert life([], SONNET) == "5m"
    assert life(busy, SONNET) == "5m"
    assert life([*busy, Gap(900, 40_000, 1_000)], SONNET) == "1h"
    assert life([*busy, Gap(900, 40_000, 1_000, is_kept=True)], SONNET) == "5m"


# Condensing

PREFIX, WRITTEN, NEWEST, WINDOW = 1_200, 900, 2_000, 200_000


def growth(seed: int) -> list[int]:
    """Tokens by which each step makes the context longer."""
    chance = random.Random(seed)
    kinds: tuple[Callable[[], float], ...] = (
        lambda: chance.uniform(100, 800),
        lambda: chance.uniform(1_000, 6_000),
        lambda: chance.choice([200] * 9 + [20_000]),
        lambda: chance.lognormvariate(6.8, 1.2),
    )
    kind = chance.choice(kinds)
    return [int(min(kind(), 40_000)) for _ in range(chance.choice([5, 10, 20, 30, 60, 120, 250]))]


def now(context: int) -> Shortening:
    return condensing(context, min(context, PREFIX + NEWEST), SONNET, written=WRITTEN)


def condensed(trace: Sequence[int], is_time: Callable[[int, Sequence[int]], bool]) -> float:
    """What a session costs whose context is condensed when it is time, or else at nine tenths of the window."""
    context, spent, past = PREFIX, 0.0, list[int]()
    for new in trace:
        if context + new > 0.9 * WINDOW or is_time(context, past):
            shorter = now(context)
            context, spent, past = shorter.after, spent + shorter.price, []
        spent += context * float(SONNET.cached) + new * float(SONNET.stored)
        context += new
        past.append(context)
    return spent


POLICIES: dict[str, Callable[[int, Sequence[int]], bool]] = {
    "never": lambda context, past: False,
    "always": lambda context, past: context > LEAST,
    **{str(at): lambda context, past, at=at: context > at for at in (60_000, 100_000, 150_000)},  # type: ignore[misc]
}


def test_condensing_costs_at_most_a_third_more_than_the_best_policy_on_any_trace_and_little_over_all() -> (
    None
):
    ours, others = 0.0, dict.fromkeys(POLICIES, 0.0)
    for seed in range(TRACES):
        trace = growth(seed)
        spent = condensed(trace, lambda context, past: pays(now(context), past, SONNET))
        fixed = {name: condensed(trace, policy) for name, policy in POLICIES.items()}
        assert spent <= 1.33 * min(fixed.values()), f"trace {seed}"
        ours += spent
        others = {name: others[name] + fixed[name] for name in others}
    assert ours <= 1.03 * min(others.values())
    assert ours < 0.6 * others["never"]


def test_a_short_context_and_one_that_would_not_get_shorter_are_left_alone() -> None:
    long_ago = [10**6] * 100
    assert not pays(now(LEAST - 1), long_ago, SONNET)
    assert not pays(condensing(100_000, 90_000, SONNET, written=900), long_ago, SONNET)
    assert pays(now(100_000), long_ago, SONNET)


def test_a_cold_cache_makes_condensing_and_dropping_cheaper_and_dropping_free() -> None:
    warm = condensing(100_000, 3_000, SONNET, written=900, asked=40_000)
    cold = condensing(100_000, 3_000, SONNET, written=900, asked=40_000, is_cold=True)
    assert cold.price < warm.price and cold.saved == warm.saved == (100_000 - 3_900) * 0.3
    assert dropping(100_000, 40_000, 90_000, SONNET).price > 0
    assert dropping(100_000, 40_000, 90_000, SONNET, is_cold=True).price == 0
    assert dropping(100_000, 40_000, 90_000, SONNET).gain == pytest.approx(0.4)


def test_what_saves_nothing_never_pays_for_itself() -> None:
    assert Shortening(price=5, saved=0, before=10, after=10).steps == float("inf")
    assert Shortening(price=6, saved=3, before=10, after=5).steps == 2

from pydantic import SecretStr

from kcode.errors import ProviderError, ProviderTrouble
from kcode.keys import Key
from kcode.llm.resting import REFUSED, WITHOUT_A_WORD, Resting

ONE, TWO = (Key(value=SecretStr(name * 20), source=f"environment {name}") for name in "ab")
KEYS = (ONE, TWO)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def trouble(kind: ProviderTrouble, retry_after: float | None = None) -> ProviderError:
    return ProviderError(kind, "no", retry_after=retry_after)


def test_the_first_key_is_used_until_it_has_to_rest() -> None:
    resting = Resting(Clock())
    assert [resting.next("acme", KEYS) for _ in range(3)] == [ONE] * 3
    resting.rest(ONE, trouble("rate_limit", 20))
    assert resting.others(ONE, KEYS) and not resting.others(TWO, KEYS)
    assert resting.next("acme", KEYS) == TWO


def test_a_key_that_took_over_stays_in_use_for_its_cache() -> None:
    resting = Resting(clock := Clock())
    resting.rest(ONE, trouble("rate_limit", 20))
    assert resting.next("acme", KEYS) == TWO
    clock.now += 21
    assert resting.next("acme", KEYS) == TWO
    assert resting.next("other", KEYS) == ONE


def test_a_key_rests_as_long_as_its_provider_says_or_for_a_while() -> None:
    resting = Resting(Clock())
    resting.rest(ONE, trouble("rate_limit"))
    resting.rest(TWO, trouble("credit"))
    assert (resting.seconds(ONE), resting.seconds(TWO)) == (WITHOUT_A_WORD, REFUSED)
    assert resting.least(KEYS) == WITHOUT_A_WORD
    assert resting.next("acme", KEYS) == ONE, "where all rest, the one whose rest ends first"


def test_what_is_no_keys_trouble_lets_it_be() -> None:
    resting = Resting(Clock())
    for kind in ("overloaded", "server", "cut", "window"):
        resting.rest(ONE, trouble(kind))
    assert resting.seconds(ONE) == 0


def test_a_single_key_is_used_although_it_should_rest() -> None:
    resting = Resting(Clock())
    resting.rest(ONE, trouble("rate_limit", 600))
    assert resting.next("acme", (ONE,)) == ONE
    assert resting.next("local", (None,)) is None
    assert resting.least((None,)) == 0

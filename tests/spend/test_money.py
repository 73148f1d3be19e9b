from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcode.spend.money import dollars, micro_dollars, plain_dollars, tokens


@pytest.mark.parametrize(
    ("micro", "shown"),
    [
        (None, "?"),
        (0, "$0"),
        (1, "<$0.0001"),
        (49, "<$0.0001"),
        (50, "$0.0001"),
        (14_600, "$0.0146"),
        (14_650, "$0.0147"),
        (999_949, "$0.9999"),
        (999_950, "$1.000"),
        (1_234_567, "$1.235"),
        (9_999_499, "$9.999"),
        (9_999_500, "$10.00"),
        (12_345_678, "$12.35"),
        (1_234_567_890, "$1,234.57"),
        (-14_600, "-$0.0146"),
    ],
)
def test_an_amount_has_the_digits_that_matter(micro: int | None, shown: str) -> None:
    assert dollars(micro) == shown


def test_estimates_and_lower_bounds_are_marked() -> None:
    assert dollars(14_600, is_estimate=True) == "~$0.0146"
    assert dollars(14_600, is_at_least=True) == "≥$0.0146"
    assert dollars(14_600, is_estimate=True, is_at_least=True) == "≥~$0.0146"
    assert dollars(None, is_estimate=True, is_at_least=True) == "?"


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0"),
        (999, "999"),
        (1_000, "1k"),
        (12_345, "12.3k"),
        (200_000, "200k"),
        (999_949, "999.9k"),
        (999_950, "1M"),
        (1_234_567, "1.23M"),
    ],
)
def test_tokens_are_shown_in_thousands_and_millions(count: int, shown: str) -> None:
    assert tokens(count) == shown


def test_dollars_become_micro_dollars_rounded_half_up() -> None:
    assert micro_dollars(Decimal("2.50")) == 2_500_000
    assert micro_dollars(0.1) == 100_000
    assert micro_dollars(1.5e-06) == 2
    assert micro_dollars(Decimal("0.0000005")) == 1
    assert micro_dollars(Decimal("0.0000004999")) == 0


@given(st.integers(0, 10**12))
def test_plain_dollars_lose_nothing(micro: int) -> None:
    text = plain_dollars(micro)
    assert text is not None
    assert micro_dollars(Decimal(text)) == micro


def test_an_unknown_amount_stays_unknown_for_machines() -> None:
    assert plain_dollars(None) is None

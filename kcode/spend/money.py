"""Money and tokens: how they are counted (whole micro-dollars) and how they are shown everywhere."""

import math
from decimal import Decimal
from fractions import Fraction

MICRO = 1_000_000


def micro_dollars(dollars: Decimal | float) -> int:
    """Dollars as micro-dollars, rounded half up. A float is read as its shortest decimal: 0.1 is a dime."""
    return rounded(Fraction(Decimal(str(dollars))) * MICRO)


def rounded(amount: Fraction) -> int:
    """The nearest whole number; a half goes up."""
    return math.floor(amount + Fraction(1, 2))


def dollars(micro: int | None, *, is_estimate: bool = False, is_at_least: bool = False) -> str:
    """`$0.0146`, `$1.235`, `$12.35`; `?` for an unknown amount; `~` marks an estimate, `≥` a lower bound."""
    if micro is None:
        return "?"
    marks = "≥" * is_at_least + "~" * is_estimate
    return marks + ("-" if micro < 0 else "") + _amount(abs(micro))


def plain_dollars(micro: int | None) -> str | None:
    """Every digit, for machines: `0.014625`."""
    return None if micro is None else f"{Decimal(micro) / MICRO:.6f}"


def tokens(count: int) -> str:
    """`950`, `12.3k`, `200k`, `1.23M`."""
    if count < 1_000:
        return str(count)
    if count < 999_950:
        return f"{count / 1_000:.1f}".removesuffix(".0") + "k"
    return f"{count / MICRO:.2f}".removesuffix(".00") + "M"


def _amount(micro: int) -> str:
    if micro == 0:
        return "$0"
    if micro < 50:
        return "<$0.0001"
    digits = 4 if micro < 999_950 else 3 if micro < 9_999_500 else 2
    return f"${Decimal(rounded(Fraction(micro, 10 ** (6 - digits)))).scaleb(-digits):,.{digits}f}"

"""Discounts, in percent."""


def reduced(cents: int, percent: int) -> int:
    """The price after the discount, rounded to the nearest cent; a half goes up."""
    return cents - cents * percent // 100

from datetime import datetime

import pytest

from kcode.errors import BadInput
from kcode.spend import period

NOW = datetime(2026, 11, 20, 16, 45, 30)


@pytest.mark.parametrize(
    ("said", "first", "last"),
    [
        ("today", "2026-11-20", "2026-11-21"),
        ("Yesterday", "2026-11-19", "2026-11-20"),
        ("month", "2026-11-01", "2026-12-01"),
        ("2026-12", "2026-12-01", "2027-01-01"),
        ("2026-11-01", "2026-11-01", "2026-11-02"),
        ("2026-11-01T12:30", "2026-11-01T12:30", "2026-11-01T12:30"),
        ("36h", "2026-11-19T04:45:30", "2026-11-19T04:45:30"),
        ("7d", "2026-11-13T16:45:30", "2026-11-13T16:45:30"),
        (" 2 w ", "2026-11-06T16:45:30", "2026-11-06T16:45:30"),
    ],
)
def test_a_time_is_a_span_since_its_beginning_or_until_its_end(said: str, first: str, last: str) -> None:
    assert period.since(said, NOW) == datetime.fromisoformat(first).timestamp()
    assert period.until(said, NOW) == datetime.fromisoformat(last).timestamp()


@pytest.mark.parametrize("said", ["", "soon", "7", "3m", "2026-13", "2026-11-31", "9" * 9 + "w", "9999-12"])
def test_what_is_no_time_is_refused_with_what_can_be_said(said: str) -> None:
    with pytest.raises(BadInput, match="is no time: say today"):
        period.since(said, NOW)

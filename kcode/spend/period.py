"""Times as people say them: `today`, `7d`, `2026-11`, `2026-11-01`."""

import re
from datetime import datetime, timedelta
from typing import Literal

from kcode.errors import BadInput

UNITS = {"h": "hours", "d": "days", "w": "weeks"}
DAY = timedelta(days=1)

Span = tuple[datetime, datetime]


def since(text: str, now: datetime) -> float:
    """The beginning of it, in seconds since 1970. `now` is local time without a zone. Raises BadInput."""
    return _ends(text, now)[0]


def until(text: str, now: datetime) -> float:
    """The end of it: `until 2026-11-01` has the whole day in it."""
    return _ends(text, now)[1]


def around(unit: Literal["day", "month"], moment: float) -> tuple[float, float]:
    """The beginning and the end of the day or month, by the local calendar, that a moment is in; seconds since 1970."""
    first, last = _span("today" if unit == "day" else "month", datetime.fromtimestamp(moment))
    return first.timestamp(), last.timestamp()


def _ends(text: str, now: datetime) -> tuple[float, float]:
    try:
        first, last = _span(text.strip().lower(), now)
        return first.timestamp(), last.timestamp()
    except (ValueError, OverflowError):
        raise BadInput(
            f"{text!r} is no time: say today, yesterday, month, 7d (or h, w), 2026-11 or 2026-11-01."
        ) from None


def _span(said: str, now: datetime) -> Span:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    match said:
        case "today":
            return midnight, midnight + DAY
        case "yesterday":
            return midnight - DAY, midnight
        case "month":
            return _month(midnight)
    if found := re.fullmatch(r"(\d+)\s*([hdw])", said):
        ago = now - timedelta(**{UNITS[found[2]]: int(found[1])})
        return ago, ago
    if re.fullmatch(r"\d{4}-\d\d", said):
        return _month(datetime.fromisoformat(f"{said}-01"))
    moment = datetime.fromisoformat(said.upper())
    return moment, moment + DAY if len(said) == len("2026-11-01") else moment


def _month(day: datetime) -> Span:
    first = day.replace(day=1)
    return first, (first + timedelta(days=32)).replace(day=1)

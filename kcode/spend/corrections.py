"""What LiteLLM's table of prices is known to have wrong, or does not know yet, each with its source.

A correction of a price that the table has holds only while the table still says what it corrects: when a newer
LiteLLM says something else, that holds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, slots=True)
class Correction:
    """Dollars per million tokens."""

    input: Decimal
    output: Decimal
    cached: Decimal
    source: str
    seen: date
    instead_of: Decimal | None = None
    """The input price of the table that is wrong; None: the table does not have the model."""
    since: date | None = None
    """The day from which it holds."""


def _flash_after_2026() -> Correction:
    """The table has the introductory price without its end."""
    return Correction(
        input=Decimal("1.50"),
        output=Decimal("7.50"),
        cached=Decimal("0.15"),
        source="ai.google.dev/gemini-api/docs/pricing, as read in github.com/anchpop/tysm/pull/60",
        seen=date(2026, 9, 14),
        instead_of=Decimal("0.75"),
        since=date(2027, 1, 1),
    )


CORRECTIONS = {
    "gemini/gemini-3.6-flash": _flash_after_2026(),
    "gemini/gemini-3.7-flash": _flash_after_2026(),
    "gemini/gemini-3.8-flash": _flash_after_2026(),
    "moonshot/kimi-k2.7-code-highspeed": Correction(
        input=Decimal("1.90"),
        output=Decimal("8"),
        cached=Decimal("0.38"),
        source="platform.kimi.ai/docs/pricing/chat-k27-code, as read in github.com/pydantic/genai-prices/pull/626",
        seen=date(2026, 8, 27),
    ),
}
"""`provider/name` -> what holds instead."""


def correction_of(model: str, entry: Mapping[str, Any] | None, today: date) -> Correction | None:
    """What holds today instead of the table's entry, if anything."""
    found = CORRECTIONS.get(model)
    if found is None or (found.since and today < found.since):
        return None
    told = Decimal(entry.get("input_cost_per_token") or 0) * 1_000_000 if entry else None
    return found if told == found.instead_of else None

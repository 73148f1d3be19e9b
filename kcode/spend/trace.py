"""A request as the cache saw it: for whoever asks why it was missed."""

from dataclasses import dataclass, fields
from typing import Any

from kcode.messages import Usage
from kcode.spend.prices import PriceRow

TRACES = """
SELECT id, task, mode, model, purpose, state, started, first_token, ended, charged, price, fingerprint,
    fresh, cached, stored, stored_1h, output, reasoning
FROM requests WHERE session = ? AND (? IS NULL OR task = ?) AND state != 'reserved' ORDER BY started, rowid
"""


@dataclass(frozen=True, slots=True)
class Trace:
    """Times are seconds since 1970."""

    id: str
    task: str
    mode: str
    model: str
    purpose: str
    state: str
    started: float
    first_token: float | None
    ended: float
    charged: int | None
    """Micro-dollars."""
    price: PriceRow | None
    fingerprint: str
    usage: Usage


TOLD = [field.name for field in fields(Trace) if field.name != "usage"]


def trace(values: tuple[Any, ...]) -> Trace:
    """From a line of TRACES."""
    told, counts = dict(zip(TOLD, values, strict=False)), values[len(TOLD) :]
    price = told["price"]
    return Trace(
        **told
        | {
            "ended": told["started"] if told["ended"] is None else told["ended"],
            "price": PriceRow.model_validate_json(price) if price else None,
            "usage": Usage(**dict(zip(Usage.model_fields, counts, strict=True))),
        }
    )

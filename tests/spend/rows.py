"""Rows of a ledger that was never written."""

from datetime import datetime
from typing import Any

from kcode.messages import Usage
from kcode.spend.row import Row

MODEL = "anthropic/claude-sonnet-5-5"


def row(
    charged: int | None = 1000,
    *,
    model: str = MODEL,
    day: str = "2026-11-20",
    at: str = "12:00",
    root: str = "",
    calculated: int | None = None,
    usage: Usage | None = None,
    **more: Any,
) -> Row:
    plain: dict[str, Any] = {
        "id": "1",
        "session": "s1",
        "task": "main",
        "mode": "code",
        "purpose": "chat",
        "reads": None,
        "parent": None,
        "state": "settled",
    }
    return Row(
        **plain | more,
        model=model,
        provider=model.partition("/")[0],
        root=root,
        repository=root,
        usage=usage or Usage(fresh=100, cached=300, output=50),
        charged=charged,
        calculated=charged if calculated is None else calculated,
        started=datetime.fromisoformat(f"{day}T{at}").timestamp(),
    )

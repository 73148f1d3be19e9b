"""Prices that a router lists itself: fetched when the user says so (`kcode models --refresh`), and kept in a file.

OpenRouter's list needs no key. Its prices are those of the provider that is asked first; a request under a budget
says that no dearer one may answer, so that they are an upper bound, too.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from pathlib import Path
from typing import Any

from kcode.paths import data_dir, write_private

Json = Mapping[str, Any]
PRICES = {
    "input_cost_per_token": "prompt",
    "output_cost_per_token": "completion",
    "cache_read_input_token_cost": "input_cache_read",
    "cache_creation_input_token_cost": "input_cache_write",
    "output_cost_per_reasoning_token": "internal_reasoning",
}
"""LiteLLM's word -> OpenRouter's; dollars a token in both."""


@dataclass(frozen=True, slots=True)
class Listed:
    source: str
    """Where it was fetched."""
    date: str
    entries: Mapping[str, Json]
    """Model, without the provider -> what is known of it, in LiteLLM's words."""


NOTHING = Listed("", "", {})


def file_of(provider: str) -> Path:
    return data_dir() / "prices" / f"{provider}.json"


def listed(provider: str) -> Listed:
    """What was fetched last; nothing when it never was, or the file cannot be read."""
    file = file_of(provider)
    try:
        return _read(file, file.stat().st_mtime_ns)
    except OSError:
        return NOTHING


def keep(provider: str, source: str, date: str, answer: Json) -> int:
    """Keep what the provider answered to `GET /models`; the number of models with a price. ValueError when it is no
    such list."""
    models = answer.get("data")
    if not isinstance(models, list):
        raise ValueError("it is no list of models")
    entries = {str(model["id"]): entry for model in models if (entry := _entry(provider, model))}
    if not entries:
        raise ValueError("no model in it has a price")
    write_private(
        file_of(provider), json.dumps({"source": source, "date": date, "entries": entries}, indent=1)
    )
    return len(entries)


@lru_cache(maxsize=4)
def _read(file: Path, _changed: int) -> Listed:
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        entries = {name: _decimals(entry) for name, entry in told["entries"].items()}
        return Listed(str(told["source"]), str(told["date"]), entries)
    except (ValueError, KeyError, TypeError, AttributeError):
        return NOTHING


def _decimals(entry: Json) -> Json:
    return {name: Decimal(value) if name in PRICES else value for name, value in entry.items()}


def _entry(provider: str, model: Any) -> dict[str, Any] | None:
    """In LiteLLM's words, prices as text; None without both prices, with one that depends (-1), and where each
    request costs something besides: then tokens are not all of it."""
    try:
        told = {name: _price(model["pricing"].get(theirs)) for name, theirs in PRICES.items()}
        fee = _price(model["pricing"].get("request"))
    except (KeyError, TypeError, AttributeError, InvalidOperation):
        return None
    prices = {name: str(price) for name, price in told.items() if price is not None}
    if "input_cost_per_token" not in prices or "output_cost_per_token" not in prices or fee:
        return None
    if any(Decimal(price) < 0 for price in prices.values()):
        return None
    above = model.get("top_provider") or {}
    takes = (model.get("architecture") or {}).get("input_modalities") or ()
    return {
        "litellm_provider": provider,
        **prices,
        "max_input_tokens": model.get("context_length"),
        "max_output_tokens": above.get("max_completion_tokens"),
        "supports_function_calling": "tools" in (model.get("supported_parameters") or ()),
        "supports_vision": "image" in takes,
        "supports_reasoning": "reasoning" in (model.get("supported_parameters") or ()),
    }


def _price(text: Any) -> Decimal | None:
    return None if text is None else Decimal(str(text))

"""LiteLLM's table of models, read from the installed package's file; LiteLLM is not imported."""

import importlib.metadata
import importlib.util
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

FILE = "model_prices_and_context_window_backup.json"


@dataclass(frozen=True, slots=True)
class PriceMap:
    entries: Mapping[str, Mapping[str, Any]]
    """Model -> what LiteLLM says of it; dollars a token are Decimals, exact as written."""
    source: str
    """`litellm 1.105.3`."""
    date: str
    """The day the file was installed: its prices are no newer than that. The file itself carries no date."""

    def entry(self, model: str) -> Mapping[str, Any] | None:
        """What is said of exactly this `provider/name`, under that key or under the bare name.

        Never a prefix or a family: LiteLLM's own look-up answers 0 for models that it merely guesses.
        """
        provider, _, name = model.partition("/")
        for key in (model, name):
            found = self.entries.get(key)
            if found is not None and found.get("litellm_provider") == provider:
                return found
        return None


@cache
def price_map() -> PriceMap:
    """Read once a process (about 20 ms); empty when LiteLLM is not installed."""
    found = importlib.util.find_spec("litellm")
    if found is None or not found.submodule_search_locations:
        return PriceMap({}, "no litellm", "")
    file = Path(found.submodule_search_locations[0]) / FILE
    return read(file, f"litellm {importlib.metadata.version('litellm')}")


def read(file: Path, source: str) -> PriceMap:
    entries = json.loads(file.read_bytes(), parse_float=Decimal)
    installed = datetime.fromtimestamp(file.stat().st_mtime, UTC).date().isoformat()
    return PriceMap(entries, source, installed)

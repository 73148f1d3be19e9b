"""What a file of modes gives: those that can be read, and a sentence for each that cannot."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kcode.errors import BadInput
from kcode.modes.mode import Mode

LARGEST = 1_000_000
"""Bytes of a file."""


@dataclass(slots=True)
class Found:
    modes: list[Mode] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    @contextmanager
    def skipping(self, what: str) -> Iterator[None]:
        """A BadInput within becomes a complaint: one bad entry costs the others nothing."""
        try:
            yield
        except BadInput as error:
            self.complaints.append(f"{what} is skipped: {error}")


def text_of(path: Path) -> str:
    """BadInput when it cannot be read as text."""
    try:
        if not path.is_file():
            raise BadInput("it is no file.")
        if path.stat().st_size > LARGEST:
            raise BadInput(f"it has more than {LARGEST:,} bytes.")
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"it cannot be read: {error}.") from None


def table_of(text: str) -> dict[str, Any]:
    """YAML or JSON. BadInput when it is neither, or no table."""
    import yaml  # here, since few have such a file

    try:
        table = json.loads(text) if text.lstrip().startswith("{") else yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        try:
            table = yaml.safe_load(text)
        except (yaml.YAMLError, ValueError, RecursionError):
            raise BadInput(f"it is neither YAML nor JSON: {error}") from None
    if not isinstance(table, dict):
        raise BadInput("it is no table of keys and values.")
    return table


def texts(table: Mapping[str, Any], keys: Iterable[str]) -> dict[str, str]:
    """Those of the keys that are there. BadInput for what is a list or table."""
    found = {}
    for key in keys:
        value = table.get(key)
        if isinstance(value, list | dict):
            raise BadInput(f"{key} is no text.")
        if value is not None:
            found[key] = str(value)
    return found

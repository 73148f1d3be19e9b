"""The card for a folder that brings settings or modes of its own: nothing of it takes effect before the user's word."""

import json
from pathlib import Path

from kcode import settings, trust
from kcode.errors import BadInput
from kcode.memory.commands import waiting
from kcode.modes.places import brought
from kcode.paths import state_dir, write_private
from kcode.tui.desk import Desk
from kcode.tui.engine.words import Wish
from kcode.tui.lists.choices import Choice
from kcode.tui.pages.page import Text
from kcode.tui.text.safe import one_line, safe

LONGEST = 60_000
"""Characters of each file that are shown."""


def own_files(root: Path) -> list[Path]:
    """What of the folder would take effect."""
    return [file for file in (settings.project_file(root), *brought(root), *waiting(root)) if file.is_file()]


def is_to_be_asked(root: Path) -> bool:
    """Whether there is something to decide, and no word on it yet."""
    try:
        return bool(own_files(root)) and not trust.is_trusted(root) and str(root) not in _declined()
    except BadInput:  # nobody knows who is trusted: then nothing of the folder is used, and `start` says so
        return False


def ask(desk: Desk) -> None:
    names = ", ".join(one_line(str(file.relative_to(desk.root))) for file in own_files(desk.root))
    rows = [
        Choice("read", "Read them first", names),
        Choice("trust", "Trust this folder", "they take effect, now and later"),
        Choice("no", "Not now", "nothing of it is used; /trust changes that"),
    ]
    desk.pick("This folder brings settings of its own", rows, lambda row: _decide(desk, row.id))


def _decide(desk: Desk, word: str) -> None:
    match word:
        case "trust":
            trust.trust(desk.root)
            desk.engine.open(Wish("asked") if not desk.state.has_talked else Wish("new"))
        case "no":
            _decline(desk.root)
        case _:
            desk.view("What this folder brings", Text(_contents(desk.root)))
            ask(desk)


def _contents(root: Path) -> str:
    parts = [f"── {file.relative_to(root)}\n\n{_text(file)}" for file in own_files(root)]
    return "\n\n".join(safe(part) for part in parts)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")[:LONGEST]
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def _file() -> Path:
    return state_dir() / "untrusted.json"


def _declined() -> list[str]:
    try:
        return [str(root) for root in json.loads(_file().read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError):
        return []


def _decline(root: Path) -> None:
    write_private(_file(), json.dumps([*_declined(), str(root)], indent=1) + "\n")

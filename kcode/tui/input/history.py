"""What the user typed, kept in one private file: a JSON string a line, oldest first."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from kcode.paths import private_dir, state_dir, write_private

KEPT = 1_000
"""Entries; the file is cut back to that when it has grown to twice as many."""
LONGEST = 20_000
"""Characters of an entry; a longer one is a document, not something to say again."""


def history_file() -> Path:
    return state_dir() / "history.jsonl"


@dataclass(slots=True)
class History:
    """Walked like a shell's: `older` and `newer` from where one stands; the draft waits at the new end."""

    file: Path
    entries: list[str] = field(default_factory=list)
    _at: int | None = None
    """Where one stands; None: at the draft."""
    _draft: str = ""

    def load(self) -> None:
        """Reads the file; lines that are no entry are left out, a missing file has none."""
        try:
            lines = self.file.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return
        entries = list(dict.fromkeys(reversed(list(_entries(lines)))))[:KEPT]
        self.entries = [*reversed(entries), *self.entries]
        if len(lines) > 2 * KEPT:
            write_private(self.file, "".join(map(_line, self.entries)))

    def add(self, text: str) -> None:
        """Keeps what was said, unless it was just said or begins with a blank. OSError when it cannot be written."""
        self.leave()
        if not text.strip() or text.startswith(" ") or len(text) > LONGEST or self.entries[-1:] == [text]:
            return
        self.entries.append(text)
        private_dir(self.file.parent)
        file = os.open(self.file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.write(file, _line(text).encode())
        finally:
            os.close(file)

    def older(self, draft: str) -> str | None:
        """The entry before the one that is shown; None at the oldest."""
        if self._at is None:
            self._draft = draft
        at = (len(self.entries) if self._at is None else self._at) - 1
        if at < 0:
            return None
        self._at = at
        return self.entries[at]

    def newer(self) -> str | None:
        """The entry after the one that is shown, the draft at the end; None when one is there already."""
        if self._at is None:
            return None
        if self._at + 1 < len(self.entries):
            self._at += 1
            return self.entries[self._at]
        self._at = None
        return self._draft

    def leave(self) -> None:
        """What is shown is edited from now on: it is the draft."""
        self._at = None


def _entries(lines: list[str]) -> Iterator[str]:
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, str):
            yield entry


def _line(text: str) -> str:
    return json.dumps(text) + "\n"

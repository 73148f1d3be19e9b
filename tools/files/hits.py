"""Hits of a search: collected from the JSON lines of a grep, and written for the model in bounded space."""

import base64
import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

BOUND = 8_000
"""Characters of all that is shown."""
SHARES = 8
"""Into how many shares the space is divided, at most, so that one file does not take it all."""
NAMED = 20
"""Files that are just named, with their counts."""
MOST = 10_000
"""Hits that are counted."""
LONGEST_LINE = 300
BEFORE = 100
"""Characters of a long line before the hit."""
LONGEST_EVENT = 20_000_000
"""Bytes of a line from the grep that is still looked into."""


@dataclass(slots=True)
class Line:
    number: int
    text: str
    is_hit: bool


@dataclass(slots=True)
class Hits:
    lines: dict[str, list[Line]] = field(default_factory=lambda: defaultdict(list))
    """By file; a file without hits may be there."""
    count: int = 0
    too_long: int = 0
    """Hits in lines that were too long to look at."""
    is_stopped: bool = False
    """Whether time was up before all was searched."""
    _rest: bytearray = field(default_factory=bytearray)
    _is_skipping: bool = False

    @property
    def is_full(self) -> bool:
        return self.count >= MOST

    def feed(self, data: bytes) -> None:
        """A piece of the grep's output; it may end within a line."""
        *ended, rest = data.split(b"\n")
        for line in ended:
            if not self._is_skipping and not self.is_full:
                self._event(bytes(self._rest) + line)
            self._rest.clear()
            self._is_skipping = False
        if not self._is_skipping:
            self._rest += rest
        if len(self._rest) > LONGEST_EVENT:
            self.too_long += 1
            self._is_skipping = True
            self._rest.clear()

    def _event(self, line: bytes) -> None:
        event = json.loads(line)
        kind, data = event["type"], event["data"]
        if kind == "end" and data["binary_offset"] is not None:
            self.count -= sum(line.is_hit for line in self.lines.pop(_text(data["path"]), []))
        elif kind in ("match", "context"):
            self.count += kind == "match"
            start = data["submatches"][0]["start"] if data["submatches"] else 0
            found = Line(data["line_number"], _cut(_text(data["lines"]), start), kind == "match")
            self.lines[_text(data["path"])].append(found)

    def text(self, shown: Callable[[str], str]) -> str:
        """Grouped by file, and what was left out; `shown` is how a file's name is written."""
        files = [(name, lines) for name, lines in sorted(self.lines.items()) if _count(lines)]
        share, room = BOUND // max(1, min(SHARES, len(files))), BOUND
        parts: list[str] = []
        is_cut = False
        for name, lines in files:
            if room < LONGEST_LINE:
                break
            part, left = _bounded(lines, min(share, room))
            is_cut |= left > 0
            parts.append(f"{shown(name)}\n{part}" + (f"\n[{left} more here]" if left else ""))
            room -= len(part)
        rest = files[len(parts) :]
        parts += _named([(shown(name), _count(lines)) for name, lines in rest])
        if rest or is_cut or self.is_full:
            least = " or more" if self.is_full else ""
            parts.append(f"[{self.count}{least} hits in {len(files)} files: narrow by pattern, path or glob]")
        return "\n".join([*parts, *self.notes])

    @property
    def notes(self) -> list[str]:
        """What the search could not do."""
        long = [f"[{self.too_long} more in lines too long to show]"] if self.too_long else []
        return long + (["[stopped for time: narrow by pattern, path or glob]"] if self.is_stopped else [])


def _count(lines: list[Line]) -> int:
    return sum(line.is_hit for line in lines)


def _bounded(lines: list[Line], space: int) -> tuple[str, int]:
    """As many lines as there is space for, at least one; and how many hits are left."""
    written: list[str] = []
    has_context = any(not line.is_hit for line in lines)
    for at, line in enumerate(lines):
        text = f"{line.number}{':' if line.is_hit else '-'} {line.text}"
        space -= len(text) + 1
        if space < 0 and written:
            return "\n".join(written), _count(lines[at:])
        if has_context and at and lines[at - 1].number + 1 < line.number:
            written.append("--")
        written.append(text)
    return "\n".join(written), 0


def _named(rest: list[tuple[str, int]]) -> list[str]:
    if not rest:
        return []
    names = ", ".join(f"{name} ({count})" for name, count in rest[:NAMED])
    return [f"Also in {names}" + (f" and {len(rest) - NAMED} more files" if len(rest) > NAMED else "")]


def _cut(line: str, start: int) -> str:
    """A line without its end; of a long one what is around the hit, that begins at byte `start`."""
    line = line.removesuffix("\n").removesuffix("\r").replace("\0", "␀")
    if len(line) <= LONGEST_LINE:
        return line
    at = len(line.encode(errors="replace")[:start].decode(errors="ignore"))
    first = max(0, min(at - BEFORE, len(line) - LONGEST_LINE))
    last = first + LONGEST_LINE
    return "…" * (first > 0) + line[first:last] + "…" * (last < len(line))


def _text(data: dict[str, str]) -> str:
    """ripgrep gives base64 where it isn't UTF-8."""
    if "text" in data:
        return data["text"]
    return base64.b64decode(data["bytes"]).decode(errors="replace")

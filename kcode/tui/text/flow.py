"""Styled text laid out in lines of a width; pure, and in cells of a terminal.

A look is names divided by blanks ("strong code"); what a name looks like, the theme says.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from rich.cells import cell_len

Run = tuple[str, str]
"""Text without a line feed, and its look."""

NARROWEST = 8
"""Cells that text gets at least, however deep it is nested."""


class Line(NamedTuple):
    """One row of the screen."""

    runs: tuple[Run, ...] = ()
    joint: str = "\n"
    """What stands between this row and the next in the text: a blank or nothing where only the width broke it."""
    gutter: int = 0
    """How many characters at the left are no part of the text: numbers, bullets, bars."""
    fill: str = ""
    """Look of the rest of the row."""
    aside: int = 0
    """How many characters at the right are no part of the text."""

    @property
    def text(self) -> str:
        return "".join(text for text, _ in self.runs)

    @property
    def cells(self) -> int:
        return cells(self.text)


def cells(text: str) -> int:
    return len(text) if text.isascii() else cell_len(text)


def fitting(text: str, room: int) -> int:
    """How many characters of it fit into so many cells."""
    if text.isascii():
        return min(len(text), room)
    for count, char in enumerate(text):
        room -= cells(char)
        if room < 0:
            return count
    return len(text)


def wrapped(runs: Sequence[Run], width: int) -> list[Line]:
    """Broken at blanks, and inside of words that are longer than a row. At least one line."""
    text = "".join(text for text, _ in runs)
    if cells(text) <= width:
        return [Line(tuple(run for run in runs if run[0]))]
    rows = list(_rows(text, max(width, 2)))
    lines = [Line(tuple(_pieces(runs, start, end)), text[end:after]) for start, end, after in rows]
    return [*lines[:-1], lines[-1]._replace(joint="\n")]


READABLE = 110
"""Columns of prose: longer lines are hard to follow to their ends."""


def prose(text: str, width: int, look: str = "") -> list[Line]:
    """Text of one look; its line feeds stay."""
    return [line for part in text.split("\n") for line in wrapped([(part, look)], width)]


def one_row(runs: Sequence[Run], width: int) -> Line:
    """What of it fits into one row, with an ellipsis where it is cut."""
    room, kept = width, []
    if cells("".join(text for text, _ in runs)) > width:
        for text, look in runs:
            count = fitting(text, room - 1)
            kept.append((text[:count] + "…" * (count < len(text)), look))
            if count < len(text):
                break
            room -= cells(text)
    return Line(tuple(run for run in kept or runs if run[0]))


def hung(lines: Iterable[Line], first: Run, rest: Run | None = None) -> Iterator[Line]:
    """The lines with a gutter: `first` before the first one, `rest` (as wide; else blanks) before the others."""
    rest = rest or (" " * cells(first[0]), "")
    for number, line in enumerate(lines):
        gutter = first if number == 0 else rest
        yield line._replace(runs=(gutter, *line.runs), gutter=line.gutter + len(gutter[0]))


def selected(lines: Sequence[Line], start: tuple[int, int], end: tuple[int, int]) -> str:
    """The text between two places (row, character): without gutters, and whole where only the width broke it."""
    parts = []
    for row in range(start[0], min(end[0], len(lines) - 1) + 1):
        line = lines[row]
        first = max(start[1] if row == start[0] else 0, line.gutter)
        own = len(line.text) - line.aside
        parts.append(line.text[first : min(end[1], own) if row == end[0] else own])
        if row < end[0]:
            parts.append(line.joint)
    return "".join(parts)


def marked(runs: Iterable[Run], start: int, end: int, look: str) -> tuple[Run, ...]:
    """The runs with one more look on the characters from `start` to `end`."""
    changed, place = [], 0
    for text, old in runs:
        one, other = (min(max(border - place, 0), len(text)) for border in (start, end))
        pieces = [(text[:one], old), (text[one:other], f"{old} {look}".strip()), (text[other:], old)]
        changed += [piece for piece in pieces if piece[0]]
        place += len(text)
    return tuple(changed)


_WIDE = (
    "\u1100-\u11ff\u2e80-\u9fff"
    "\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\U0001f000-\U0003fffd"
)
_WORD = re.compile(rf"[{_WIDE}]|[^\s{_WIDE}]+|\s+")
"""Between wide characters a row may end."""


def _rows(text: str, width: int) -> Iterator[tuple[int, int, int]]:
    """Start and end of each row, and where the next one starts: the blanks at a break are on neither."""
    start, room = 0, width
    for match in _WORD.finditer(text):
        word, place, size = match[0], match.start(), cells(match[0])
        if size > room:
            end = start + len(text[start:place].rstrip())
            if word.isspace():
                yield start, place, match.end()
                start, room = match.end(), width
                continue
            if size <= width and end > start:
                yield start, end, place
                start, room = place, width
            while (count := fitting(text[place : match.end()], room)) < match.end() - place:
                place += count
                yield start, place, place
                start, room = place, width
            size = cells(text[place : match.end()])
        room -= size
    yield start, len(text), len(text)


def _pieces(runs: Iterable[Run], start: int, end: int) -> Iterator[Run]:
    place = 0
    for text, look in runs:
        if piece := text[max(start - place, 0) : max(end - place, 0)]:
            yield piece, look
        place += len(text)

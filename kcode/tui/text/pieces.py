"""The pieces that Markdown consists of, each of which knows its lines for a width."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from kcode.tui.text.flow import NARROWEST, READABLE, Line, Run, cells, hung, wrapped
from kcode.tui.text.highlight import highlighted, highlighted_line, lexer_named

CODE_INDENT: Run = ("  ", "code")
FOUND_IN_CODE = "code"


class Piece(Protocol):
    def lines(self, width: int) -> list[Line]:
        """At least one, none wider than `width`, which is NARROWEST at least."""


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph or a heading."""

    rows: tuple[tuple[Run, ...], ...]

    def lines(self, width: int) -> list[Line]:
        return [line for row in self.rows for line in wrapped(row, min(width, READABLE))]


@dataclass(frozen=True, slots=True)
class Code:
    """A fence or an indented block."""

    code: str
    language: str = ""

    def lines(self, width: int) -> list[Line]:
        rows = highlighted(self.code, lexer_named(self.language))
        return [line for row in rows for line in code_lines(row, width)]


def code_lines(row: Sequence[Run], width: int) -> Iterator[Line]:
    """A line of code on its own ground."""
    runs = [(text, f"code {look}".strip()) for text, look in row]
    for line in hung(wrapped(runs, width - len(CODE_INDENT[0])), CODE_INDENT, CODE_INDENT):
        yield line._replace(fill="code")


def unfinished_code_lines(line: str, language: str, width: int) -> Iterator[Line]:
    return code_lines(highlighted_line(line, lexer_named(language)), width)


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a list; what is in it stands close, but for what needs air."""

    mark: str
    pieces: tuple[Piece, ...]

    def lines(self, width: int) -> list[Line]:
        gutter = self.mark + " "
        return inside((gutter, "bullet"), (" " * cells(gutter), ""), self.pieces, width, close=True)


@dataclass(frozen=True, slots=True)
class Items:
    """A list within something else."""

    items: tuple[Item, ...]

    def lines(self, width: int) -> list[Line]:
        return [line for item in self.items for line in item.lines(width)]


@dataclass(frozen=True, slots=True)
class Quote:
    pieces: tuple[Piece, ...]

    def lines(self, width: int) -> list[Line]:
        return inside(("▎ ", "quote"), ("▎ ", "quote"), self.pieces, width)


@dataclass(frozen=True, slots=True)
class Rule:
    def lines(self, width: int) -> list[Line]:
        return [Line((("─" * min(width, READABLE), "faint"),))]


def inside(first: Run, rest: Run, pieces: Sequence[Piece], width: int, *, close: bool = False) -> list[Line]:
    """Pieces behind a gutter. Where there is no room for it, it is left out."""
    room = width - cells(first[0])
    if room < NARROWEST:
        return stacked(pieces, width, close=close)
    return list(hung(stacked(pieces, room, close=close), first, rest))


def stacked(pieces: Sequence[Piece], width: int, *, close: bool = False) -> list[Line]:
    """Pieces with an empty row between them; if `close`, a list follows its text without one."""
    lines: list[Line] = []
    for number, piece in enumerate(pieces):
        if number and not (close and isinstance(piece, Items)):
            lines.append(Line())
        lines += piece.lines(width)
    return lines or [Line()]

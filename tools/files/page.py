"""A part of a text by its lines, from pieces that come one by one, in bounded memory."""

import codecs
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

PIECE = 1 << 18
"""Bytes read at once."""


@dataclass(frozen=True, slots=True)
class Window:
    """Lines from `first` (1 is the first) on, until `count` or about `size` bytes are reached."""

    first: int
    count: int
    size: int
    longest: int = 2_000
    """Characters that are shown of a line."""


def page(pieces: Iterable[str], window: Window) -> tuple[list[str], int | None]:
    """The lines without their ends, long ones cut, and the number of the one that follows (None: the end)."""
    lines: list[str] = []
    size = 0
    for line in _lines(_from_line(pieces, window.first), window.longest):
        size += len(line.encode(errors="replace")) + 1
        if len(lines) == window.count or (lines and size > window.size):
            return lines, window.first + len(lines)
        lines.append(line)
    return lines, None


def numbered(lines: Iterable[str], first: int) -> str:
    """Lines as the model sees them: number, tab, text."""
    return "\n".join(f"{number}\t{line}" for number, line in enumerate(lines, first))


def pieces_of(file: BinaryIO, encoding: str) -> Iterator[str]:
    """A file from where it stands on, as text. UnicodeDecodeError where it isn't."""
    decoder = codecs.getincrementaldecoder(encoding)()
    while data := file.read(PIECE):
        yield decoder.decode(data)
    yield decoder.decode(b"", final=True)


def _from_line(pieces: Iterable[str], first: int) -> Iterator[str]:
    number = 1
    for piece in pieces:
        breaks = piece.count("\n")
        if number + breaks >= first:
            yield piece.split("\n", first - number)[-1] if number < first else piece
        number = min(first, number + breaks)


def _lines(pieces: Iterable[str], longest: int) -> Iterator[str]:
    text, length = "", 0
    for piece in pieces:
        *ended, rest = piece.split("\n")
        for part in ended:
            yield _shown(text + part[: max(0, longest - len(text))], length + len(part))
            text, length = "", 0
        text += rest[: max(0, longest - len(text))]
        length += len(rest)
    if length:
        yield _shown(text, length)


def _shown(text: str, length: int) -> str:
    """A line of which `text` was kept."""
    text = text.replace("\0", "␀")
    return (
        f"{text} …[{length - len(text)} more characters]" if length > len(text) else text.removesuffix("\r")
    )

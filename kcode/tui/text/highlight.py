"""Program text with looks, by pygments."""

from collections.abc import Iterator
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from kcode.tui.text.flow import Run

# Pygments is imported where it is used: the first frame does not wait for it.
if TYPE_CHECKING:
    from pygments.lexer import Lexer

TOO_LONG = 60_000
"""Characters of one piece of code beyond which it stays plain: half a second of a lexer's work."""

LOOKS = {
    "Comment": "comment",
    "Comment.Preproc": "keyword",
    "Keyword": "keyword",
    "Keyword.Constant": "number",
    "Keyword.Type": "type",
    "Name.Builtin": "type",
    "Name.Class": "function",
    "Name.Decorator": "type",
    "Name.Exception": "type",
    "Name.Function": "function",
    "Name.Namespace": "type",
    "Name.Tag": "keyword",
    "Name.Attribute": "type",
    "Literal.Number": "number",
    "Operator.Word": "keyword",
    "Literal.String": "string",
    "Literal.String.Doc": "comment",
    "Generic.Inserted": "added",
    "Generic.Deleted": "removed",
    "Generic.Heading": "strong",
    "Generic.Subheading": "function",
}
"""Pygments' kinds of token, and what is not said of a kind is as it is of the one above."""


@lru_cache(maxsize=64)
def lexer_named(name: str) -> "Lexer | None":
    """The lexer of a fence's language; None when it names none."""
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        return get_lexer_by_name(name.lower(), stripnl=False, ensurenl=False) if name else None
    except ClassNotFound:
        return None


@lru_cache(maxsize=64)
def lexer_for(path: str) -> "Lexer | None":
    """The lexer of a file's name; None when nobody knows it."""
    from pygments.lexers import get_lexer_for_filename
    from pygments.util import ClassNotFound

    try:
        return get_lexer_for_filename(path.rsplit("/", 1)[-1], stripnl=False, ensurenl=False)
    except ClassNotFound:
        return None


def highlighted(code: str, lexer: "Lexer | None") -> list[tuple[Run, ...]]:
    """The lines of safe text, with looks. Always as many as `code.split("\\n")`."""
    if lexer is not None and len(code) <= TOO_LONG:
        lines = list(_lines(code, lexer))
        if "\n".join("".join(text for text, _ in line) for line in lines) == code:
            return lines
    return [((line, ""),) if line else () for line in code.split("\n")]


@lru_cache(maxsize=1024)
def highlighted_line(line: str, lexer: "Lexer | None") -> tuple[Run, ...]:
    """One line by itself: right for most of them, and what an unfinished piece of code is shown with."""
    return highlighted(line, lexer)[0] if len(line) < TOO_LONG else ((line, ""),)


def _lines(code: str, lexer: "Lexer") -> Iterator[tuple[Run, ...]]:
    line: list[Run] = []
    for kind, text in lexer.get_tokens(code):
        look = _look(kind)
        first, *others = text.split("\n")
        if first and line and line[-1][1] == look:
            line[-1] = (line[-1][0] + first, look)
        elif first:
            line.append((first, look))
        for other in others:
            yield tuple(line)
            line = [(other, look)] if other else []
    yield tuple(line)


@cache
def _look(kind: Any) -> str:
    """`kind` is Pygments' name of a kind of token: a tuple of words."""
    words = tuple(kind)
    names = (".".join(words[:length]) for length in range(len(words), 0, -1))
    return next((LOOKS[name] for name in names if name in LOOKS), "")

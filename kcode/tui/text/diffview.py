"""A diff for the eye: line numbers, signs, colours of the language, and what changed inside of short lines."""

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import islice
from typing import NamedTuple

from kcode.messages import Change
from kcode.tui.text.flow import NARROWEST, Line, Run, hung, marked, one_row, wrapped
from kcode.tui.text.highlight import highlighted_line, lexer_for
from kcode.tui.text.safe import one_line, safe

SHORT = 400
"""Characters of a line up to which it is compared with the other one, word by word."""
ALIKE = 0.3
"""Share of two lines that has to be the same for the rest to be worth a mark."""

_HUNK = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@ ?(.*)")
_WORD = re.compile(r"\w+|\s+|[^\w\s]")
_LOOKS = {"+": "added", "-": "removed"}


class Row(NamedTuple):
    sign: str
    """+, -, a blank; @ between two hunks; … for what is said about the diff."""
    number: int | None
    """Of the line: in the new file, or where it is removed, in the old one."""
    text: str
    changed: tuple[tuple[int, int], ...] = ()
    """Places in the text."""


def rows(diff: str) -> list[Row]:
    """A unified diff without its two header lines, safe to show."""
    return _compared([row for row in _read(diff) if row])


def diff_lines(diff: str, path: str, width: int) -> Iterator[Line]:
    """Laid out one by one: who wants twenty pays for twenty."""
    found = rows(diff)
    digits = len(str(max((row.number or 0 for row in found), default=0)))
    lexer = lexer_for(path)
    for row in found:
        look = _LOOKS.get(row.sign, "")
        number = "" if row.number is None else str(row.number)
        first = (f"{number:>{digits}} {row.sign} ", f"faint {look}".strip())
        if row.sign in "@…":
            yield one_row([(" " * digits + f" {'⋯' if row.sign == '@' else '…'} {row.text}", "faint")], width)
            continue
        runs: Sequence[Run] = [(t, f"{look} {own}".strip()) for t, own in highlighted_line(row.text, lexer)]
        for start, end in row.changed:
            runs = marked(runs, start, end, f"{look}-word")
        lines = wrapped(runs, max(width - len(first[0]), NARROWEST))
        yield from (line._replace(fill=look) for line in hung(lines, first, (" " * len(first[0]), look)))


def change_lines(
    change: Change, width: int, most: int | None = None, *, with_heading: bool = True
) -> Iterator[Line]:
    """What happened to a file, and its diff, of which at most so many rows."""
    if with_heading:
        yield heading(change, width)
    lines = list(islice(diff_lines(change.diff, change.path, width), most if most is None else most + 1))
    if most is None or len(lines) <= most:
        yield from lines
    else:
        yield from lines[:most]
        yield one_row([(f"… {max(len(rows(change.diff)) - most, 1)} more rows", "faint")], width)


def heading(change: Change, width: int) -> Line:
    numbers = [("  ", ""), (f"+{change.added}", "good"), (" ", ""), (f"-{change.removed}", "error")]
    kind = "" if change.kind == "edited" else f" {change.kind}"
    return one_row([(one_line(change.path), "strong"), (kind, "faint"), *numbers], width)


def _read(diff: str) -> Iterator[Row | None]:
    old = new = 0
    is_first = True
    for line in safe(diff).removesuffix("\n").split("\n"):
        sign, text = line[:1], line[1:]
        if match := _HUNK.match(line):
            old, new = int(match[1]), int(match[2])
            yield None if is_first and not match[3] else Row("@", None, match[3])
            is_first = False
        elif sign == "+":
            yield Row(sign, new, text)
            new += 1
        elif sign == "-":
            yield Row(sign, old, text)
            old += 1
        elif sign in (" ", "") and line:
            yield Row(" ", new, text)
            old, new = old + 1, new + 1
        elif line:
            yield Row("…", None, line.strip("\\. "))


def _compared(found: list[Row]) -> list[Row]:
    """With the places that changed, where as many lines came as went."""
    start = 0
    while start < len(found):
        gone = _run_of("-", found, start)
        come = _run_of("+", found, start + gone)
        if gone and gone == come:
            for old in range(start, start + gone):
                found[old], found[old + gone] = _pair(found[old], found[old + gone])
        start += gone + come or 1
    return found


def _run_of(sign: str, found: Sequence[Row], start: int) -> int:
    end = start
    while end < len(found) and found[end].sign == sign:
        end += 1
    return end - start


def _pair(old: Row, new: Row) -> tuple[Row, Row]:
    if max(len(old.text), len(new.text)) > SHORT:
        return old, new
    one, other = _WORD.findall(old.text), _WORD.findall(new.text)
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    if matcher.ratio() < ALIKE:
        return old, new
    codes = [code for code in matcher.get_opcodes() if code[0] != "equal"]
    return (
        old._replace(changed=tuple(_places(one, [(c[1], c[2]) for c in codes]))),
        new._replace(changed=tuple(_places(other, [(c[3], c[4]) for c in codes]))),
    )


def _places(words: Sequence[str], spans: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    borders = [0]
    for word in words:
        borders.append(borders[-1] + len(word))
    return ((borders[start], borders[end]) for start, end in spans if start < end)

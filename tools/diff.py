"""What became of a file: a unified diff for people and the record."""

import difflib
import itertools
import re
from collections import Counter
from collections.abc import Iterable

from kcode.messages import Change
from kcode.tools.text import lines_of

CONTEXT = 3
RECORDED = 400
"""Lines of a diff that are kept in a record."""
AFFORDABLE = 2_000_000
"""Pairs of equal lines up to which difflib answers in about a second."""


def change(path: str, before: str | None, after: str) -> Change:
    """The record of `before` (None: no file) becoming `after`; its diff is bounded, its counts are not."""
    lines = diff(before or "", after)
    more = len(lines) - RECORDED
    kept = lines[:RECORDED] + ([f"... {more} more lines\n"] if more > 0 else [])
    return Change(
        path=path,
        diff="".join(kept),
        added=sum(line.startswith("+") for line in lines),
        removed=sum(line.startswith("-") for line in lines),
        kind="created" if before is None else "edited",
    )


def diff(before: str, after: str) -> list[str]:
    """Unified, without the two header lines; each line ends with a line feed."""
    old, new = lines_of(before), lines_of(after)
    start = _equal_at_front(old, new)
    end = _equal_at_front(old[start:][::-1], new[start:][::-1])
    first = max(0, start - CONTEXT)
    old, new = (lines[first : len(lines) - max(0, end - CONTEXT)] for lines in (old, new))
    found = _compared(old, new) if _affordable(old, new) else _rewritten(old, new)
    return [_ended(_moved(line, first)) for line in found]


def changed_lines(diff: str) -> list[int]:
    """The numbers, in the new text, of the lines where the hunks of a diff begin to change something."""
    numbers: list[int] = []
    line, is_new = 0, False
    for text in diff.split("\n"):
        if header := re.match(r"@@ -\S+ \+(\d+)", text):
            line, is_new = int(header[1]), True
        elif text.startswith(("+", "-")) and is_new:
            numbers.append(max(1, line))
            is_new = False
        else:
            line += 1
    return numbers


def _equal_at_front(old: list[str], new: list[str]) -> int:
    pairs = enumerate(zip(old, new, strict=False))
    return next((place for place, (one, other) in pairs if one != other), min(len(old), len(new)))


def _affordable(old: list[str], new: list[str]) -> bool:
    times = Counter(new)
    return sum(times[line] for line in old) < AFFORDABLE


def _compared(old: list[str], new: list[str]) -> Iterable[str]:
    return itertools.islice(difflib.unified_diff(old, new, n=CONTEXT), 2, None)


def _rewritten(old: list[str], new: list[str]) -> Iterable[str]:
    """A diff that looks for nothing: line by line when there are as many as before, else all at once."""
    if len(old) != len(new):
        yield f"@@ -1,{len(old)} +1,{len(new)} @@\n"
        yield from ("-" + line for line in old)
        yield from ("+" + line for line in new)
        return
    for number, (one, other) in enumerate(zip(old, new, strict=True), 1):
        if one != other:
            yield from (f"@@ -{number} +{number} @@\n", "-" + one, "+" + other)


def _moved(line: str, by: int) -> str:
    """A hunk's header with its line numbers `by` lines further down; any other line as it is."""
    if not by or not line.startswith("@@"):
        return line
    return re.sub(r"(?<=[-+])\d+", lambda number: str(int(number[0]) + by), line)


def _ended(line: str) -> str:
    return line.removesuffix("\n").removesuffix("\r") + (
        "\n" if line.endswith("\n") else "\n\\ No newline at end of file\n"
    )

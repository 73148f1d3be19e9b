"""What became of a file: a unified diff for people and the record.

difflib takes hours for some long files. So lines that are there once in both texts are matched first, in the longest
row that keeps their order, and difflib only sees what is between them, when it is short.
"""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from difflib import Match, SequenceMatcher

from kcode.files.text import lines_of
from kcode.messages import Change

CONTEXT = 3
RECORDED = 400
"""Lines of a diff that are kept in a record."""
SHORT = 250_000
"""Product of the numbers of lines that are left to difflib."""

Pair = tuple[int, int]
"""Indices of a line in the old and in the new text."""
Opcode = tuple[str, int, int, int, int]


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
    groups = _Known(old, new).get_grouped_opcodes(CONTEXT)
    return [line for group in groups for line in _hunk(group, old, new)]


def hunks_of(diff: str) -> int:
    """How many hunks a diff has."""
    return sum(line.startswith("@@ ") for line in diff.split("\n"))


def partly(before: str, after: str, hunks: Collection[int]) -> str:
    """`before` with only these of the hunks of its diff to `after`, numbered from 0."""
    old, new = lines_of(before), lines_of(after)
    lines, at = [], 0
    for number, group in enumerate(_Known(old, new).get_grouped_opcodes(CONTEXT)):
        for kind, i, k, j, m in group:
            lines += old[at:i]
            lines += new[j:m] if kind != "equal" and number in hunks else old[i:k]
            at = k
    return "".join([*lines, *old[at:]])


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


class _Known(SequenceMatcher[str]):
    """Groups what was matched by our own rules."""

    def __init__(self, old: list[str], new: list[str]) -> None:
        super().__init__(None, [], [])
        self._blocks = [*_runs(_pairs(old, new)), Match(len(old), len(new), 0)]

    def get_matching_blocks(self) -> list[Match]:
        return self._blocks


def _hunk(group: list[Opcode], old: list[str], new: list[str]) -> Iterator[str]:
    (_, i, _, j, _), (_, _, k, _, m) = group[0], group[-1]
    yield f"@@ -{_range(i, k)} +{_range(j, m)} @@\n"
    for kind, i, k, j, m in group:
        if kind == "equal":
            yield from (" " + _ended(line) for line in old[i:k])
        else:
            yield from ("-" + _ended(line) for line in old[i:k])
            yield from ("+" + _ended(line) for line in new[j:m])


def _range(start: int, end: int) -> str:
    count = end - start
    return f"{start + (count > 0)}" + ("" if count == 1 else f",{count}")


def _ended(line: str) -> str:
    plain = line.removesuffix("\n").removesuffix("\r")
    return plain + ("\n" if line.endswith("\n") else "\n\\ No newline at end of file\n")


def _runs(pairs: Iterable[Pair]) -> Iterator[Match]:
    start = (0, 0)
    size = 0
    for i, j in pairs:
        if (i, j) != (start[0] + size, start[1] + size):
            if size:
                yield Match(*start, size)
            start, size = (i, j), 0
        size += 1
    if size:
        yield Match(*start, size)


def _pairs(old: list[str], new: list[str]) -> Iterator[Pair]:
    """Equal lines in their order."""
    i = j = 0
    for k, m in [*_anchors(old, new), (len(old), len(new))]:
        if i < k and j < m:
            for a, b in _between(old[i:k], new[j:m]):
                yield i + a, j + b
        if k < len(old):
            yield k, m
        i, j = k + 1, m + 1


def _anchors(old: list[str], new: list[str]) -> list[Pair]:
    """Lines that both texts have once, in the longest row that keeps the order; none when the texts are short."""
    if len(old) * len(new) <= SHORT:
        return []
    times, others = Counter(old), Counter(new)
    where = {line: j for j, line in enumerate(new) if others[line] == 1}
    return _longest_row(
        [(i, where[line]) for i, line in enumerate(old) if times[line] == 1 and line in where]
    )


def _longest_row(pairs: list[Pair]) -> list[Pair]:
    """The longest part of the pairs whose second numbers rise."""
    ends: list[int] = []
    last: list[int] = []
    before: list[int | None] = []
    for at, (_, j) in enumerate(pairs):
        place = bisect_left(ends, j)
        ends[place : place + 1] = [j]
        last[place : place + 1] = [at]
        before.append(last[place - 1] if place else None)
    row: list[Pair] = []
    step = last[-1] if last else None
    while step is not None:
        row.append(pairs[step])
        step = before[step]
    return row[::-1]


def _between(old: list[str], new: list[str]) -> Iterator[Pair]:
    front = _equal_at_front(old, new)
    back = _equal_at_front(old[front:][::-1], new[front:][::-1])
    yield from ((n, n) for n in range(front))
    for i, j in _inside(old[front : len(old) - back], new[front : len(new) - back]):
        yield front + i, front + j
    yield from ((len(old) - n, len(new) - n) for n in range(back, 0, -1))


def _inside(old: list[str], new: list[str]) -> Iterator[Pair]:
    """By difflib when it is short; else line by line when there are as many as before; else nothing is equal."""
    if len(old) * len(new) <= SHORT:
        for i, j, size in SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks():
            yield from ((i + n, j + n) for n in range(size))
    elif len(old) == len(new):
        yield from ((n, n) for n, line in enumerate(old) if line == new[n])


def _equal_at_front(old: list[str], new: list[str]) -> int:
    pairs = enumerate(zip(old, new, strict=False))
    return next((place for place, (one, other) in pairs if one != other), min(len(old), len(new)))

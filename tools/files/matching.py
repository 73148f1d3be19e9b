"""Where in a file the text is that a model means, and what takes its place.

Models quote from memory: a blank at the end of a line is lost, the indentation is off, a quote is curly. So
the place is sought by rules of growing laxity, each one also forgiving what those before it forgive. A find
is the file's own text: lines that the model did not mean to change stay as they are there, byte for byte.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher, get_close_matches
from itertools import islice

from kcode.files.text import newline_of, with_newlines

ESCAPES = {"n": "\n", "t": "\t", "r": ""}
SPACES = " \t\u00a0\u2000-\u200a\u202f\u205f\u3000"
LOOK_ALIKES = ("'‘’‚‛′`´", '"“”„‟″', "-‐‑‒–—―−")
TAB_WIDTHS = (4, 2, 8, 3)
TOO_LONG_TO_COMPARE = 300
MOST_TO_COMPARE = 20_000
"""Lines."""
FAR = 10_000
"""Characters to look for a line's end."""
MOST_WORK = 200_000_000
"""Characters compared in the worst case: a second or two."""

Shift = Callable[[str], str]
"""A line of the new text -> the same line, indented as the file is."""


@dataclass(frozen=True, slots=True)
class Place:
    """One find: `content[start:end]` is to become `text`."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Rule:
    forgives: str
    """For the model. Line endings are forgiven unsaid: it was never shown them."""
    line: Callable[[str], str] = re.escape
    """A line without its indentation -> a regular expression for it."""
    ends: bool = True
    """Whether blanks at line ends may differ."""
    indent: bool = True
    """Whether the whole block may be shifted."""
    whole: bool = False
    """Whether only whole lines are found."""


def _any_width(line: str) -> str:
    return "[ \t]+".join(map(re.escape, re.split("[ \t]+", line)))


def _alike(line: str) -> str:
    return f"[{SPACES}]+".join("".join(map(_kin, word)) for word in re.split(f"[{SPACES}]+", line))


def _kin(character: str) -> str:
    family = next((family for family in LOOK_ALIKES if character in family), None)
    return f"[{re.escape(family)}]" if family else re.escape(character)


RULES = (
    Rule("", ends=False, indent=False),
    Rule("blanks at line ends", indent=False),
    Rule("indentation", whole=True),
    Rule("width of spaces", _any_width),
    Rule("look-alike characters", _alike),
)


def find(content: str, old: str, new: str, most: int) -> tuple[list[Place], str]:
    """The places of `old` by the strictest rule that finds any, and what it forgave (or nothing).

    Places may overlap when there are several; not more than `most` are sought.
    """
    if places := list(islice(_literal(content, old, new), most)):
        return places, ""
    for escaped, wanted, wish in _readings(old, new):
        for rule in RULES if _is_affordable(content, wanted) else ():
            if places := list(islice(_found(content, wanted, wish, rule), most)):
                return places, escaped or rule.forgives
    return [], ""


def _is_affordable(content: str, old: str) -> bool:
    """False when nothing is sought, or it would take long: `a a a a b` in a sea of `a `."""
    first = re.search(r"\w+|\S", old)
    return first is not None and content.count(first[0]) * len(old) < MOST_WORK


def nearest(content: str, old: str) -> int | None:
    """The line (from 1) where the text that is most like `old` begins. None: nothing is like it."""
    wanted = [line.strip() for line in old.split("\n")]
    lines = [line.strip() for line in content.split("\n")]
    start, weight = _voted(lines, wanted)
    if weight * 4 <= sum(map(len, wanted)):
        longest = max(range(len(wanted)), key=lambda number: len(wanted[number]))
        alike = _most_like(lines, wanted[longest])
        if alike is None:
            return None
        start = alike - longest
    return max(0, start) + 1


def _voted(lines: list[str], wanted: list[str]) -> tuple[int, int]:
    """Where most of the wanted lines stand in their order, and how many characters they have together."""
    where = {line: number for number, line in enumerate(wanted) if line}
    votes: Counter[int] = Counter()
    for number, line in enumerate(lines):
        if line in where:
            votes[number - where[line]] += len(line)
    return max(votes.items(), key=lambda vote: (vote[1], -vote[0]), default=(0, 0))


def _most_like(lines: list[str], line: str) -> int | None:
    candidates = (one for one in dict.fromkeys(lines) if 3 < len(one) <= TOO_LONG_TO_COMPARE)
    close = get_close_matches(line[:TOO_LONG_TO_COMPARE], islice(candidates, MOST_TO_COMPARE), 1, 0.6)
    return lines.index(close[0]) if close else None


def _readings(old: str, new: str) -> Iterator[tuple[str, str, str]]:
    """What `old` and `new` may mean: as they are, and as if escaped once too often."""
    old, new = with_newlines(old, "\n"), with_newlines(new, "\n")
    yield "", old, new
    if (unescaped := _unescaped(old)) != old:
        yield "escaped characters", unescaped, _unescaped(new)


def _unescaped(text: str) -> str:
    return re.sub(r"\\([ntr\"'\\])", lambda escape: ESCAPES.get(escape[1], escape[1]), text)


def _literal(content: str, old: str, new: str) -> Iterator[Place]:
    start = content.find(old)
    while start >= 0:
        end = start + len(old)
        yield Place(start, end, new if "\r" in old else with_newlines(new, _newline_at(content, start, end)))
        start = content.find(old, start + 1)


def _newline_at(content: str, start: int, end: int) -> str:
    """The line ending inside of `content[start:end]`, else of the line it is in, else of the line before."""
    if inside := newline_of(content[start:end]):
        return inside
    place = content.find("\n", end, end + FAR)
    place = content.rfind("\n", max(0, start - FAR), start) if place < 0 else place
    return "\r\n" if place > 0 and content[place - 1] == "\r" else "\n"


def _found(content: str, old: str, new: str, rule: Rule) -> Iterator[Place]:
    pattern, start = _pattern(old, rule), 0
    while match := pattern.search(content, start):
        if place := _place(content, match, old, new, rule):
            yield place
        start = match.start() + 1


def _pattern(old: str, rule: Rule) -> re.Pattern[str]:
    """What finds `old` under a rule; the indentation of its first line is left out when it may differ."""
    first, *rest = (_line_pattern(line, rule) for line in old.split("\n"))
    if rule.indent:
        first = _line_pattern(old.split("\n")[0].lstrip(" \t"), rule, may_shift=False)
        first = (r"(?<!\w)" if re.match(r"\s*\w", old) else "") + first
    if rule.ends and not old.split("\n")[0].strip(" \t"):
        first = r"(?<![ \t])" + first
    return re.compile((r"[ \t]*\r?\n" if rule.ends else r"\r?\n").join((first, *rest)) + _end(old, rule))


def _line_pattern(line: str, rule: Rule, may_shift: bool = True) -> str:
    if not rule.ends:
        return rule.line(line)
    body = line.strip(" \t")
    indent = line[: len(line) - len(line.lstrip(" \t"))]
    return body and ("[ \t]*" if rule.indent and may_shift else re.escape(indent)) + rule.line(body)


def _end(old: str, rule: Rule) -> str:
    if not rule.ends or old.endswith("\n"):
        return ""
    if rule.whole or old[-1] in " \t":
        return r"[ \t]*(?=\r?\n|\Z)"
    return r"(?!\w)" if rule.indent and re.match(r"\w", old[-1]) else ""


def _place(content: str, match: re.Match[str], old: str, new: str, rule: Rule) -> Place | None:
    """A match as a place. None when its lines are not all shifted alike."""
    start, end = match.span()
    newline = _newline_at(content, start, end)
    wanted, wish = old.split("\n"), new.split("\n")
    if not rule.indent:
        return Place(start, end, _blended(match[0], wanted, wish, newline))
    line_start = content.rfind("\n", 0, start) + 1
    at_line_start = not content[line_start:start].strip(" \t")
    whole = content[line_start:end]
    if at_line_start and (shift := _shift(wanted, whole.split("\n"))):
        wish = [shift(line) for line in wish]
        return Place(line_start, end, _blended(whole, [shift(line) for line in wanted], wish, newline))
    may_begin_inside = not wanted[0].strip() or (old[0] not in " \t" and (at_line_start or not rule.whole))
    if may_begin_inside and (shift := _shift(wanted[1:], match[0].split("\n")[1:])):
        wish = [wish[0], *map(shift, wish[1:])]
        return Place(start, end, _blended(match[0], [wanted[0], *map(shift, wanted[1:])], wish, newline))
    return None


def _blended(text: str, wanted: list[str], wish: list[str], newline: str) -> str:
    """The wish, but lines that are not to change (the same in `wanted`) as they are in `text`."""
    there = [line.removesuffix("\r") for line in text.split("\n")]
    ends = ["\r\n" if line.endswith("\r") else "\n" for line in text.split("\n")[:-1]] + [newline]
    lines: list[tuple[str, str]] = []
    for kind, i, j, k, m in SequenceMatcher(None, wanted, wish, autojunk=False).get_opcodes():
        lines += (
            zip(there[i:j], ends[i:j], strict=True)
            if kind == "equal"
            else ((line, newline) for line in wish[k:m])
        )
    return "".join(line + end for line, end in lines[:-1]) + lines[-1][0]


def _shift(wanted: list[str], there: list[str]) -> Shift | None:
    """How the indentation of all lines differs. None: not by the same in every line."""
    pairs = [(_indent(one), _indent(other)) for one, other in zip(wanted, there, strict=True) if one.strip()]
    if all(one == other for one, other in pairs):
        return str
    for front in {other.removesuffix(one) for one, other in pairs if other.endswith(one)}:
        if all(other == front + one for one, other in pairs):
            return lambda line: front + line if line.strip() else line
    for front in {one.removesuffix(other) for one, other in pairs if one.endswith(other)}:
        if all(one == front + other for one, other in pairs):
            return lambda line: line.removeprefix(front)
    return _shift_of_columns(pairs)


def _shift_of_columns(pairs: list[tuple[str, str]]) -> Shift | None:
    """The same for tabs here and spaces there: by columns, with the width of a tab that changes least."""
    apart = {
        width: {_columns(other, width) - _columns(one, width) for one, other in pairs} for width in TAB_WIDTHS
    }
    alike = {width: next(iter(found)) for width, found in apart.items() if len(found) == 1}
    if not alike:
        return None
    width = min(alike, key=lambda width: alike[width] != 0)
    by_tabs = any("\t" in other for _, other in pairs)

    def shift(line: str) -> str:
        count = max(0, _columns(_indent(line), width) + alike[width])
        indent = "\t" * (count // width) + " " * (count % width) if by_tabs else " " * count
        return indent + line.lstrip(" \t") if line.strip() else line

    return shift


def _columns(indent: str, width: int) -> int:
    return len(indent.expandtabs(width))


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t"))]

"""Which files may be edited, as other programs write it: JavaScript's regular expressions, and globs of which the last
match wins. Both become regular expressions of Python."""

import re
from collections.abc import Iterable, Iterator

from kcode.errors import BadInput

NOTHING = r"(?!)"
"""Matches no path."""

_PIECE = re.compile(
    r"\\(?:k<(?P<back>\w+)>|(?P<known>.))|\(\?<(?P<group>[A-Za-z_]\w*)>|(?P<set>\[)", re.DOTALL
)
_SET = re.compile(r"\[(\^?)((?:\\.|[^\]\\])*)\]", re.DOTALL)
_EXTENSION = re.compile(r"\\\.(?:\w+|\((?:\?:)?[\w|?]+\))\??(?=\||\)|$)")
_BARE_DOT = re.compile(r"(?<!\\)\.(?=[A-Za-z])")


def from_javascript(pattern: str) -> str:
    """The same expression for Python. BadInput where there is none."""
    written, at = [], 0
    while piece := _PIECE.search(pattern, at):
        written.append(pattern[at : piece.start()])
        at = piece.end()
        if piece["set"]:
            inner = _SET.match(pattern, piece.start())
            if inner is None:
                raise BadInput(f"{pattern!r} is no regular expression (a set is not closed).")
            at = inner.end()
            written.append(_set(inner[1], inner[2]))
        elif piece["group"]:
            written.append(f"(?P<{piece['group']}>")
        else:
            written.append(f"(?P={piece['back']})" if piece["back"] else piece[0])
    python = "".join([*written, pattern[at:]])
    try:
        re.compile(python)
    except (re.error, OverflowError, RecursionError) as error:
        raise BadInput(f"{pattern!r} is no regular expression that Python knows ({error}).") from None
    return python


def _set(negated: str, inner: str) -> str:
    """`[^]` is everything in JavaScript, `[]` nothing; a hyphen beside a class is one, and brackets stand for
    themselves."""
    if not inner:
        return r"[\s\S]" if negated else NOTHING
    inner = re.sub(r"(\\[wWdDsS])-", r"\1\\-", inner)
    inner = re.sub(r"-(?=\\[wWdDsS])", r"\\-", inner)
    inner = re.sub(r"(?<!\\)-(?=-)", r"\\-", inner)
    inner = re.sub(r"(?<!\\)([\[&|~])", r"\\\1", inner)
    return f"[{negated}{inner}]"


def doubts(pattern: str) -> Iterator[str]:
    """Sentences on where a pattern lets through more than was likely meant: it may match anywhere in a path."""
    without_sets = re.sub(r"\[(?:\\.|[^\]\\])*\]", "x", pattern)
    if bare := _BARE_DOT.search(without_sets):
        found = re.match(r"\.\w+", without_sets[bare.start() :])
        word = found[0] if found else "."
        yield f"{pattern}: the dot of {word} stands for any character; a real one is written \\{word}."
    open_ends = [one[0] for one in _EXTENSION.finditer(without_sets) if _ends(without_sets, one.end())]
    if open_ends:
        first, shown = open_ends[0], open_ends[0].replace("\\", "")
        yield f"{pattern}: nothing ends it after {first}, so that x{shown}.py matches, too; end it with $."


def _ends(pattern: str, at: int) -> bool:
    """Whether nothing follows a place in the pattern, once its alternatives and groups are left."""
    while at < len(pattern):
        if pattern[at] == "|":
            at = _after_alternatives(pattern, at)
        elif pattern[at] in ")?":
            at += 1
        else:
            return False
    return True


def _after_alternatives(pattern: str, at: int) -> int:
    """The place of the bracket that closes the group, or the end."""
    depth = 0
    for place in range(at, len(pattern)):
        if pattern[place - 1] == "\\":
            continue
        depth += {"(": 1, ")": -1}.get(pattern[place], 0)
        if depth < 0:
            return place
    return len(pattern)


def from_globs(rules: Iterable[tuple[str, bool]]) -> str | None:
    """Globs in order, each with whether it allows; the last one that matches a path decides, and what none matches
    is allowed. None: every path; NOTHING: none."""
    expression = ".*"
    for glob, allows in rules:
        this = _glob(glob)
        if this == ".*":
            expression = ".*" if allows else NOTHING
        elif allows:
            expression = {".*": ".*", NOTHING: this}.get(expression, f"(?:{this}$|{expression})")
        elif expression != NOTHING:
            expression = f"(?!{this}$){expression}"
    return {".*": None, NOTHING: NOTHING}.get(expression, f"^{expression}$")


def _glob(glob: str) -> str:
    """`*` stands for anything, slashes too, and `?` for one character."""
    glob = re.sub(r"\*+", "*", glob.removeprefix("./"))
    return "".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in glob)

"""Permission rules: `tool`, `tool(pattern)`, `group`, `group(pattern)`, as in `edit(src/**)` and `shell(git diff *)`.

Patterns of paths are those of .gitignore, relative to the workspace, or absolute. Patterns of commands are words:
`*` stands for one word, at the end for any number of them; `*` within a word for anything in that word.
"""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from kcode.agent.programs import name_of, without_leading_options
from kcode.agent.words import Word
from kcode.errors import BadInput
from kcode.tools.tool import Group

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec


@dataclass(frozen=True, slots=True)
class Rule:
    text: str
    tool: str
    pattern: str | None

    @property
    def program(self) -> str:
        """Which one a pattern of a command is about; "" when it is a pattern itself."""
        first = next(iter(_words_of(self.pattern or "")), "")
        return "" if set(first) & set("*?[") else first

    def is_about(self, tool: str, group: Group) -> bool:
        return self.tool == group or fnmatchcase(tool, self.tool)

    def allows_path(self, path: Path, root: Path) -> bool:
        """A relative pattern is about the workspace alone, and so is no pattern."""
        is_inside = path.is_relative_to(root)
        if self.pattern is None:
            return is_inside
        if _is_absolute(self.pattern):
            return _spec(self.pattern).match_file(path.as_posix())
        return is_inside and _spec(self.pattern).match_file(path.relative_to(root).as_posix())

    def forbids_path(self, path: Path, root: Path) -> bool:
        """In any spelling of upper and lower case, which some disks take for the same."""
        if self.pattern is None:
            return True
        names = [path.as_posix()]
        if path.is_relative_to(root):
            names.append(path.relative_to(root).as_posix())
        spec, folded = _spec(self.pattern), _spec(self.pattern.casefold())
        return any(spec.match_file(name) or folded.match_file(name.casefold()) for name in names)

    def allows_command(self, words: Sequence[Word]) -> bool:
        """Exactly these words: the program as it is called, nothing unknown."""
        if self.pattern is None:
            return True
        return all(word.text is not None for word in words) and bool(
            _fits(_words_of(self.pattern), tuple(words))
        )

    def forbids_command(self, words: Sequence[Word]) -> bool | None:
        """Whatever the program's folder, its spelling, and options before the subcommand. None: perhaps."""
        if self.pattern is None:
            return True
        pattern = _words_of(self.pattern)
        pattern = (pattern[0].casefold(), *pattern[1:])
        ways = [tuple(words), without_leading_options(tuple(words))]
        ways += [(Word(name_of(way).casefold()), *way[1:]) for way in ways]
        answers = {_fits(pattern, way) for way in ways}
        return True if True in answers else None if None in answers else False

    def matches_text(self, text: str) -> bool:
        return self.pattern is None or fnmatchcase(text, self.pattern)


def rule(text: str) -> Rule:
    """BadInput when it is none."""
    found = re.fullmatch(r"\s*([\w*-]+)\s*(?:\((.*\S.*)\))?\s*", text, re.DOTALL)
    if not found or (found[2] or "").lstrip().startswith("!"):
        raise BadInput(
            f"{text!r} is no permission rule: they look like `shell(git diff *)`, `edit(src/**)`, `read`."
        )
    return Rule(text.strip(), found[1], found[2] and found[2].strip())


def _is_absolute(pattern: str) -> bool:
    return pattern.startswith(("/", "~"))


@cache
def _spec(pattern: str) -> "GitIgnoreSpec":
    from pathspec import GitIgnoreSpec

    return GitIgnoreSpec.from_lines([str(Path(pattern).expanduser()) if pattern.startswith("~") else pattern])


@cache
def _words_of(pattern: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(pattern))
    except ValueError:
        return tuple(pattern.split())


def _fits(pattern: tuple[str, ...], words: tuple[Word, ...]) -> bool | None:
    """None: perhaps, since a word is not known."""
    if pattern == ("*",):
        return True
    if not pattern:
        return None if words and all(word.text is None for word in words) else not words
    if not words:
        return False
    text = words[0].text
    if text is None:
        return None
    if pattern[0] == "*" or fnmatchcase(text, pattern[0]):
        return _fits(pattern[1:], words[1:])
    if words[0].is_pattern and _fits(pattern[1:], words[1:]) is not False:
        return None
    return False

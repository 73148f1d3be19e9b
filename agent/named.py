"""Files that are named in a command, whatever its program makes of them."""

from collections.abc import Iterator
from contextlib import suppress
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path

from kcode.agent.words import Word
from kcode.files.secrets import is_secret

QUIET = {"true", "false", ":", "echo", "pwd", "exit", "return", "break", "continue", "wait", "sleep"}
"""Builtins of the shell that change nothing and open no file."""

MOST_FILES = 1000
"""That a pattern in a command may find."""


def files_in(words: tuple[Word, ...], root: Path) -> Iterator[str]:
    """What may be names of files: words, what follows a `=`, an `@` or an option's letter, and what patterns find."""
    for word in words[1:]:
        text = word.text or ""
        value = text.partition("=")[2]
        behind_letter = text[2:] if text.startswith("-") else ""
        for name in {text, value, text.lstrip("@<"), value.lstrip("@<"), behind_letter} - {""}:
            yield name
            if word.is_pattern:
                yield from islice(_matching(name, root), MOST_FILES)


def _matching(pattern: str, root: Path) -> Iterator[str]:
    with suppress(ValueError, NotImplementedError, OSError):
        path = root / Path(pattern).expanduser()
        yield from map(str, Path(path.anchor).glob(str(path.relative_to(path.anchor))))


def secrets_in(words: tuple[Word, ...]) -> Iterator[str]:
    """Words that name files with secrets, whatever the program makes of them."""
    if words and words[0].text in QUIET:
        return
    for word in words[1:]:
        text = word.text or ""
        for name in {text, text.partition("=")[2]} if text.startswith("-") else {text}:
            if is_secret(Path(name)) or (word.is_pattern and _may_be_secret(Path(name).name)):
                yield name


def _may_be_secret(pattern: str) -> bool:
    return pattern.startswith((".", "[", "?")) and fnmatchcase(".env", pattern)

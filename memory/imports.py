"""`@path` in a CLAUDE.md: another file that belongs to it, within the workspace and a few steps deep."""

import re
from collections.abc import Iterator
from pathlib import Path

from kcode.memory.source import Source, read

DEEPEST = 5
MOST = 30
CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", re.DOTALL)
IMPORT = re.compile(r"(?:^|(?<=\s))@([\w.][^\s`]*)", re.MULTILINE)


def followed(source: Source, root: Path) -> list[Source]:
    """The files that it names, and those that these name, in reading order, each once. A mention in code is none, and
    what is no file of the workspace is left as it is."""
    known = {source.path.resolve()}
    return list(_followed(source, root, known, DEEPEST))[:MOST]


def _followed(source: Source, root: Path, known: set[Path], depth: int) -> Iterator[Source]:
    for name in IMPORT.findall(CODE.sub("", source.text)):
        path = source.path.parent / name.rstrip(".,;:!?)")
        if depth == 0 or len(known) > MOST or _resolved(path) in known:
            continue
        if found := read(path, root):
            known.add(_resolved(path))
            yield found
            yield from _followed(found, root, known, depth - 1)


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError):  # a loop of symlinks
        return path

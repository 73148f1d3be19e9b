"""One file of the repository: whether it is read at all, the key of its content, and its tags as a line of JSON."""

import json
from hashlib import blake2b
from pathlib import Path, PurePath

from kcode.errors import ToolError
from kcode.files.disk import opened
from kcode.files.languages import family_of, grammar_of
from kcode.files.secrets import is_secret
from kcode.files.syntax import Definition, Tags, tags
from kcode.files.text import decode

LARGEST = 500_000
"""Bytes."""
LONGEST_LINES = 300
"""Characters of an average line: what has longer ones was written by a program, and is read by none of us."""
MOST_USES = 2_000
MOST_DEFINITIONS = 2_000
VERSION = "2"
"""Of what is kept: another number, and everything is parsed anew."""


def is_code(name: str) -> bool:
    """Whether a file counts by its name: of a known language, no keys in it, and UTF-8."""
    if not family_of(name) or is_secret(PurePath(name)):
        return False
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def data_of(path: Path) -> bytes:
    """The content of a regular file; b"" when it is too large, or cannot be read."""
    try:
        with opened(path) as file:
            data = file.read(LARGEST + 1)
    except (OSError, ToolError):
        return b""
    return data if len(data) <= LARGEST else b""


def key_of(name: str, data: bytes) -> str:
    """The same for the same content in the same language."""
    grammar = grammar_of(name)
    spoken = f"{VERSION} {grammar.function} {grammar.module}" if grammar else VERSION
    return blake2b(data, digest_size=16, person=blake2b(spoken.encode(), digest_size=16).digest()).hexdigest()


def tags_of(name: str, data: bytes) -> Tags:
    """What it defines and uses; nothing when it is binary, or was not written by hand."""
    text = decode(data)
    if text is None or len(text.content) > LONGEST_LINES * (text.content.count("\n") + 1):
        return Tags()
    found = tags(name, text.content) or Tags()
    return Tags(found.definitions[:MOST_DEFINITIONS], found.uses[:MOST_USES])


def dumped(found: Tags) -> str:
    rows = [(d.name, d.first, d.last, d.depth, d.text) for d in found.definitions]
    return json.dumps([rows, found.uses], separators=(",", ":"), ensure_ascii=False)


def loaded(line: str) -> Tags | None:
    """None when it is not what `dumped` wrote: the cache is only a file."""
    try:
        rows, uses = json.loads(line)
        definitions = tuple(
            Definition(str(name), int(first), int(last), int(depth), str(text))
            for name, first, last, depth, text in rows
        )
        return Tags(definitions, tuple((str(name), int(count)) for name, count in uses))
    except (ValueError, TypeError, RecursionError):
        return None

"""Changing the memory bank: what is added to a topic, and what never is."""

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from kcode.errors import BadInput, KcodeError, ToolError
from kcode.files.diff import change
from kcode.files.disk import content, replace
from kcode.files.text import decode, newline_of, with_newlines
from kcode.keys import SHAPES
from kcode.memory import bank
from kcode.memory.bank import NOTES, Bank
from kcode.messages import Change

SECRET = re.compile(
    r"""-----BEGIN\ [A-Z ]*PRIVATE\ KEY
    | \b[\w-]*(?:passw(?:or)?d|secret|token|api[_-]?key)["']?\s*[:=]\s*["']?(?=\S*\d)[^\s"'<$`{(]{8,}
    | ://[^/\s:@]+:[^/\s:@]{3,}@                                                # a password in an address""",
    re.VERBOSE | re.IGNORECASE,
)
LARGEST = 40_000
"""Characters of a topic: more is no topic."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A topic as it is and as it would be."""

    path: Path
    before: bytes | None
    text: str
    """"" where there is no such topic yet."""
    after: str


def draft(path: Path, text: str, old: str | None = None) -> Draft:
    """`text` at the end of the topic, or in place of `old`, which must stand there once. ToolError when it cannot be,
    or when it holds what looks like a secret."""
    if found := secret_in(text):
        raise ToolError(f"Memory takes no secrets, and {found} looks like one. Leave it out.")
    try:
        before = content(path)
    except FileNotFoundError:
        before = None
    except OSError as error:
        raise ToolError(f"{path.name}: {error.strerror}.") from None
    decoded = decode(before or b"")
    if decoded is None:
        raise ToolError(f"{path.name} is no text.")
    after = _changed(decoded.content, text.strip("\n"), old, path)
    if len(after) > LARGEST:
        raise ToolError(
            f"{path.name} would have over {LARGEST:,} characters: replace what no longer matters."
        )
    return Draft(path, before, decoded.content, after)


def secret_in(text: str) -> str:
    """The beginning of what looks like a key or password; "" when nothing does."""
    found = SHAPES.search(text) or SECRET.search(text)
    return f"{found[0][:8]}…" if found else ""


def topic_path(kept: Bank, name: str) -> Path:
    """Where a topic is, or would be. BadInput when it cannot be called so."""
    stem = name.removesuffix(".md")
    if not bank.is_name(stem):
        raise BadInput(f"A topic has a short name of letters, digits, - and _, not {name!r}.")
    return kept.root / kept.home / f"{stem}.md"


def remember(root: Path, text: str) -> Change:
    """Write it down with the date: in the topic that it begins with (`tech: we use uv`), else in the notes. What
    changed. BadInput when there is nothing to remember, or a secret; KcodeError when it cannot be written."""
    kept = bank.of(root)
    head, colon, rest = text.strip().partition(":")
    is_topic = colon and head.strip() in {topic.name for topic in kept.topics}
    name, said = (head.strip(), rest) if is_topic else (NOTES, text)
    said = " ".join(said.split())
    if not said:
        raise BadInput("Say what to remember: /remember the tests need redis")
    try:
        return write(draft(topic_path(kept, name), f"- {date.today().isoformat()}: {said}"), root)
    except ToolError as error:
        raise BadInput(str(error)) from None
    except OSError as error:
        raise KcodeError(f"It cannot be written down in {kept.home}: {error.strerror}.") from None


def write(made: Draft, root: Path) -> Change:
    """Make it so. ToolError when the topic was changed meanwhile; OSError when it cannot be written."""
    real = made.path.parent.resolve() / made.path.name
    if not real.is_relative_to(root.resolve()):
        raise ToolError(f"{made.path.name} would lie outside of the workspace.")
    real.parent.mkdir(parents=True, exist_ok=True)
    replace(real, made.after.encode("utf-8"), made.before)
    shown = made.path.relative_to(root).as_posix()
    return change(shown, None if made.before is None else made.text, made.after)


def _changed(content: str, text: str, old: str | None, path: Path) -> str:
    if old:
        times = content.count(old)
        if times != 1:
            where = "is not" if times == 0 else f"is {times} times"
            raise ToolError(f"old {where} in {path.name}: read it, and give text that stands there once.")
        return content.replace(old, text)
    if not content.strip():
        return f"{text}\n" if text.startswith("#") else f"# {path.stem.capitalize()}\n\n{text}\n"
    kept = content.rstrip("\r\n")
    goes_on = text.startswith("- ") and kept.rpartition("\n")[2].startswith("- ")
    gap = "\n" if goes_on else "\n\n"
    return with_newlines(f"{kept}{gap}{text}\n", newline_of(content) or "\n")

"""What lies in a folder, as it is kept for undoing: every file, symlink and folder, with its mode bits.

Nothing of git is asked, and nothing of git's is looked at: a nested repository, a submodule, a worktree and a
folder without git are all just folders. Their `.git` is left alone.

What is left out, since nobody could keep it after every step: `node_modules`; an ignored folder that holds more
than a thousand things or ten megabytes; a file that is larger than the limit, or cannot be read; what is neither file,
symlink nor folder. Ignored files are kept like all others.
"""

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from kcode.visible import size_of

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

MOST = 300_000
"""Things in a workspace; of a larger one only what edit tools name is kept."""
MOST_IGNORED, MOST_IGNORED_BYTES = 1_000, 10_000_000
"""Of one ignored folder."""
NEVER = {"node_modules"}
READ = os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


class TooMuch(Exception):
    """More than can be kept; its words end the sentence "Files cannot be kept for undoing: ..."."""


class LeftOut(Exception):
    """This one cannot be kept; why, in a few words."""


class Version(NamedTuple):
    """What a name stood for."""

    mode: int
    """Type and permissions, as in st_mode; 0: there was nothing."""
    hash: bytes = b""
    """SHA-256 of a file's bytes or a symlink's target; nothing for a folder."""

    @property
    def is_folder(self) -> bool:
        return stat.S_ISDIR(self.mode)

    @property
    def is_symlink(self) -> bool:
        return stat.S_ISLNK(self.mode)


ABSENT = Version(0)


class Stamp(NamedTuple):
    """What a look without opening tells: while it stays the same, so does the content."""

    mode: int
    size: int = 0
    mtime: int = 0
    ctime: int = 0
    ino: int = 0


@dataclass(slots=True)
class Walked:
    stamps: dict[str, Stamp] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    """Name -> why."""


def stamp_of(found: os.stat_result) -> Stamp:
    if stat.S_ISDIR(found.st_mode):  # its times tell of what is in it, which is looked at anyway
        return Stamp(found.st_mode)
    return Stamp(found.st_mode, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


def look(root: Path, name: str) -> Stamp | None:
    """The stamp of one name, relative to the root or absolute; None when nothing is there, or it can only be
    reached through a symlink."""
    path = root / name
    try:
        if not name.startswith("/") and os.path.realpath(path.parent) != str(path.parent):
            return None
        return stamp_of(path.lstat())
    except (FileNotFoundError, NotADirectoryError):
        return None


def read(path: Path, stamp: Stamp, largest: int) -> tuple[Version, bytes]:
    """The version that lies at a path, and its bytes. LeftOut when it cannot be kept, FileNotFoundError when it is
    gone."""
    try:
        data = _data(path, stamp, largest)
    except PermissionError:
        raise LeftOut("cannot be read") from None
    except OSError as error:
        if isinstance(error, FileNotFoundError | NotADirectoryError):
            raise FileNotFoundError from None
        raise LeftOut(error.strerror or "cannot be read") from None
    return Version(stamp.mode, hashlib.sha256(data).digest() if data is not None else b""), data or b""


def _data(path: Path, stamp: Stamp, largest: int) -> bytes | None:
    if stat.S_ISDIR(stamp.mode):
        return None
    if stat.S_ISLNK(stamp.mode):
        return os.fsencode(path.readlink())
    if not stat.S_ISREG(stamp.mode):
        raise LeftOut("neither file nor folder")
    if stamp.size > largest:
        raise LeftOut(f"{size_of(stamp.size)}, more than {size_of(largest)}")
    with os.fdopen(os.open(path, READ), "rb", buffering=0) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise LeftOut("neither file nor folder")
        data = file.read(largest + 1)
    if len(data) > largest:
        raise LeftOut(f"more than {size_of(largest)}")
    return data


def walk(root: Path, never: tuple[Path, ...] = ()) -> Walked:
    """All that is below a folder, names relative to it; `never` are folders that are not looked into. TooMuch when
    it holds more than anybody keeps."""
    walked = Walked()
    skipped = {str(path) for path in never}
    stamps, is_folder = walked.stamps, stat.S_ISDIR
    pending: list[tuple[str, _Rules]] = [("", ())]
    while pending:
        below, rules = pending.pop()
        entries = _entries(root, below, walked)
        rules = _rules(root, below, {entry.name for entry in entries}, rules)
        for entry in entries:
            name = below + entry.name
            found = _stat(entry)
            if found is None or entry.name == ".git":
                continue
            if not is_folder(found.st_mode):
                stamps[name] = stamp_of(found)
            elif entry.path in skipped:
                continue
            elif entry.name in NEVER:
                walked.left_out[name] = "left to its package manager"
            elif rules and _is_ignored(name + "/", rules):
                _take_ignored(root, name, stamp_of(found), walked)
            else:
                walked.stamps[name] = stamp_of(found)
                pending.append((name + "/", rules))
        if len(walked.stamps) > MOST:
            raise TooMuch(f"{root} holds more than {MOST:,} files")
    return walked


def _entries(root: Path, below: str, walked: Walked) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(f"{root}/{below}") as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        walked.left_out[below.rstrip("/")] = error.strerror or "cannot be read"
        return []


def _stat(entry: os.DirEntry[str]) -> os.stat_result | None:
    try:
        return entry.stat(follow_symlinks=False)
    except OSError:  # gone meanwhile
        return None


def _take_ignored(root: Path, name: str, stamp: Stamp, walked: Walked) -> None:
    """An ignored folder as a whole, unless it is large."""
    found, size = {name: stamp}, 0
    for below, one in _all_below(root, name):
        found[below] = one
        size += one.size
        if len(found) > MOST_IGNORED or size > MOST_IGNORED_BYTES:
            walked.left_out[name] = "ignored, and large"
            return
    walked.stamps |= found


def _all_below(root: Path, name: str) -> Iterator[tuple[str, Stamp]]:
    pending = [f"{name}/"]
    while pending:
        below = pending.pop()
        for entry in _entries(root, below, Walked()):
            found = _stat(entry)
            if found is None or entry.name == ".git":
                continue
            if stat.S_ISDIR(found.st_mode):
                pending.append(f"{below}{entry.name}/")
            yield below + entry.name, stamp_of(found)


_Rules = tuple[tuple[str, str], ...]
"""Folder and text of each .gitignore that has a say, the deepest last."""


def _rules(root: Path, below: str, names: set[str], rules: _Rules) -> _Rules:
    """Those of the folders above and of this one. In a nested repository the outer ones say nothing."""
    folder = root / below
    if ".git" in names:
        rules = _with(below, folder / ".git" / "info" / "exclude", ())
    return _with(below, folder / ".gitignore", rules) if ".gitignore" in names else rules


def _with(below: str, file: Path, rules: _Rules) -> _Rules:
    try:
        with os.fdopen(os.open(file, READ), "rb") as opened:
            text = opened.read(1_000_000).decode(errors="replace")
    except OSError:
        return rules
    return (*rules, (below, text)) if text.strip() else rules


@lru_cache(maxsize=100_000)
def _is_ignored(name: str, rules: _Rules) -> bool:
    verdicts = (_spec(text).check_file(name.removeprefix(below)).include for below, text in reversed(rules))
    return next((verdict for verdict in verdicts if verdict is not None), False)


@lru_cache(maxsize=1_000)
def _spec(text: str) -> "GitIgnoreSpec":
    from pathspec import GitIgnoreSpec

    return GitIgnoreSpec.from_lines(text.splitlines())

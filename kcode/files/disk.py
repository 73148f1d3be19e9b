"""Files of the workspace, opened and replaced so that nothing blocks, tears, or leads elsewhere.

Paths come resolved. Between resolving and opening, a part of one may be swapped for a symlink: what was
opened is therefore compared with what was meant (Linux), and a symlink at the end is never followed.
"""

import asyncio
import os
import secrets
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TypeVar

from kcode.errors import ToolError
from kcode.visible import escaped, size_of

MAX_EDIT = 10_000_000
"""Bytes of the largest file that is edited or remembered as seen."""

KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
NEVER_ELSEWHERE = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
READ = os.O_RDONLY | NEVER_ELSEWHERE | getattr(os, "O_NONBLOCK", 0)
CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | NEVER_ELSEWHERE
T = TypeVar("T")
_one_at_a_time = threading.Lock()
"""Between the last look at a file and its replacement, so that no edit of a subtask is lost."""


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """A regular file for reading. ToolError when it is something else, OSError when it cannot be opened."""
    _must_be_regular(path, os.lstat(path).st_mode)
    with os.fdopen(os.open(path, READ), "rb") as file:
        _must_be_regular(path, os.fstat(file.fileno()).st_mode)
        _must_be_at(path, file.fileno())
        yield file


def content(path: Path) -> bytes:
    """All bytes of a file that may be edited. ToolError when there are too many."""
    with opened(path) as file:
        data = file.read(MAX_EDIT + 1)
    if len(data) > MAX_EDIT:
        raise ToolError(f"{escaped(path.name)} is larger than {size_of(MAX_EDIT)}: change it by a command.")
    return data


def replace(path: Path, data: bytes, before: bytes | None) -> None:
    """Make `data` the content of `path` at one stroke; mode bits and owner stay. Missing folders are made.

    `before` is what the file must hold up to now (None: it must not exist), else ToolError.
    """
    _must_be_writable(path)
    if before is None:
        path.parent.mkdir(parents=True, exist_ok=True)
    with _folder(path.parent) as folder:
        here = folder is not None
        final, temporary = (
            n if here else str(path.with_name(n)) for n in (path.name, f".{secrets.token_hex(6)}.kcode")
        )
        try:
            _write(temporary, folder, data, _mode_of(final, folder))
            with _one_at_a_time:
                _must_hold(path, final, folder, before)
                os.replace(temporary, final, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=folder)
            raise


async def unbroken(work: Callable[[], T]) -> T:
    """`work` in a thread. A cancel is raised after it has ended: no write behind the user's back."""
    task = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def refuse_git(path: Path) -> None:
    """ToolError for a file of git's own."""
    if any(part.casefold() == ".git" for part in path.parts):
        raise ToolError(f"{escaped(path.name)} lies in .git: files of git are changed by git commands only.")


def _must_be_regular(path: Path, mode: int) -> None:
    if stat.S_ISREG(mode):
        return
    kind = KINDS.get(stat.S_IFMT(mode), "no regular file")
    raise ToolError(f"{escaped(path.name)} is {kind}." + (" Use list." if stat.S_ISDIR(mode) else ""))


def _must_be_at(path: Path, descriptor: int) -> None:
    if sys.platform == "linux" and Path(f"/proc/self/fd/{descriptor}").readlink() != path:
        raise ToolError(f"{escaped(path.name)} was moved or replaced while it was opened. Nothing was done.")


def _must_be_writable(path: Path) -> None:
    with suppress(FileNotFoundError):
        mode = os.lstat(path).st_mode
        _must_be_regular(path, mode)
        if not mode & 0o222 or not os.access(path, os.W_OK):
            raise ToolError(f"{escaped(path.name)} is read-only.")


def _must_hold(path: Path, final: str, folder: int | None, before: bytes | None) -> None:
    try:
        descriptor = os.open(final, READ, dir_fd=folder)
    except FileNotFoundError:
        now = None
    else:
        with os.fdopen(descriptor, "rb") as file:
            now = file.read(MAX_EDIT + 1)
    if now != before:
        raise ToolError(f"{escaped(path.name)} was changed by somebody else meanwhile. Read it again.")


@contextmanager
def _folder(path: Path) -> Iterator[int | None]:
    """A descriptor of the folder itself, whatever its name leads to later. None where that is not known."""
    if os.open not in os.supports_dir_fd:
        yield None
        return
    descriptor = os.open(path, getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        _must_be_at(path, descriptor)
        yield descriptor
    finally:
        os.close(descriptor)


def _mode_of(final: str, folder: int | None) -> os.stat_result | None:
    try:
        return os.stat(final, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _write(temporary: str, folder: int | None, data: bytes, like: os.stat_result | None) -> None:
    with os.fdopen(os.open(temporary, CREATE, 0o666 if like is None else 0o600, dir_fd=folder), "wb") as file:
        file.write(data)
        file.flush()
        if like is not None and hasattr(os, "fchown"):
            with suppress(PermissionError):
                os.fchown(file.fileno(), like.st_uid, like.st_gid)
            os.fchmod(file.fileno(), stat.S_IMODE(like.st_mode))
        os.fsync(file.fileno())

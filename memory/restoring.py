"""Kept versions laid back to where they were: at one stroke each, and never through a symlink."""

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kcode.memory.tree import Version

FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def put(root: Path, name: str, version: Version, data: bytes) -> None:
    """Make `name` this version, which is no folder; what is there must be no folder either. OSError when it cannot
    be done."""
    with _parent(root, name) as (folder, last):
        new = f".{secrets.token_hex(6)}.kcode"
        try:
            if version.is_symlink:
                os.symlink(os.fsdecode(data), new, dir_fd=folder)
            else:
                _write(new, folder, data, stat.S_IMODE(version.mode))
            os.replace(new, last, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(new, dir_fd=folder)
            raise


def make_folder(root: Path, name: str) -> None:
    """Open for its owner until its own mode is set. Not an error when it is there."""
    with _parent(root, name) as (folder, last):
        with suppress(FileExistsError):
            os.mkdir(last, 0o700, dir_fd=folder)
        if not stat.S_ISDIR(os.stat(last, dir_fd=folder, follow_symlinks=False).st_mode):
            raise FileExistsError(17, "something else is there")


def set_mode(root: Path, name: str, mode: int) -> None:
    """Of a file or folder, as in st_mode."""
    with _parent(root, name) as (folder, last):
        found = os.stat(last, dir_fd=folder, follow_symlinks=False).st_mode
        if stat.S_IFMT(found) != stat.S_IFMT(mode):
            raise FileExistsError(17, "something else is there")
        if not stat.S_ISLNK(found):
            os.chmod(last, stat.S_IMODE(mode), dir_fd=folder)


def remove(root: Path, name: str, is_folder: bool) -> None:
    """OSError for a folder that is not empty."""
    with _parent(root, name) as (folder, last):
        if is_folder:
            os.rmdir(last, dir_fd=folder)
        else:
            os.unlink(last, dir_fd=folder)


def _write(name: str, folder: int, data: bytes, mode: int) -> None:
    with os.fdopen(os.open(name, NEW, 0o600, dir_fd=folder), "wb") as file:
        file.write(data)
        file.flush()
        os.fchmod(file.fileno(), mode)
        os.fsync(file.fileno())


@contextmanager
def _parent(root: Path, name: str) -> Iterator[tuple[int, str]]:
    """A descriptor of the folder that holds `name`, reached through real folders only, and the last part."""
    *folders, last = [part for part in name.split("/") if part]
    if {"..", ".", ".git"} & {*folders, last}:
        raise PermissionError(1, "not ours to write")
    descriptor = os.open("/" if name.startswith("/") else root, FOLDER & ~os.O_NOFOLLOW)
    try:
        for part in folders:
            inner = os.open(part, FOLDER, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        yield descriptor, last
    finally:
        os.close(descriptor)

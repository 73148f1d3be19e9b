"""Where the checkpoints of all workspaces are kept, and how room is made for new ones."""

import hashlib
import os
import sqlite3
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from kcode.errors import KcodeError
from kcode.memory.seeing import Place
from kcode.memory.store import Store
from kcode.paths import config_dir, data_dir, state_dir

DAY = 86_400.0


def folder() -> Path:
    return data_dir() / "checkpoints"


def file_for(root: Path) -> Path:
    """Where the checkpoints of a workspace are kept."""
    return (
        folder() / f"{root.name[:40] or 'root'}-{hashlib.sha256(str(root).encode()).hexdigest()[:16]}.sqlite3"
    )


def place_for(root: Path, also: Sequence[Path], largest: int) -> Place:
    own = {path.resolve() for path in (config_dir(), data_dir(), state_dir())}
    return Place(root, tuple(also), tuple(own), largest)


def sessions_in(file: Path) -> list[str]:
    """Those that have checkpoints there, the one with the newest last."""
    if not file.exists():
        return []
    try:
        store = Store.open(file, 0)
    except (OSError, sqlite3.Error) as error:
        raise KcodeError(f"{file} cannot be read: {error}.") from None
    try:
        newest = {row.session: row.id for row in store.checkpoints()}
    finally:
        store.close()
    return sorted(newest, key=lambda session: newest[session])


def forget(file: Path, session: str) -> int:
    """Forget a session's checkpoints. How many went; KcodeError when the file cannot be used."""
    if not file.exists():
        return 0
    try:
        store = Store.open(file, 0)
        try:
            return store.forget_session(session)
        finally:
            store.close()
    except (OSError, sqlite3.Error) as error:
        raise KcodeError(f"{file} cannot be used: {error}.") from None


def tidy(folder: Path, store: Store | None, keep_days: float, total: int, *, now: bool = False) -> int:
    """Forget what is older than `keep_days`, and the oldest until all takes no more than `total` bytes. Once a day,
    unless `now`. Bytes that were freed."""
    if not folder.is_dir():
        return 0
    mark = folder / "tidied"
    with suppress(FileNotFoundError):
        if not now and time.time() - mark.stat().st_mtime < DAY:
            return 0
    mark.touch(mode=0o600)
    age = keep_days * DAY
    sizes = _sizes(folder)
    oldest_first = sorted(sizes, key=lambda file: file.stat().st_mtime)
    others = [file for file in oldest_first if store is None or file != store.path]
    for file in others:
        _tidy_one(file, time.time() - age)
    for file in others:
        if sum(_sizes(folder).values()) > total:
            file.unlink(missing_ok=True)
    if store is not None:
        store.prune(time.time() - age)
        while sum(_sizes(folder).values()) > total and age > 60:
            age /= 4
            store.prune(time.time() - age)
    return sum(sizes.values()) - sum(_sizes(folder).values())


def _sizes(folder: Path) -> dict[Path, int]:
    return {file: file.stat().st_size for file in sorted(folder.glob("*.sqlite3"))}


def _tidy_one(file: Path, before: float) -> None:
    used = file.stat()
    if used.st_mtime < before:
        file.unlink(missing_ok=True)
        return
    with suppress(
        sqlite3.Error, OSError
    ):  # another kcode has it, or it is damaged: it is tidied by its owner
        other = Store.open(file, 0)
        try:
            other.prune(before)
        finally:
            other.close()
        os.utime(file, ns=(used.st_atime_ns, used.st_mtime_ns))  # that was no use of it

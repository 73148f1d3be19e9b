"""The code of a repository as an index of its files: what is known of it is taken from the cache, the rest is parsed.

A file is looked at (mtime, size, inode) each time, read when that has changed, and parsed when its content is new.
The newest index stays in memory: of a large repository, to load and to rank it again takes seconds.
"""

import asyncio
import contextlib
import os
import stat
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from kcode.files.listing import files_of
from kcode.files.syntax import Tags
from kcode.memory.code.cache import Cache, Seen
from kcode.memory.code.parser import parse
from kcode.memory.code.rank import Pointers, pointers_of
from kcode.memory.code.reading import data_of, is_code, key_of, loaded

MOST = 50_000
"""Files."""
REMEMBERED = 20_000
"""Files of an index that stays in memory: about 10 KB each."""
AT_ONCE = 500
"""Files after which what was parsed is kept: a cancel loses no more."""
FRESH = 2.0
"""Seconds: a file may change again within the same tick of the clock, so its stamp is believed only later."""


@dataclass(frozen=True)
class Index:
    root: Path
    files: Mapping[str, Tags] = field(repr=False)
    """Every file of a known language; one that could not be parsed in time defines nothing yet."""
    parsed: int
    """Files that were parsed for it: 0 when nothing has changed."""
    left: int
    """Files that are still to be parsed."""

    @cached_property
    def pointers(self) -> Pointers:
        """Which file uses what of which."""
        return pointers_of(self.files)


@dataclass(slots=True)
class _Looked:
    """What a look at the disk has found."""

    now: dict[str, Seen]
    tags: dict[str, Tags]
    """Key -> what the cache knows."""
    missing: list[str]
    """Files whose content is new; one of several that are the same."""

    @property
    def keys(self) -> dict[str, str]:
        return {name: seen.key for name, seen in self.now.items()}


@dataclass(frozen=True, slots=True)
class _Remembered:
    """A whole index, and what the files were then."""

    place: tuple[Path, Path]
    """The root, and the file of the cache."""
    looked: _Looked
    index: Index


_newest: list[_Remembered] = []
"""One at most."""


async def index_of(
    root: Path, patience: float, cache: Cache | None = None, only: Collection[str] = ()
) -> Index:
    """The index of a folder, after `patience` seconds at the latest (and the look at the disk), complete or not; the
    next call goes on. Nothing of it blocks the event loop, and it may be cancelled at any time.

    `only`: of these files of it, without a look at the others. `cache`: another than the user's; then nothing is
    remembered beside it.
    """
    is_remembered, cache = cache is None, cache or Cache()
    known = next((one for one in _newest if is_remembered and one.place == (root, cache.path)), None)
    names = only or await files_of(root)
    looked = await asyncio.to_thread(_look, root, names, cache, bool(only), known)
    if known and not only and looked.keys == known.looked.keys:
        return known.index
    parsed = await _parsed(root, looked.missing, patience, cache) if looked.missing else {}
    index = await asyncio.to_thread(_indexed, root, looked, parsed)
    if is_remembered and not only and not index.left and len(index.files) <= REMEMBERED:
        _newest[:] = [_Remembered((root, cache.path), looked, replace(index, parsed=0) if parsed else index)]
    return index


async def _parsed(root: Path, names: list[str], patience: float, cache: Cache) -> dict[str, str]:
    """Key -> tags of what could be parsed in time. Little of it is lost by a cancel."""
    parsed: dict[str, str] = {}
    fresh: list[tuple[str, str]] = []

    async def found(name: str, key: str, tags: str) -> None:
        parsed[key] = tags
        fresh.append((key, tags))
        if len(fresh) >= AT_ONCE:
            batch = tuple(fresh)
            fresh.clear()
            await asyncio.to_thread(cache.keep_tags, batch)

    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(patience):
            await parse(root, names, found)
    await asyncio.to_thread(cache.keep_tags, fresh)
    return parsed


def _look(
    root: Path, names: Iterable[str], cache: Cache, is_part: bool, remembered: _Remembered | None
) -> _Looked:
    before = remembered.looked.now if remembered else cache.seen(str(root))
    now: dict[str, Seen] = {}
    changed: list[Seen] = []
    for name in names:
        if len(now) < MOST and is_code(name) and (stamp := _stamp(f"{root}/{name}")) is not None:
            known = before.get(name)
            if known is None or known.stamp != stamp:
                known = Seen(name, stamp, key_of(name, data_of(root / name)))
                changed.append(known)
            now[name] = known
    tags = {before[name].key: tags for name, tags in remembered.index.files.items()} if remembered else {}
    kept = cache.tags(new) if (new := {file.key for file in now.values()} - tags.keys()) else {}
    tags |= {key: found for key, line in kept.items() if (found := loaded(line)) is not None}
    gone = [] if is_part else [name for name in before if name not in now]
    if changed or gone:
        cache.keep_files(str(root), changed, gone)
    wanted = {file.key: file.name for file in now.values() if file.key not in tags}
    return _Looked(now, tags, list(wanted.values()))


def _stamp(path: str) -> str | None:
    """None for what is no regular file. Of a file that was written just now, one that no other has."""
    try:
        info = os.lstat(path)
    except OSError:
        return None
    if not stat.S_ISREG(info.st_mode):
        return None
    is_fresh = abs(time.time() - info.st_mtime) < FRESH
    return f"{info.st_mtime_ns} {info.st_size} {info.st_ino}" + (f" {time.time_ns()}" if is_fresh else "")


def _indexed(root: Path, looked: _Looked, parsed: dict[str, str]) -> Index:
    new = {key: loaded(line) for key, line in parsed.items()}
    files = {name: looked.tags.get(seen.key) or new.get(seen.key) for name, seen in looked.now.items()}
    left = sum(tags is None for tags in files.values())
    return Index(root, {name: tags or Tags() for name, tags in files.items()}, len(parsed), left)

"""What has become of a workspace's files since they were last seen, and whose doing it was."""

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from kcode.memory.store import Changed, Known, Store
from kcode.memory.tree import ABSENT, LeftOut, Stamp, Walked, look, read, walk

YOUNG = 2_000_000_000
"""Nanoseconds: what changed so shortly before it was read may change again under the same stamp, so that it is
read again the next time."""


@dataclass(frozen=True, slots=True)
class Place:
    """A workspace: its folder, others that are open beside it, and what is kept of them."""

    root: Path
    also: tuple[Path, ...] = ()
    never: tuple[Path, ...] = ()
    """Folders that are not looked into: kcode's own."""
    largest: int = 10_000_000
    """Bytes of a file."""

    def name(self, path: Path) -> str:
        """How a path is written down: relative to the root, absolute when outside."""
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)

    @property
    def folders(self) -> tuple[Path, ...]:
        """Those that are seen whole, none within another."""
        several = {self.root, *self.also}
        return tuple(f for f in sorted(several) if not any(f != o and f.is_relative_to(o) for o in several))


@dataclass(slots=True)
class _Difference:
    seen: dict[str, Known] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)
    changes: list[Changed] = field(default_factory=list)


def see(store: Store, place: Place, names: Iterable[str] | None, session: str = "") -> None:
    """Look at these names (None: at everything), keep what is new, and record what changed as the doing of `session`,
    of other calls at work, or of nobody we know. Within a transaction. TooMuch when it cannot be kept."""
    whose = _Owners.of(store, session)
    if names is None:
        _see_all(store, place, whose)
    else:
        _see_some(store, place, tuple(names), whose)


def _see_some(store: Store, place: Place, names: tuple[str, ...], whose: "_Owners") -> None:
    known = store.known_as(names)
    difference = _Difference()
    covered = store.covered()
    left_out = store.left_out()
    for name in names:
        stamp = look(place.root, name)
        is_new = name not in known and not _is_unknown(name, place, covered, left_out)
        before = known.get(name) or (Known(Stamp(0), b"") if is_new else None)
        if stamp is None:
            difference.seen[name] = Known(Stamp(0), b"")
            if before is not None and before.version != ABSENT:
                difference.changes.append(Changed(name, before.version, ABSENT, whose(name)))
        elif before is None or stamp != before.stamp:
            with suppress(LeftOut):
                _read(store, place, name, stamp, before, difference, whose)
    _write_down(store, difference)


def _see_all(store: Store, place: Place, whose: "_Owners") -> None:
    known = store.known()
    covered, left_out = store.covered(), store.left_out()
    walked = _walked(place)
    difference = _Difference()
    for name, stamp in walked.stamps.items():
        before = known.get(name)
        if before is not None and before.stamp == stamp:  # nearly all of them
            continue
        if before is None and not _is_unknown(name, place, covered, left_out):
            before = Known(Stamp(0), b"")
        try:
            _read(store, place, name, stamp, before, difference, whose)
        except LeftOut as why:
            walked.left_out[name] = str(why)
    for name in known.keys() - walked.stamps.keys():
        _see_unwalked(store, place, name, known[name], walked, difference, whose)
    _write_down(store, difference)
    for folder in place.folders:
        if str(folder) not in covered:
            store.cover(str(folder))
    if walked.left_out != left_out:
        store.leave_out(walked.left_out)


def _see_unwalked(
    store: Store,
    place: Place,
    name: str,
    before: Known,
    walked: Walked,
    difference: _Difference,
    whose: "_Owners",
) -> None:
    """What is known but did not come by: it is gone, or lies where only its name leads."""
    stamp = look(place.root, name)
    if stamp is not None and stamp != before.stamp:
        try:
            _read(store, place, name, stamp, before, difference, whose)
        except LeftOut as why:
            walked.left_out[name] = str(why)
    elif stamp is None and before.version != ABSENT:
        difference.changes.append(Changed(name, before.version, ABSENT, whose(name)))
        difference.seen[name] = Known(Stamp(0), b"")
    elif stamp is None and not _is_unknown(name, place, {str(f) for f in place.folders}, walked.left_out):
        difference.gone.append(name)  # what is not known in a covered folder is not there: no need to say so


def _walked(place: Place) -> Walked:
    """All folders of the place as one."""
    whole = Walked()
    for folder in place.folders:
        walked = walk(folder, place.never)
        if folder == place.root:
            whole.stamps |= walked.stamps
            whole.left_out |= walked.left_out
        else:
            below = "" if place.root.is_relative_to(folder) else f"{folder}/"
            whole.stamps |= {_renamed(place, folder, below, name): s for name, s in walked.stamps.items()}
            whole.left_out |= {_renamed(place, folder, below, name): w for name, w in walked.left_out.items()}
    return whole


def _renamed(place: Place, folder: Path, below: str, name: str) -> str:
    return below + name if below else place.name(folder / name)


def _read(
    store: Store,
    place: Place,
    name: str,
    stamp: Stamp,
    before: Known | None,
    difference: _Difference,
    whose: "_Owners",
) -> None:
    """`before` is None when it is not known what was there: then nothing is said to have changed."""
    started = time.time_ns()
    try:
        version, data = read(place.root / name, stamp, place.largest)
    except FileNotFoundError:
        return  # the next look tells
    except LeftOut:
        if before is None or stamp[1:3] != before.stamp[1:3] or stamp.ino != before.stamp.ino:
            raise
        version, data = before.version._replace(mode=stamp.mode), b""  # closed, but the same
    if version.hash:
        store.keep(version.hash, data)
    is_young = stamp.ctime > started - YOUNG
    difference.seen[name] = Known(stamp._replace(size=-1) if is_young else stamp, version.hash)
    if before is not None and before.version != version:
        difference.changes.append(Changed(name, before.version, version, whose(name)))


def _write_down(store: Store, difference: _Difference) -> None:
    if difference.seen:
        store.note(difference.seen)
    if difference.gone:
        store.forget(difference.gone)
    if difference.changes:
        store.record(difference.changes)


def _is_unknown(name: str, place: Place, covered: set[str], left_out: dict[str, str]) -> bool:
    """Whether it may have been there without our knowing."""
    if str(place.root) not in covered or name.startswith("/"):
        path = str(place.root / name)
        if not any(path.startswith(f"{folder.rstrip('/')}/") for folder in covered):
            return True
    return bool(left_out) and any(part in left_out for part in _with_parents(name))


def _with_parents(name: str) -> Iterator[str]:
    while name:
        yield name
        name = name.rpartition("/")[0]


@dataclass(frozen=True, slots=True)
class _Owners:
    """Whose doing a change is: of the sessions whose calls are at work."""

    anywhere: frozenset[str]
    at: dict[str, frozenset[str]]

    @classmethod
    def of(cls, store: Store, session: str) -> "_Owners":
        """Calls of processes that were killed are closed with this look."""
        anywhere, at = {session} - {""}, dict[str, frozenset[str]]()
        for checkpoint, other, pid, path in store.at_work():
            if path is None:
                anywhere.add(other)
            else:
                at[path] = at.get(path, frozenset()) | {other}
            if not _lives(pid):
                store.end(checkpoint)
        return cls(frozenset(anywhere), at)

    def __call__(self, name: str) -> str:
        return " ".join(sorted(self.anywhere | self.at.get(name, frozenset())))


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

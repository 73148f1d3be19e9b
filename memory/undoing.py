"""Going back: what became of each file that a session changed, compared three ways, and the old versions laid back.

A file is given back its kept version only where it still is as the session left it. What somebody else changed since,
or in between, is a conflict: it is listed and left alone, unless forced.
"""

import os
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from kcode.files.diff import diff
from kcode.files.text import decode
from kcode.memory import restoring
from kcode.memory.seeing import Place
from kcode.memory.store import Changed, Store
from kcode.memory.tree import ABSENT, LeftOut, Version, look, read

Act = Literal["create", "delete", "change", "mode"]
CHANGED_SINCE = "changed since, not by this session"
CHANGED_BETWEEN = "changed in between, not by this session"


@dataclass(frozen=True, slots=True)
class Putback:
    """One file, symlink or folder that becomes again what it was."""

    path: str
    """Relative to the workspace, or absolute; a folder ends with a slash."""
    kept: Version
    now: Version | None
    """None: it cannot be told, nor kept."""
    conflict: str = ""
    """Why it is left alone; "": it is not."""

    @property
    def name(self) -> str:
        return self.path.rstrip("/")

    @property
    def act(self) -> Act:
        """What happens to it."""
        if self.kept == ABSENT:
            return "delete"
        if self.now == ABSENT:
            return "create"
        same = self.now and (self.now.hash, stat.S_IFMT(self.now.mode)) == (
            self.kept.hash,
            stat.S_IFMT(self.kept.mode),
        )
        return "mode" if same else "change"


def putbacks(store: Store, place: Place, changes: Iterable[Changed], session: str) -> tuple[Putback, ...]:
    """What going back before these changes means, by path. A file that already is as it was is left out."""
    own: dict[str, list[Changed]] = {}
    for change in changes:
        if session in change.sessions.split():
            own.setdefault(change.path, []).append(change)
    found = (_putback(store, place, name, chain) for name, chain in own.items())
    return tuple(sorted((one for one in found if one is not None), key=lambda one: one.path))


def _putback(store: Store, place: Place, name: str, chain: list[Changed]) -> Putback | None:
    kept, left = chain[0].old, chain[-1].new
    try:
        now: Version | None = version_now(place, name)
        conflict = ""
    except LeftOut as why:
        now, conflict = None, str(why)
    if now == kept:
        return None
    if not conflict and kept.hash and store.content(kept.hash) is None:
        now, conflict = None, "its old version is no longer kept"
    elif not conflict and any(one.new != other.old for one, other in pairwise(chain)):
        conflict = CHANGED_BETWEEN
    elif not conflict and now != left:
        conflict = CHANGED_SINCE
    is_folder = kept.is_folder or (kept == ABSENT and left.is_folder)
    return Putback(name + "/" * is_folder, kept, now, conflict)


def version_now(place: Place, name: str) -> Version:
    """What lies there; LeftOut when it cannot be kept."""
    stamp = look(place.root, name)
    if stamp is None:
        return ABSENT
    try:
        return read(place.root / name, stamp, place.largest)[0]
    except FileNotFoundError:
        return ABSENT


def lay_back(store: Store, place: Place, all_of: tuple[Putback, ...], force: bool) -> tuple[Putback, ...]:
    """Do it, where there is no conflict, or with `force` also where there is one, except what could not be brought
    back by a redo. The same list, with a reason at each that was left alone."""
    left = {one.path: one for one in all_of if one.conflict and not (force and one.now is not None)}
    chosen = [one for one in all_of if one.path not in left]
    root = place.root

    def each(some: Iterable[Putback], work: Callable[[Putback], None]) -> None:
        for one in some:
            if one.path in left:
                continue
            try:
                work(one)
            except OSError as error:
                left[one.path] = replace(one, conflict=(error.strerror or str(error)).lower())

    shallow_first = sorted(chosen, key=lambda one: one.name.count("/"))
    deep_first = shallow_first[::-1]
    was_folder = [one for one in deep_first if one.now is not None and one.now.is_folder]
    is_folder = [one for one in shallow_first if one.kept.is_folder]
    both = [one for one in was_folder if one.kept.is_folder]
    each(
        both, lambda one: restoring.set_mode(root, one.name, one.kept.mode | 0o700)
    )  # so that it can be written
    is_in_the_way = [one for one in deep_first if one not in was_folder and one.now != ABSENT]
    not_replaced = [one for one in is_in_the_way if one.kept == ABSENT or one.kept.is_folder]
    each(not_replaced, lambda one: restoring.remove(root, one.name, is_folder=False))
    emptied = [one for one in was_folder if one not in both]
    each(emptied, lambda one: restoring.remove(root, one.name, is_folder=True))
    each(is_folder, lambda one: restoring.make_folder(root, one.name))
    files = [one for one in shallow_first if one.kept != ABSENT and not one.kept.is_folder]
    each(files, lambda one: _lay_file(store, place, one))
    each(is_folder[::-1], lambda one: restoring.set_mode(root, one.name, one.kept.mode))
    return tuple(left.get(one.path, replace(one, conflict="")) for one in all_of)


def difference(store: Store, place: Place, one: Putback) -> str:
    """What laying it back changes in the text, as a unified diff; nothing for what is no text, or the same."""
    if one.now is None or one.kept.is_folder or one.now.is_folder or one.now.hash == one.kept.hash:
        return ""
    try:
        now = (place.root / one.name).read_bytes() if one.now.hash and not one.now.is_symlink else b""
    except OSError:
        return ""
    kept = (store.content(one.kept.hash) or b"") if one.kept.hash and not one.kept.is_symlink else b""
    old, new = decode(now), decode(kept)
    return "".join(diff(old.content, new.content)) if old and new else ""


def _lay_file(store: Store, place: Place, one: Putback) -> None:
    if one.act == "mode":
        restoring.set_mode(place.root, one.name, one.kept.mode)
        return
    data = store.content(one.kept.hash)
    if data is None:
        raise OSError(2, "its old version is no longer kept")
    _make_parents(place, one.name)
    restoring.put(place.root, one.name, one.kept, data)


def _make_parents(place: Place, name: str) -> None:
    """Folders that somebody has removed since, made anew."""
    parts = name.split("/")[:-1]
    for count in range(1, len(parts) + 1):
        parent = "/".join(parts[:count])
        if parent and not os.path.lexists(place.root / parent):
            restoring.make_folder(place.root, parent)
            restoring.set_mode(place.root, parent, stat.S_IFDIR | 0o755)

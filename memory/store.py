"""The kept files of one workspace: a private SQLite file with contents, the files as last seen, and every change.

A plain rollback journal: `kill -9` at any moment leaves the state after the last commit, and two kcodes in one folder
wait for each other. Changes are written down with what was before, so that the oldest can simply be forgotten.
"""

import os
import sqlite3
import time
import zlib
from collections.abc import Collection, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from kcode.memory.tree import Stamp, TooMuch, Version
from kcode.paths import private_dir

VERSION = 1
SCHEMA = """
CREATE TABLE content (hash BLOB PRIMARY KEY, size INTEGER NOT NULL, data BLOB NOT NULL);
CREATE TABLE file (
    path BLOB PRIMARY KEY,
    mode INTEGER NOT NULL, size INTEGER NOT NULL, mtime INTEGER NOT NULL, ctime INTEGER NOT NULL, ino INTEGER NOT NULL,
    hash BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE covered (folder BLOB PRIMARY KEY);
CREATE TABLE left_out (path BLOB PRIMARY KEY, why TEXT NOT NULL);
CREATE TABLE checkpoint (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL,
    session TEXT NOT NULL,
    task TEXT NOT NULL,
    turn INTEGER NOT NULL,
    title TEXT NOT NULL,
    kind TEXT NOT NULL,
    target INTEGER,
    position INTEGER NOT NULL
);
CREATE TABLE open (checkpoint INTEGER NOT NULL, session TEXT NOT NULL, pid INTEGER NOT NULL, path BLOB);
CREATE TABLE change (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    path BLOB NOT NULL,
    old_mode INTEGER NOT NULL, old_hash BLOB NOT NULL,
    new_mode INTEGER NOT NULL, new_hash BLOB NOT NULL,
    sessions TEXT NOT NULL
);
CREATE INDEX checkpoint_by_session ON checkpoint (session);
"""
"""`covered`: folders that were seen whole, so that what is new in them was made since. `open`: calls at work; what
changes meanwhile (at `path`, NULL: anywhere) is theirs. `change.sessions`: whose it is, nothing: not kcode's.
`checkpoint.position`: the last change before it; `target`: what an undo goes back to, or which undo is redone."""

PATIENCE = 30.0
"""Seconds to wait for another kcode."""
SELECT = "SELECT path, mode, size, mtime, ctime, ino, hash FROM file"
RAW, DEFLATED = b"\0", b"\1"
DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class Known(NamedTuple):
    """A file as it was last seen."""

    stamp: Stamp
    hash: bytes

    @property
    def version(self) -> Version:
        return Version(self.stamp.mode, self.hash)


class Row(NamedTuple):
    """A checkpoint."""

    id: int
    at: float
    session: str
    task: str
    turn: int
    title: str
    kind: str
    target: int | None
    position: int


class Changed(NamedTuple):
    path: str
    old: Version
    new: Version
    sessions: str
    """Ids, separated by blanks."""


@dataclass(slots=True)
class Store:
    """An open file. All calls come from one thread."""

    path: Path
    database: sqlite3.Connection
    room: int
    """Bytes that contents may take."""
    _all: dict[str, Known] | None = None
    """What `known` answered, kept up with what is written here."""
    _version: int = 0
    """As SQLite counts the writing of others."""

    @classmethod
    def open(cls, path: Path, room: int) -> "Store":
        """Made when it is not there; a damaged one is moved aside. OSError, sqlite3.Error when it cannot be used."""
        private_dir(path.parent)
        try:
            return cls(path, _connected(path), room)
        except sqlite3.DatabaseError as error:
            if (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF not in DAMAGED:
                raise
        path.rename(path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"))
        return cls(path, _connected(path), room)

    def close(self) -> None:
        self.database.close()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """All or nothing; waits for another kcode that writes."""
        room = self.room
        self.database.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.database.execute("COMMIT")
        finally:
            if self.database.in_transaction:
                self.database.execute("ROLLBACK")
                self.room, self._all = room, None

    # Files as they were last seen

    def known(self) -> dict[str, Known]:
        """All, not to be changed."""
        (version,) = self.database.execute("PRAGMA data_version").fetchone()
        if self._all is None or version != self._version:
            rows = self.database.execute(SELECT)
            self._all = {os.fsdecode(row[0]): Known(Stamp(*row[1:6]), row[6]) for row in rows}
            self._version = version
        return self._all

    def known_as(self, names: Iterable[str]) -> dict[str, Known]:
        """Those with these names."""
        found = {}
        for name in names:
            row = self.database.execute(f"{SELECT} WHERE path = ?", (os.fsencode(name),)).fetchone()
            if row:
                found[name] = Known(Stamp(*row[1:6]), row[6])
        return found

    def note(self, seen: dict[str, Known]) -> None:
        if self._all is not None:
            self._all |= seen
        self.database.executemany(
            "INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?, ?, ?, ?)",
            ((os.fsencode(name), *known.stamp, known.hash) for name, known in seen.items()),
        )

    def forget(self, names: Collection[str]) -> None:
        if self._all is not None:
            for name in names:
                self._all.pop(name, None)
        self.database.executemany("DELETE FROM file WHERE path = ?", ((os.fsencode(name),) for name in names))

    def covered(self) -> set[str]:
        return {os.fsdecode(folder) for (folder,) in self.database.execute("SELECT folder FROM covered")}

    def cover(self, folder: str) -> None:
        self.database.execute("INSERT OR IGNORE INTO covered VALUES (?)", (os.fsencode(folder),))

    def left_out(self) -> dict[str, str]:
        rows = self.database.execute("SELECT path, why FROM left_out")
        return {os.fsdecode(path): why for path, why in rows}

    def leave_out(self, names: dict[str, str]) -> None:
        self.database.execute("DELETE FROM left_out")
        rows = ((os.fsencode(name), why) for name, why in names.items())
        self.database.executemany("INSERT INTO left_out VALUES (?, ?)", rows)

    # Contents

    def keep(self, hash: bytes, data: bytes) -> None:
        """TooMuch when there is no room for it."""
        if self.database.execute("SELECT 1 FROM content WHERE hash = ?", (hash,)).fetchone():
            return
        small = zlib.compress(data, 1)
        stored = DEFLATED + small if len(small) < len(data) else RAW + data
        self.room -= len(stored)
        if self.room < 0:
            raise TooMuch("they would take more room than checkpoints.total allows")
        self.database.execute("INSERT INTO content VALUES (?, ?, ?)", (hash, len(data), stored))

    def content(self, hash: bytes) -> bytes | None:
        """None when it is not kept."""
        row = self.database.execute("SELECT data FROM content WHERE hash = ?", (hash,)).fetchone()
        if row is None:
            return None
        data = bytes(row[0])
        return zlib.decompress(data[1:]) if data[:1] == DEFLATED else data[1:]

    # Changes and checkpoints

    def record(self, changes: Iterable[Changed]) -> None:
        self.database.executemany(
            "INSERT INTO change (path, old_mode, old_hash, new_mode, new_hash, sessions) VALUES (?, ?, ?, ?, ?, ?)",
            ((os.fsencode(c.path), *c.old, *c.new, c.sessions) for c in changes),
        )

    def changes_after(self, position: int) -> Iterator[Changed]:
        rows = self.database.execute(
            "SELECT path, old_mode, old_hash, new_mode, new_hash, sessions FROM change WHERE id > ? ORDER BY id",
            (position,),
        )
        for path, old_mode, old_hash, new_mode, new_hash, sessions in rows:
            old, new = Version(old_mode, old_hash), Version(new_mode, new_hash)
            yield Changed(os.fsdecode(path), old, new, sessions)

    def add(
        self, session: str, task: str, turn: int, title: str, kind: str, target: int | None = None
    ) -> int:
        """A checkpoint of the present; its id. A `turn` of 0 begins one."""
        position = self.database.execute(
            "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'change'"
        )
        values = (time.time(), session, task, turn, title, kind, target, position.fetchone()[0])
        cursor = self.database.execute(
            "INSERT INTO checkpoint (at, session, task, turn, title, kind, target, position) VALUES (?,?,?,?,?,?,?,?)",
            values,
        )
        id = int(cursor.lastrowid or 0)
        if not turn:
            self.database.execute("UPDATE checkpoint SET turn = id WHERE id = ?", (id,))
        return id

    def checkpoints(self, session: str | None = None) -> list[Row]:
        """The oldest first; of one session or of all."""
        rows = self.database.execute(
            "SELECT * FROM checkpoint WHERE session = coalesce(?, session) ORDER BY id", (session,)
        )
        return [Row(*row) for row in rows]

    # Calls at work

    def begin(self, checkpoint: int, session: str, paths: Iterable[str] | None) -> None:
        names = [None] if paths is None else [os.fsencode(path) for path in paths]
        rows = ((checkpoint, session, os.getpid(), name) for name in names)
        self.database.executemany("INSERT INTO open VALUES (?, ?, ?, ?)", rows)

    def end(self, checkpoint: int) -> None:
        self.database.execute("DELETE FROM open WHERE checkpoint = ?", (checkpoint,))

    def at_work(self) -> list[tuple[int, str, int, str | None]]:
        """Checkpoint, session, process and path (None: anywhere) of each."""
        rows = self.database.execute("SELECT checkpoint, session, pid, path FROM open")
        return [(id, session, pid, None if p is None else os.fsdecode(p)) for id, session, pid, p in rows]

    # Clean-up

    def prune(self, before: float) -> int:
        """Forget checkpoints from before a time (seconds since 1970), what they alone need, and give the room back.
        How many went."""
        return self._forget("DELETE FROM checkpoint WHERE at < ?", before)

    def forget_session(self, session: str) -> int:
        """Forget its checkpoints, what they alone need, and give the room back. How many went."""
        return self._forget("DELETE FROM checkpoint WHERE session = ?", session)

    def _forget(self, statement: str, value: float | str) -> int:
        with self.writing():
            gone = self.database.execute(statement, (value,)).rowcount
            first = self.database.execute("SELECT min(position) FROM checkpoint").fetchone()[0]
            if first is None:
                self.database.execute("DELETE FROM change")
            else:
                self.database.execute("DELETE FROM change WHERE id <= ?", (first,))
            self.database.execute(
                "DELETE FROM content WHERE hash NOT IN (SELECT hash FROM file UNION SELECT old_hash FROM change"
                " UNION SELECT new_hash FROM change)"
            )
        self.database.execute("PRAGMA incremental_vacuum").fetchall()
        return gone

    def size(self) -> int:
        """Bytes of the file."""
        return self.path.stat().st_size


def _connected(path: Path) -> sqlite3.Connection:
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    database = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
    database.text_factory = lambda data: data.decode(errors="replace")
    try:
        _prepare(database)
    except BaseException:
        database.close()
        raise
    return database


def _prepare(database: sqlite3.Connection) -> None:
    database.execute("PRAGMA synchronous = NORMAL")
    database.execute("PRAGMA auto_vacuum = INCREMENTAL")  # heeded in a new file only
    with closing(database.execute("PRAGMA user_version")) as cursor:
        (version,) = cursor.fetchone()
    if version == VERSION:
        return
    database.execute("BEGIN IMMEDIATE")
    try:
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if version != VERSION:
            for statement in filter(str.strip, SCHEMA.split(";")):
                database.execute(statement)
            database.execute(f"PRAGMA user_version = {VERSION}")
        database.execute("COMMIT")
    finally:
        if database.in_transaction:
            database.execute("ROLLBACK")

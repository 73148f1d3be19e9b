"""What was parsed, on disk: tags by the content they were found in, and which content each file had when last seen.

It is a cache: what cannot be read is parsed again, a damaged file is thrown away, and where nothing can be written
kcode goes on without it.
"""

import logging
import sqlite3
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from kcode.paths import cache_dir, private_dir
from kcode.spend.database import DAMAGED, code

log = logging.getLogger(__name__)
T = TypeVar("T")

SCHEMA = """
CREATE TABLE IF NOT EXISTS roots (root TEXT PRIMARY KEY, used REAL NOT NULL);
CREATE TABLE IF NOT EXISTS files (
    root TEXT NOT NULL, name TEXT NOT NULL, stamp TEXT NOT NULL, key TEXT NOT NULL, PRIMARY KEY (root, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS choices (root TEXT PRIMARY KEY, choice TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS tags (key TEXT PRIMARY KEY, tags TEXT NOT NULL);
"""
PATIENCE = 5.0
"""Seconds to wait for another kcode that writes."""
LARGEST = 300_000_000
"""Bytes; beyond them what no file has any more goes first, then the repositories that were not used for longest."""


@dataclass(frozen=True, slots=True)
class Seen:
    name: str
    stamp: str
    """Of the file on disk: the same stamp, the same content."""
    key: str


class Cache:
    """Every method blocks; none raises for what is wrong with the file."""

    def __init__(self, path: Path | None = None, largest: int = LARGEST) -> None:
        self.path = path or cache_dir() / "code.sqlite3"
        self.largest = largest

    def seen(self, root: str) -> dict[str, Seen]:
        """The files of a repository as they were when last looked at."""
        query = "SELECT name, stamp, key FROM files WHERE root = ?"
        nothing: list[tuple[str, str, str]] = []
        rows = self._do(lambda db: db.execute(query, (root,)).fetchall(), nothing)
        return {name: Seen(name, stamp, key) for name, stamp, key in rows}

    def tags(self, keys: Iterable[str]) -> dict[str, str]:
        """The tags of these contents, as far as they are known."""

        def read(db: sqlite3.Connection) -> dict[str, str]:
            db.execute("CREATE TEMP TABLE wanted (key TEXT PRIMARY KEY)")
            db.executemany("INSERT OR IGNORE INTO wanted VALUES (?)", ((key,) for key in keys))
            return dict(db.execute("SELECT key, tags FROM wanted JOIN tags USING (key)").fetchall())

        return self._do(read, {})

    def keep_tags(self, tags: Iterable[tuple[str, str]]) -> None:
        """Keys and their tags."""
        rows = list(tags)
        self._do(lambda db: db.executemany("INSERT OR REPLACE INTO tags VALUES (?, ?)", rows), None)

    def keep_files(self, root: str, changed: Iterable[Seen], gone: Iterable[str]) -> None:
        """How the files of a repository are now."""
        rows = [(root, file.name, file.stamp, file.key) for file in changed]
        names = [(root, name) for name in gone]

        def write(db: sqlite3.Connection) -> None:
            db.execute("INSERT OR REPLACE INTO roots VALUES (?, ?)", (root, time.time()))
            db.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)", rows)
            db.executemany("DELETE FROM files WHERE root = ? AND name = ?", names)
            self._make_room(db, root)

        self._do(write, None)

    def choice(self, root: str) -> str:
        """What was chosen for the map of a repository when all of it was last ranked; "" when it never was."""
        query = "SELECT choice FROM choices WHERE root = ?"
        row = self._do(lambda db: db.execute(query, (root,)).fetchone(), None)
        return row[0] if row else ""

    def keep_choice(self, root: str, choice: str) -> None:
        self._do(lambda db: db.execute("INSERT OR REPLACE INTO choices VALUES (?, ?)", (root, choice)), None)

    def _make_room(self, db: sqlite3.Connection, root: str) -> None:
        while _size(db) > self.largest:
            if not db.execute("DELETE FROM tags WHERE key NOT IN (SELECT key FROM files)").rowcount:
                oldest = "SELECT root FROM roots WHERE root != ? ORDER BY used LIMIT 1"
                row = db.execute(oldest, (root,)).fetchone()
                if row is None:
                    return
                for table in ("files", "choices", "roots"):
                    db.execute(f"DELETE FROM {table} WHERE root = ?", row)  # noqa: S608

    def _do(self, work: Callable[[sqlite3.Connection], T], otherwise: T) -> T:
        for _ in range(2):
            try:
                with closing(self._opened()) as db, db:
                    return work(db)
            except sqlite3.Error as error:
                if code(error) not in DAMAGED:
                    log.warning("the cache of code is not used: %s", error)
                    return otherwise
                log.warning("the cache of code was damaged, and is made anew: %s", error)
                self._discard()
            except OSError as error:
                log.warning("there is no cache of code: %s", error)
                return otherwise
        return otherwise

    def _opened(self) -> sqlite3.Connection:
        private_dir(self.path.parent)
        if not self.path.exists():
            self.path.touch(mode=0o600)
        db = sqlite3.connect(self.path, timeout=PATIENCE)
        try:
            db.execute("PRAGMA synchronous = OFF")
            db.executescript(SCHEMA)
        except BaseException:
            db.close()
            raise
        return db

    def _discard(self) -> None:
        for suffix in ("", "-journal"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)


def _size(db: sqlite3.Connection) -> int:
    pragmas = ("page_count", "freelist_count", "page_size")
    pages, free, size = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in pragmas)
    return int((pages - free) * size)

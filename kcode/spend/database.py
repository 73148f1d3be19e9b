"""The ledger's file: opened, made when it is not there, and what is done when it cannot be used.

A plain rollback journal and full syncs, SQLite's own defaults (docs/decisions/0002-ledger-journal.md).
"""

import errno
import os
import re
import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path

from kcode.errors import BadInput, KcodeError
from kcode.paths import private_dir

VERSION = 2
SCHEMA = """
CREATE TABLE requests (
    id TEXT PRIMARY KEY,
    parent TEXT,
    session TEXT NOT NULL,
    task TEXT NOT NULL,
    parent_task TEXT,
    mode TEXT NOT NULL,
    model TEXT NOT NULL,
    provider TEXT NOT NULL,
    purpose TEXT NOT NULL,
    root TEXT NOT NULL,
    repository TEXT NOT NULL,
    purse TEXT NOT NULL,
    reads TEXT,
    price TEXT,
    fingerprint TEXT NOT NULL,
    pid INTEGER NOT NULL,
    state TEXT NOT NULL,
    fresh INTEGER NOT NULL DEFAULT 0,
    cached INTEGER NOT NULL DEFAULT 0,
    stored INTEGER NOT NULL DEFAULT 0,
    stored_1h INTEGER NOT NULL DEFAULT 0,
    output INTEGER NOT NULL DEFAULT 0,
    reasoning INTEGER NOT NULL DEFAULT 0,
    upper_bound INTEGER,
    micro_dollars INTEGER,
    provider_micro_dollars INTEGER,
    started REAL NOT NULL,
    first_token REAL,
    ended REAL,
    charged INTEGER AS (
        CASE state
            WHEN 'reserved' THEN NULL
            WHEN 'failed' THEN coalesce(provider_micro_dollars, micro_dollars, 0)
            ELSE coalesce(provider_micro_dollars, micro_dollars)
        END
    )
);
CREATE INDEX requests_by_session ON requests (session);
CREATE INDEX requests_by_purse ON requests (purse);
CREATE INDEX requests_by_repository ON requests (repository);
CREATE INDEX requests_by_time ON requests (started);
CREATE INDEX requests_reserved ON requests (id) WHERE state = 'reserved';
"""
"""Money in micro-dollars, times in seconds since 1970. `upper_bound`: the most that it may come to, while it is under
way or when it was cut. `charged` is what a request cost: the provider's own
word wins over our arithmetic, and NULL is unknown."""
COLUMNS = ", ".join(re.findall(r"^    (\w+) [A-Z]", SCHEMA, re.MULTILINE))
CHANGES = {
    1: """
ALTER TABLE requests ADD COLUMN repository TEXT NOT NULL DEFAULT '';
ALTER TABLE requests ADD COLUMN purse TEXT NOT NULL DEFAULT '';
ALTER TABLE requests ADD COLUMN reads TEXT;
UPDATE requests SET repository = root, purse = session;
UPDATE requests SET upper_bound = NULL WHERE state != 'reserved';
CREATE INDEX requests_by_purse ON requests (purse);
CREATE INDEX requests_by_repository ON requests (repository);
"""
}
"""Version of a file -> what makes it one of the next."""

DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
OTHER_COLUMNS = sqlite3.SQLITE_ERROR
UNWRITABLE = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}
NOT_OURS_TO_WRITE = {errno.EROFS, errno.EACCES, errno.EPERM}


def opened(path: Path, patience: float) -> tuple[sqlite3.Connection, str]:
    """A connection to the file, made when it was not there, and a note for the user: "" when all is well.

    A file that is damaged is moved aside, never deleted, and a new one begun. Where nothing can be written, a
    copy in memory takes its place. `patience`: seconds to wait for another kcode that writes. Raises BadInput
    for a file of a newer kcode, KcodeError when it is locked or the disk is full.
    """
    seen = _inode(path)
    try:
        return _in_file(path, patience), ""
    except sqlite3.Error as error:
        if code(error) in UNWRITABLE:
            return _in_memory(path)
        if code(error) not in {*DAMAGED, OTHER_COLUMNS}:
            raise trouble(error, path) from error
    except OSError as error:
        if error.errno in NOT_OURS_TO_WRITE:
            return _in_memory(path)
        raise KcodeError(f"The ledger {path} cannot be made: {error.strerror}.") from None
    if _inode(path) == seen:  # else another kcode has been quicker
        aside = _moved_aside(path)
        return _in_file(
            path, patience
        ), f"The ledger was damaged: it is now {aside}, and a new one was begun."
    return _in_file(path, patience), ""


def trouble(error: sqlite3.Error, path: Path) -> Exception:
    """What to tell the user about it; the error itself when it is a bug of ours."""
    match code(error):
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return KcodeError(f"Another program keeps the ledger {path} locked. End it, and try again.")
        case sqlite3.SQLITE_FULL | sqlite3.SQLITE_IOERR:
            return KcodeError(
                f"The ledger {path} cannot be written ({error}). Is the disk full? Make room first."
            )
        case found if found in UNWRITABLE:
            return KcodeError(f"The ledger {path} cannot be written any more ({error}).")
        case found if found in DAMAGED:
            return KcodeError(
                f"The ledger {path} is damaged ({error}). Move it away: kcode begins a new one."
            )
        case _:
            return error


def code(error: sqlite3.Error) -> int:
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF


def _in_file(path: Path, patience: float) -> sqlite3.Connection:
    private_dir(path.parent)
    # Only ever created here, never opened: closing a file drops SQLite's locks on it for the whole process.
    if not path.exists():
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    connection = _connected(str(path), patience)
    try:
        _prepare(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _connected(name: str, patience: float = 0.0, *, uri: bool = False) -> sqlite3.Connection:
    made = sqlite3.connect(name, timeout=patience, isolation_level=None, check_same_thread=False, uri=uri)
    made.text_factory = lambda data: data.decode(
        errors="replace"
    )  # a damaged letter is no reason to count nothing
    return made


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("BEGIN IMMEDIATE")
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version == 0:
            _execute(connection, SCHEMA)
        elif version < VERSION:
            for older in range(version, VERSION):
                _execute(connection, CHANGES[older])
        elif version > VERSION:
            raise BadInput(
                f"The ledger {path} is of a newer kcode (version {version}, this one knows {VERSION}). "
                "Update kcode, or move the file away."
            )
        connection.execute(f"SELECT {COLUMNS} FROM requests LIMIT 0")  # noqa: S608
        connection.execute(f"PRAGMA user_version = {VERSION}")  # written each time: a test whether one can
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _execute(connection: sqlite3.Connection, statements: str) -> None:
    """Within the transaction, which `executescript` would end."""
    for statement in filter(str.strip, statements.split(";")):
        connection.execute(statement)


def _in_memory(path: Path) -> tuple[sqlite3.Connection, str]:
    """What is in the file, as far as it can be read, and room for more until the process ends."""
    memory = _connected(":memory:")
    note = (
        f"The ledger {path} cannot be written: what is spent now is counted in memory only, "
        "and forgotten when kcode ends."
    )
    try:
        with closing(_connected(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as file:
            file.backup(memory)
    except sqlite3.Error:
        memory.close()
        memory = _connected(":memory:")
        note += " What was spent before cannot be read." if _inode(path) else ""
    _prepare(memory, path)
    return memory, note


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except OSError:
        return None


def _moved_aside(path: Path) -> Path:
    aside = path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}")
    path.rename(aside)
    journal = path.with_name(path.name + "-journal")
    if journal.exists():
        journal.rename(aside.with_name(aside.name + "-journal"))
    return aside

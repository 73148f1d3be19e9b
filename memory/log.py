"""A session on disk: one append-only file of events, a JSON line each, and reading them back.

A line is written with one system call as soon as the event happened, and the file is synced at the borders of steps:
`kill -9` loses nothing that was told, a power cut at most the running step.
"""

import contextlib
import fcntl
import json
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from kcode.errors import BadInput
from kcode.events import Event, MessageAdded, SessionStarted, TaskEnded
from kcode.keys import redacted
from kcode.messages import Prompt, Record, Reply
from kcode.paths import data_dir, private_dir


class Entry(Record):
    """A line of the file."""

    at: float
    """Seconds since the epoch."""
    event: Event


class SessionLog:
    """The open file of a session; one process at a time has it."""

    def __init__(self, path: Path) -> None:
        """Opens or creates the file. BadInput when another process has it, OSError when it cannot be written."""
        private_dir(path.parent)
        self.path = path
        self._fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._fd)
            raise BadInput(
                f"Session {path.stem} is open in another kcode. Close it there, "
                f"or go on in a copy: `kcode -r {path.stem} --fork`."
            ) from None
        self._close_torn_line()

    def append(self, event: Event, at: float | None = None) -> None:
        """A listener: stores the event unless it is a passing one. OSError when the disk does not take it. `at`:
        seconds since the epoch, when not now."""
        if event.passing:
            return
        entry = {
            "at": round(time.time() if at is None else at, 3),
            "event": redacted(event.model_dump(mode="json")),
        }
        line = json.dumps(entry, ensure_ascii=False)
        self._write(
            line.encode("utf-8", "replace") + b"\n"
        )  # half a character would make the line unreadable
        if _is_border(event):
            os.fdatasync(self._fd)

    def close(self) -> None:
        os.close(self._fd)

    def _write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._fd, data) :]

    def _close_torn_line(self) -> None:
        """A process that was killed in mid-write leaves half a line: end it, or the next event is glued to it."""
        size = os.fstat(self._fd).st_size
        if size and os.pread(self._fd, 1, size - 1) != b"\n":
            self._write(b"\n")


def read_log(path: Path) -> tuple[list[Entry], int]:
    """All events of a session file, and how many lines could not be read. BadInput when there is no such file,
    or it cannot be read."""
    entries, bad = [], 0
    try:
        with path.open("rb") as file:
            for line in file:
                try:
                    entries.append(Entry.model_validate_json(line))
                except ValidationError:
                    bad += bool(line.strip())
    except FileNotFoundError:
        raise BadInput(
            f"There is no session {path.stem}. `kcode sessions list` shows those that are."
        ) from None
    except OSError as error:
        raise BadInput(f"The session {path} cannot be read: {error.strerror}.") from None
    return entries, bad


def new_session_id() -> str:
    """Sorts by time: 20261120-161502-3fa9."""
    return f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"


def session_path(session: str) -> Path:
    """Where the session of this id is kept. BadInput when the id is none."""
    if not session or session != Path(session).name or session.startswith("."):
        raise BadInput(f"{session!r} is no session id. `kcode sessions list` shows them.")
    return data_dir() / "sessions" / f"{session}.jsonl"


def find_session(prefix: str) -> Path:
    """The session whose id begins so. BadInput when none or several do."""
    folder = session_path(prefix).parent
    found = sorted(file for file in folder.glob("*.jsonl") if file.stem.startswith(prefix))
    found = [file for file in found if file.stem == prefix] or found
    if len(found) == 1:
        return found[0]
    which = (
        f"begin with {prefix}: {', '.join(p.stem for p in found)}" if found else f"begin with {prefix}: none"
    )
    raise BadInput(f"The sessions that {which}. `kcode sessions list` shows them all.")


def newest_first() -> Iterator[Path]:
    """The files of all sessions."""

    def changed(path: Path) -> float:
        with contextlib.suppress(FileNotFoundError):
            return path.stat().st_mtime
        return 0.0

    return iter(sorted((data_dir() / "sessions").glob("*.jsonl"), key=changed, reverse=True))


def last_session(root: Path) -> Path | None:
    """The newest session that was begun in this folder."""
    return next((path for path in newest_first() if started_in(path) == str(root)), None)


def started_in(path: Path) -> str | None:
    """The folder that the session was begun in, by its first line."""
    with contextlib.suppress(OSError, ValidationError), path.open("rb") as file:
        first = Entry.model_validate_json(file.readline()).event
        return first.root if isinstance(first, SessionStarted) else None
    return None


def _is_border(event: Event) -> bool:
    return isinstance(event, TaskEnded) or (
        isinstance(event, MessageAdded) and isinstance(event.message, Prompt | Reply)
    )


def load_events(path: Path) -> tuple[list[Event], int]:
    """The events alone, for whoever replays them."""
    entries, bad = read_log(path)
    return [entry.event for entry in entries], bad

"""A bug of ours, written down where the user can read it and send it from."""

import logging
import os
import platform
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import TextIOWrapper

from kcode import __version__
from kcode.keys import known_values, redact
from kcode.paths import private_dir, state_dir, write_private

MOST_BYTES = 1_000_000
"""Of the log; a longer one is begun anew."""


def describe(error: Exception) -> str:
    """Versions and traceback, without keys."""
    head = f"kcode {__version__}, Python {platform.python_version()}, {platform.platform()}\n"
    return _without_keys(head + "".join(traceback.format_exception(error)))


def keep(report: str) -> str:
    """Writes the report; where it is now, as the rest of a sentence."""
    file = state_dir() / "bugs" / f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}.txt"
    try:
        write_private(file, report)
    except OSError as error:
        return (
            f"its report could not be written to {file}: {error.strerror}. Run again with --debug to see it."
        )
    return f"please report it with {file}"


@contextmanager
def logged() -> Iterator[None]:
    """What goes wrong inside and stops nothing goes into a file meanwhile: a traceback is for nobody's screen."""
    log = _Log(state_dir() / "kcode.log", delay=True)
    log.setFormatter(_Formatter("%(asctime)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(log)
    try:
        yield
    finally:
        root.removeHandler(log)
        log.close()


class _Log(logging.FileHandler):
    def _open(self) -> TextIOWrapper:
        """Where it cannot be written, nothing is: the log is no reason to stop."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        try:
            private_dir(state_dir())
            file = os.open(self.baseFilename, flags, 0o600)
            if os.fstat(file).st_size > MOST_BYTES:
                os.truncate(file, 0)
        except OSError:
            file = os.open(os.devnull, flags)
        return os.fdopen(file, "a", encoding="utf-8", errors="backslashreplace")


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return _without_keys(super().format(record))


def _without_keys(text: str) -> str:
    return redact(text, known_values())

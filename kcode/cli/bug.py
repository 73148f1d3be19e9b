"""A bug of ours, written down where the user can read it and send it from."""

import os
import platform
import traceback
from datetime import UTC, datetime

from kcode import __version__
from kcode.keys import redact
from kcode.paths import state_dir, write_private


def describe(error: Exception) -> str:
    """Versions and traceback, without keys."""
    head = f"kcode {__version__}, Python {platform.python_version()}, {platform.platform()}\n"
    secrets = [
        value for name, value in os.environ.items() if name.endswith(("KEY", "TOKEN", "SECRET", "PASSWORD"))
    ]
    return redact(head + "".join(traceback.format_exception(error)), secrets)


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

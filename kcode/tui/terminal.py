"""The terminal as the operating system sees it: whether there is one, and that it is left as it was found."""

import contextlib
import os
import signal
import sys
import termios
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from kcode.paths import private_dir, state_dir

RESTORE = "\x1b[?2004l\x1b[?7h\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?1004l\x1b[<u\x1b[?1049l\x1b[?25h\x1b[0m"
"""Paste, wrap, mouse, focus, kitty's keys, the alternate screen, the cursor: as they are in a shell."""
SAVE_TITLE, RESTORE_TITLE = "\x1b[22;0t", "\x1b[23;0t"
PATIENCE = 8
"""Seconds that a terminated screen may take to end; then it is ended."""
ENDING = {signal.SIGTERM: 143, signal.SIGHUP: 129}
SLOW_REMOTE = ("SSH_CONNECTION", "SSH_TTY")


def trouble() -> str | None:
    """Why no screen can be shown here; None when one can. Textual reads fd 0 and writes fd 2; and who pipes fd 1
    elsewhere wants the answer there."""
    if not all(map(_is_terminal, (sys.__stdin__, sys.__stdout__, sys.__stderr__))):
        return "there is no terminal"
    term = os.environ.get("TERM", "")
    if term in ("", "dumb"):
        return f"this terminal (TERM={term or 'unset'}) cannot show a screen"
    return None


def is_remote() -> bool:
    """Whether every byte goes over a network: fewer frames, then."""
    return any(name in os.environ for name in SLOW_REMOTE)


def log_file() -> Path:
    return state_dir() / "screen.log"


@contextlib.contextmanager
def stderr_in_a_log() -> Iterator[None]:
    """What native code and libraries write to fd 2 would tear the screen: it goes to a file, and `sys.__stderr__`,
    which Textual writes to, keeps the terminal."""
    terminal = os.dup(2)
    before = (sys.stderr, sys.__stderr__)
    private_dir(log_file().parent)
    log = os.open(log_file(), os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    screen = os.fdopen(terminal, "w", encoding=before[0].encoding, errors="replace", closefd=False)
    try:
        os.dup2(log, 2)
        sys.stderr = sys.__stderr__ = screen  # type: ignore[misc]
        yield
    finally:
        with contextlib.suppress(OSError):  # the terminal may be gone
            screen.flush()
        os.dup2(terminal, 2)
        os.close(terminal)
        os.close(log)
        sys.stderr, sys.__stderr__ = before  # type: ignore[misc]


@contextlib.contextmanager
def restored() -> Iterator[None]:
    """The terminal's settings and title as they were, whatever happens inside."""
    attributes = _attributes()
    _write(SAVE_TITLE)
    try:
        yield
    finally:
        _set(attributes)
        _write(RESTORE_TITLE)


@contextlib.contextmanager
def ended_by_signals(end: Callable[[int], None]) -> Iterator[None]:
    """SIGTERM and SIGHUP call `end` with an exit code, in the main thread. A second one, or PATIENCE, restores the
    terminal by force and ends the process: a screen whose loop is stuck has to end, too."""
    attributes = _attributes()
    is_ending = False

    def by_force(code: int) -> None:
        _write(RESTORE + RESTORE_TITLE)
        _set(attributes)
        os._exit(code)

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal is_ending
        code = ENDING[signal.Signals(number)]
        if is_ending:
            by_force(code)
        is_ending = True
        signal.signal(signal.SIGALRM, lambda *_: by_force(code))
        signal.alarm(PATIENCE)
        end(code)

    before: dict[signal.Signals, Any] = {number: signal.signal(number, handle) for number in ENDING}
    try:
        yield
    finally:
        signal.alarm(0)
        for number, handler in before.items():
            signal.signal(number, handler)


def title(text: str) -> str:
    """The sequence that names the terminal's window."""
    return f"\x1b]2;{text}\x07"


def notification(text: str) -> str:
    """The sequences that ring and, where the terminal can, pop up a message."""
    body = f"\x1b]9;{text}\x07"
    return f"\x07{_through_tmux(body) if os.environ.get('TMUX') else body}"


def _through_tmux(sequence: str) -> str:
    return "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + "\x1b\\"


def _write(sequence: str) -> None:
    with contextlib.suppress(OSError):  # the terminal may be gone
        os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, sequence.encode())


def _is_terminal(stream: Any) -> bool:
    try:
        return bool(stream is not None and os.isatty(stream.fileno()))
    except (OSError, ValueError):
        return False


def _attributes() -> list[Any] | None:
    try:
        return termios.tcgetattr(0)
    except termios.error:
        return None


def _set(attributes: list[Any] | None) -> None:
    if attributes is not None:
        with contextlib.suppress(termios.error):
            termios.tcsetattr(0, termios.TCSANOW, attributes)

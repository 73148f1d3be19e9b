"""A command as a tree of processes: started, heard, watched and ended as a whole."""

import asyncio
import contextlib
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from kcode.errors import ToolError
from kcode.processes import reaper
from kcode.processes.environment import find_program
from kcode.processes.sandbox import PLAIN, Surroundings

if TYPE_CHECKING:
    import psutil

Why = Literal["exit", "time", "silence"]
Hear = Callable[[bytes], None]

GRACE = 0.3
CANCEL_GRACE = 0.15
"""Seconds between TERM and KILL. Someone who presses Esc waits for it."""
PIPE = 1 << 20
"""Bytes: of the pipe where the system lets us, and of one read."""
MARK = "KCODE_CALL"
"""Variable that every process of a command carries, by which those out of the reaper's reach are found."""


@dataclass(frozen=True, slots=True)
class Ended:
    why: Why
    code: int
    """As in subprocess: -N when signal N ended it."""
    left: int
    """Processes that were still running, which were ended."""
    seconds: float


@dataclass(slots=True, eq=False)
class Process:
    """A running command. Its output goes to each of `hear`; `gone` is done when nothing of its tree lives."""

    hear: tuple[Hear, ...]
    mark: str
    _reaper: subprocess.Popen[bytes]
    _leash: int
    _status: int
    _output: int
    gone: asyncio.Future[None]
    started: float = field(default_factory=time.monotonic)
    heard_at: float = field(default_factory=time.monotonic)
    ended_at: float | None = None
    code: int | None = None
    """None while it runs, and when the reaper was killed and nobody knows."""
    left: int = 0
    _verdict: bytes = b""

    @property
    def seconds(self) -> float:
        return (self.ended_at or time.monotonic()) - self.started

    async def watch(self, limit: float, silence: float) -> Why:
        """Until the command has ended by itself, or a limit (seconds) is reached; nothing is ended here."""
        while not self.gone.done():
            now = time.monotonic()
            waits: dict[Why, float] = {
                "time": self.started + limit - now,
                "silence": self.heard_at + silence - now,
            }
            nearest = min(waits, key=lambda why: waits[why])
            if waits[nearest] <= 0:
                return nearest
            await asyncio.wait({self.gone}, timeout=waits[nearest])
        return "exit"

    async def end(self, grace: float = GRACE) -> None:
        """End the whole tree; within `grace` plus what the kernel takes. Once called, it happens even if the
        caller is cancelled."""
        self._release(grace)
        await asyncio.wait({self.gone}, timeout=grace + reaper.PATIENCE + 0.5)
        if not self.gone.done():
            self._reaper.kill()
            await asyncio.wait({self.gone}, timeout=0.5)
        if self.code is None or not reaper.LINUX:
            await asyncio.to_thread(sweep, self.mark)

    def _release(self, grace: float) -> None:
        if self._leash >= 0:
            with contextlib.suppress(BrokenPipeError):
                os.write(self._leash, bytes([min(255, round(grace * 100))]))
            if self._reaper.returncode is None:
                self._reaper.send_signal(signal.SIGCONT)  # in case that the command has stopped it
            os.close(self._leash)
            self._leash = -1

    def _on_output(self) -> None:
        data = os.read(self._output, PIPE)
        if not data:
            self._close_output()
            return
        self.heard_at = time.monotonic()
        for hear in self.hear:
            hear(data)

    def _on_status(self) -> None:
        data = os.read(self._status, 100)
        self._verdict += data
        if not data:
            self._on_gone()

    def _on_gone(self) -> None:
        """The reaper has ended, and the tree before it: what was written is in the pipe."""
        self.ended_at = time.monotonic()
        asyncio.get_running_loop().remove_reader(self._status)
        os.close(self._status)
        self._reaper.wait()
        if self._verdict.endswith(b"\n"):
            self.code, self.left = map(int, self._verdict.split())
        self._drain()
        self._close_output()
        self._release(0)
        self.gone.set_result(None)

    def _drain(self) -> None:
        # Not until the end of file: a process that got away may hold the pipe for ever, and write for ever.
        if self._output >= 0:
            os.set_blocking(self._output, False)
        with contextlib.suppress(BlockingIOError):
            for _ in range(4):
                if self._output >= 0:
                    self._on_output()

    def _close_output(self) -> None:
        if self._output >= 0:
            asyncio.get_running_loop().remove_reader(self._output)
            os.close(self._output)
            self._output = -1


def start(command: str, folder: Path, *hear: Hear, around: Surroundings = PLAIN) -> Process:
    """Start a shell command in `folder`, with closed input, `around` it what limits it. ToolError when it
    cannot be started at all."""
    if sys.platform == "win32":
        raise ToolError("Commands need a POSIX system: on Windows, kcode runs them in WSL.")
    mark = secrets.token_hex(8)
    words = [*around.around(folder), *shell(folder), command]
    (leash, our_leash), (our_status, status), (our_output, output) = os.pipe(), os.pipe(), os.pipe()
    _widen(output)
    try:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", reaper.__file__, str(status), *words],
            stdin=leash,
            stdout=output,
            stderr=output,
            pass_fds=(status,),
            cwd=folder,
            env=around.environment({MARK: mark}),
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        for descriptor in (our_leash, our_status, our_output):
            os.close(descriptor)
        raise ToolError(f"The command cannot be started: {error}") from None
    finally:
        for descriptor in (leash, status, output):
            os.close(descriptor)
    loop = asyncio.get_running_loop()
    running = Process(hear, mark, process, our_leash, our_status, our_output, loop.create_future())
    loop.add_reader(our_output, running._on_output)
    loop.add_reader(our_status, running._on_status)
    return running


async def run(
    command: str,
    folder: Path,
    *hear: Hear,
    limit: float,
    silence: float,
    around: Surroundings = PLAIN,
    stopped: Callable[[int], None] = lambda _: None,
) -> Ended:
    """Run a shell command to its end, or to a limit (seconds). Nothing of it lives on afterwards; `stopped` is told how
    many processes a cancel has ended."""
    process = start(command, folder, *hear, around=around)
    why: Why | None = None
    try:
        why = await process.watch(limit, silence)
    finally:
        await process.end(GRACE if why else CANCEL_GRACE)
        if why is None:
            stopped(process.left)
    return Ended(why, -9 if process.code is None else process.code, process.left, process.seconds)


def shell(folder: Path) -> list[str]:
    """The shell and its options, found outside of the workspace; no start-up files are read."""
    if bash := find_program("bash", folder):
        return [bash, "--noprofile", "--norc", "-c"]
    return [find_program("sh", folder) or "/bin/sh", "-c"]


def _widen(pipe: int) -> None:
    if sys.platform == "linux":
        import fcntl

        with contextlib.suppress(OSError):  # Beyond what the system lets one user have.
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE)


def sweep(mark: str) -> None:
    """Kill every process that carries the mark, and wait until it is dead. This finds what the reaper does not:
    where orphans cannot be adopted, and when it was killed. Blocking, some ten milliseconds."""
    import psutil

    until = time.monotonic() + reaper.PATIENCE
    while time.monotonic() < until and (marked := [p for p in psutil.process_iter() if _carries(p, mark)]):
        for process in marked:
            with contextlib.suppress(psutil.Error):
                process.kill()
        time.sleep(0.005)


def _carries(process: "psutil.Process", mark: str) -> bool:
    import psutil

    try:
        return process.environ().get(MARK) == mark
    except (psutil.Error, OSError):  # Dead, or another user's.
        return False

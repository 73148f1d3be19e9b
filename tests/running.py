"""The real program as a process of its own: from nothing, or forked from one that has LiteLLM loaded already."""

import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).parents[1]
Json = dict[str, Any]
FROM_THE_CHECKOUT = f"import sys; sys.path.insert(0, {str(ROOT)!r}); "
PATIENCE = 60.0
"""Seconds after which a process that has not ended hangs."""


def program(call: str) -> list[str]:
    """Python with this checkout's kcode and nothing of the working folder on its path."""
    return [sys.executable, "-P", "-c", FROM_THE_CHECKOUT + call]


KCODE = program("from kcode.cli.main import main; sys.exit(main())")


@dataclass(frozen=True, slots=True)
class Ended:
    code: int
    """-N: by signal N."""
    out: str
    err: str

    @property
    def last_words(self) -> str:
        """For the message of a failed test."""
        return f"{self.out[-1500:]}\n{self.err[-1500:]}"

    @property
    def result(self) -> Json:
        """The last line of `--json`."""
        last: Json = json.loads(self.out.splitlines()[-1])
        assert last["type"] == "result"
        return last


def environment(home: Path, **more: str) -> dict[str, str]:
    """This process' own, with the tests' Python first on PATH."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return os.environ | {"KCODE_HOME": str(home), "PATH": path} | more


def kcode(
    *arguments: str, cwd: Path, env: Mapping[str, str], stdin: bytes = b"", timeout: float = PATIENCE
) -> Ended:
    """Run the program to its end, from nothing."""
    done = subprocess.run(
        [*KCODE, *arguments], cwd=cwd, env=env, input=stdin, capture_output=True, timeout=timeout
    )
    return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())


def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Looks again and again, many times in a millisecond's neighbourhood of the moment."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.0005)


@dataclass(slots=True, eq=False)
class Running:
    """A process that was forked; its output goes to files."""

    pid: int
    out: Path
    err: Path
    _ended: threading.Event = field(default_factory=threading.Event)
    _code: int = 0

    @property
    def has_ended(self) -> bool:
        return self._ended.is_set()

    def send(self, number: signal.Signals) -> None:
        if not self.has_ended:
            os.kill(self.pid, number)

    def wait(self, timeout: float = PATIENCE) -> Ended:
        if not self._ended.wait(timeout):
            os.kill(self.pid, signal.SIGKILL)
            raise AssertionError(f"it hangs; it has said:\n{self.out.read_text()}\n{self.err.read_text()}")
        return Ended(self._code, self.out.read_text(), self.err.read_text())

    def told(self) -> list[Json]:
        """The events of `--json` so far."""
        return whole_lines(self.out)

    def has_told(self, type: str, times: int = 1) -> bool:
        return self.out.read_bytes().count(f'"type": "{type}"'.encode()) >= times


def whole_lines(file: Path) -> list[Json]:
    """The JSON lines of a file, without one that is being written."""
    if not file.exists():
        return []
    return [json.loads(line) for line in file.read_bytes().split(b"\n")[:-1] if line.strip()]


class Forker:
    """Starts kcodes in a few milliseconds each: as forks of a process that has imported everything."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0
        self._processes: dict[int, Running] = {}
        self._early: dict[int, int] = {}
        self._lock = threading.Lock()
        command = program("from tests.running import serve; serve()")
        self._server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._started = threading.Condition(self._lock)
        self._pids: list[int] = []
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def start(
        self, *arguments: str, cwd: Path, env: Mapping[str, str], stdin: bytes = b"", **limits: int
    ) -> Running:
        """`limits`: `file_size` in bytes; `plain_user`: as 1, root is refused what others are."""
        with self._lock:
            self._count += 1
            base = self._folder / f"{self._count}"
            out, err, given = (base.with_suffix(f".{kind}") for kind in ("out", "err", "in"))
            given.write_bytes(stdin)
            out.touch()
            err.touch()
            order = {
                "arguments": arguments,
                "cwd": str(cwd),
                "env": dict(env),
                "files": [str(given), str(out), str(err)],
                "limits": limits,
            }
            assert self._server.stdin is not None
            self._server.stdin.write(json.dumps(order).encode() + b"\n")
            self._server.stdin.flush()
            assert self._started.wait_for(lambda: self._pids, PATIENCE), "the forker does not answer"
            pid = self._pids.pop()
            running = self._processes[pid] = Running(pid, out, err)
            if pid in self._early:
                self._note_end(running, self._early.pop(pid))
        return running

    def run(
        self, *arguments: str, cwd: Path, env: Mapping[str, str], stdin: bytes = b"", **limits: int
    ) -> Ended:
        return self.start(*arguments, cwd=cwd, env=env, stdin=stdin, **limits).wait()

    def close(self) -> None:
        assert self._server.stdin is not None and self._server.stdout is not None
        self._server.stdin.close()
        self._server.wait(PATIENCE)
        self._listener.join()
        self._server.stdout.close()

    def _listen(self) -> None:
        assert self._server.stdout is not None
        for line in self._server.stdout:
            news = json.loads(line)
            with self._lock:
                if "code" not in news:
                    self._pids.append(news["pid"])
                    self._started.notify_all()
                elif running := self._processes.pop(news["pid"], None):
                    self._note_end(running, news["code"])
                else:
                    self._early[news["pid"]] = news["code"]

    def _note_end(self, running: Running, code: int) -> None:
        running._code = code
        running._ended.set()


@contextmanager
def forking(folder: Path) -> Iterator[Forker]:
    forker = Forker(folder)
    try:
        yield forker
    finally:
        forker.close()


def serve() -> None:
    """The other side of a `Forker`: a line with an order in, a line with a process id out, and one at its end."""
    import asyncio

    import kcode.cli.run  # noqa: F401
    from kcode.llm import transport
    from kcode.tools.tool import installed_tools

    transport.start_import()
    asyncio.run(transport.ready())
    installed_tools()
    waking, woken = os.pipe()
    os.set_blocking(woken, False)
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    pending = b""
    while True:
        ready, _, _ = select.select([0, waking], [], [])
        if waking in ready:
            os.read(waking, 4096)
            _reap()
        if 0 in ready:
            data = os.read(0, 1 << 20)
            if not data:
                return
            *orders, pending = (pending + data).split(b"\n")
            for order in orders:
                _fork(json.loads(order), [waking, woken])


def _reap() -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        _say({"pid": pid, "code": os.waitstatus_to_exitcode(status)})


def _fork(order: Json, ours: list[int]) -> None:
    pid = os.fork()
    if pid == 0:
        _become_kcode(order, ours)
    _say({"pid": pid})


def _say(news: Json) -> None:
    os.write(1, json.dumps(news).encode() + b"\n")


def _become_kcode(order: Json, ours: list[int]) -> NoReturn:
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for descriptor in ours:
            os.close(descriptor)
        _take_place(order)
        from kcode.cli.main import main

        sys.argv = ["kcode", *order["arguments"]]
        code = main()
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _take_place(order: Json) -> None:
    given, out, err = order["files"]
    for descriptor, file, flags in (
        (0, given, os.O_RDONLY),
        (1, out, os.O_WRONLY | os.O_CREAT | os.O_APPEND),
        (2, err, os.O_WRONLY | os.O_CREAT | os.O_APPEND),
    ):
        os.dup2(os.open(file, flags, 0o666), descriptor)
    os.environ.clear()
    os.environ.update(order["env"])
    os.chdir(order["cwd"])
    if size := order["limits"].get("file_size"):
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    if order["limits"].get("plain_user"):
        _obey_permissions()


def _obey_permissions() -> None:
    """Also for root, a folder that is closed is closed from now on (Linux)."""
    libc = ctypes.CDLL(None, use_errno=True)
    version = (ctypes.c_uint32 * 2)(0x20080522, 0)
    sets = (ctypes.c_uint32 * 6)()
    libc.capget(version, sets)
    for at in range(3):  # effective, permitted, inheritable
        sets[at] &= ~0b110  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    if libc.capset(version, sets):
        raise OSError(ctypes.get_errno(), "capset")

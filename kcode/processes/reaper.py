"""The process between kcode and one command: the parent of all that the command starts, and the end of it.

Run as a script, `python -I -S reaper.py STATUS PROGRAM ARGUMENT...`; it imports nothing of kcode, and
little else, since every command waits for it. On Linux the command's orphans become its children: nothing
escapes by a double fork or by clearing its environment, and nothing that kcode itself has started is ever
taken for a part of the command.

Stdin is the leash. A byte asks for the end, with that many hundredths of a second between TERM and KILL; end
of file does so too: kcode is gone, however it went. When the command ends by itself, what it left running is
ended. At the end one line is written to the descriptor STATUS: the return code (-N: by signal N) and how many
processes were still running when the end came.
"""

import contextlib
import ctypes
import os
import select
import signal
import sys
import time

LINUX = sys.platform == "linux"
GRACE = 0.3
"""Seconds between TERM and KILL when nobody names them."""
SETTLE = 0.1
"""Seconds that what is left may take to end by itself: `cmd > >(tee log)` does."""
PATIENCE = 2.0
"""Seconds until processes that survive KILL (another user's, or stuck in the kernel) are given up."""
PR_SET_CHILD_SUBREAPER = 36


def main(status: int, command: list[str]) -> None:
    if LINUX:
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    os.set_inheritable(status, False)
    signals = waking(signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    tree = Tree(start(command), is_wrapped=os.path.basename(command[0]) == "bwrap")  # noqa: PTH119
    let_go_of_output()
    grace = wait(tree, signals)
    if grace is None:
        tree.settle(SETTLE)
        grace = GRACE
    left = tree.living()
    tree.end(grace)
    with contextlib.suppress(BrokenPipeError):
        os.write(status, f"{-signal.SIGKILL if tree.code is None else tree.code} {left}\n".encode())


def wait(tree: "Tree", signals: int) -> float | None:
    """None when the command has ended, else the grace that whoever wants it ended gives."""
    while True:
        tree.reap()
        if tree.code is not None:
            return None
        ready, _, _ = select.select([0, signals], [], [])
        if 0 in ready:
            asked = os.read(0, 1)
            return asked[0] / 100 if asked else GRACE
        if set(os.read(signals, 4096)) - {signal.SIGCHLD}:
            return GRACE


def waking(*numbers: signal.Signals) -> int:
    """A descriptor that gives the number of each signal as a byte."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in numbers:
        signal.signal(number, lambda *_: None)
    return reading


def start(command: list[str]) -> int:
    """The process id of the command, in a session of its own, with nothing to read."""
    child = os.fork()
    if child:
        return child
    try:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and a child inherits that.
            signal.signal(number, signal.SIG_DFL)
        os.execv(command[0], command)  # noqa: S606
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}\n".encode())
    os._exit(127)


def let_go_of_output() -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)


class Tree:
    """All living processes below this one."""

    def __init__(self, leader: int, is_wrapped: bool) -> None:
        self.leader = leader
        self.is_wrapped = is_wrapped
        """The leader is bubblewrap, which ends when the command has: a TERM would end it first, and with it all else
        at once. Its helper inside is no process of the command's."""
        self.code: int | None = None

    def reap(self) -> bool:
        """Whether anything is left: without a child there is no grandchild either. A look at the list of
        processes could not tell, for it misses one that is born while it is read."""
        while True:
            try:
                child, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if child == 0:
                return True
            if child == self.leader:
                self.code = os.waitstatus_to_exitcode(status)

    def living(self) -> int:
        return max(0, len(below(os.getpid())) - self.is_wrapped)

    def settle(self, seconds: float) -> None:
        """Until nothing is left, but no longer than that."""
        until = time.monotonic() + seconds
        while self.reap() and time.monotonic() < until:
            time.sleep(0.005)

    def end(self, grace: float) -> None:
        self.send(signal.SIGTERM)
        self.settle(grace)
        until = time.monotonic() + PATIENCE
        while self.reap() and time.monotonic() < until:
            self.send(signal.SIGKILL)
            time.sleep(0.002)

    def send(self, number: signal.Signals) -> None:
        living = below(os.getpid())
        if self.is_wrapped and number == signal.SIGTERM:
            living.discard(self.leader)
        # Without a subreaper orphans are not below us any more; those in the command's group can be reached.
        for process in living if LINUX else {*living, -self.leader}:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(process, number)


def below(ancestor: int) -> set[int]:
    """The processes that descend from `ancestor`, less the dead that wait to be reaped."""
    children: dict[int, list[int]] = {}
    dead = set()
    for process, parent, is_dead in _processes():
        children.setdefault(parent, []).append(process)
        if is_dead:
            dead.add(process)
    found: set[int] = set()
    new = [ancestor]
    while new:
        new = [child for process in new for child in children.get(process, ()) if child not in found]
        found.update(new)
    return found - dead


def _processes() -> list[tuple[int, int, bool]]:
    """Process, parent, is dead."""
    if not LINUX:
        with os.popen("/bin/ps -axo pid=,ppid=,stat=") as listing:  # noqa: S605
            rows = [line.split() for line in listing]
        return [(int(process), int(parent), state.startswith("Z")) for process, parent, state in rows]
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{entry.name}/stat", "rb") as stat:  # noqa: PTH123
                # `PID (NAME) STATE PARENT ...`, where NAME may hold anything.
                state, parent = stat.read().rpartition(b")")[2].split()[:2]
                found.append((int(entry.name), int(parent), state in (b"Z", b"X")))
    return found


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
    os._exit(0)

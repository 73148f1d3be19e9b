"""What the screen costs: `python -m benchmarks.screen`.

Each case runs in a process of its own on a terminal of its own (a pty of 120x40 that is read all the time), fed ten
times a second as the app does it. Lag is how much later than asked the event loop comes round, less the time in which
the process was ready to run and another one had the processor. CPU is the time of the process, by the clock. Key is how
long it takes from a key that enters the terminal to its letter that comes out of it; six are typed a second. First
frames are those of a bare Textual app and of kcode by turns, in seconds of CPU of the process when its prompt is there.

Seen on two shared cores: with 10,000 blocks and 200 tokens/s, a key in 5 ms (p50) and 39 ms (p99), 19 % CPU; with 2,000
tokens/s, 23 and 202 ms, 31 %; beside a command that prints a million lines, 5 and 25 ms, 0.8 s of CPU in all; idle, 0.4
to 0.6 %; 72 MB with 10,000 blocks and 1.0 MB more for each 1,000; the first frame in 1.08 s of CPU, 1.8 times that of a
bare app.
"""

import asyncio
import contextlib
import fcntl
import gc
import itertools
import json
import os
import pty
import random
import resource
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from textual.app import App, ComposeResult

from kcode.events import Event, MessageAdded, OutputArrived, TextArrived, ToolStarted
from kcode.messages import Change, Message, Prompt, Reply, ToolCall, ToolResult
from kcode.tui.input.history import History
from kcode.tui.input.prompt import Prompt as Box
from kcode.tui.transcript.transcript import Transcript
from tests.running import KCODE

SIZE = (120, 40)
RATE = 10
"""Batches a second."""
SECONDS = 10
BLOCKS = 10_000
LINES = 1_000_000
LETTERS = [chr(code) for code in (*range(0x3B1, 0x3CA), *range(0x430, 0x450), *range(0x410, 0x430))]
PAUSE = 1 / 6
"""Seconds between two keys."""
BEGIN, END = b"\x1b]2;begin\x07", b"\x1b]2;end\x07"
"""What a case says when it begins, and when it ends."""
MAIN = "main"


@dataclass
class Lag:
    """How late the loop is, in milliseconds."""

    late: list[float] = field(default_factory=list)

    async def watch(self) -> None:
        while True:
            began, waited = time.perf_counter(), waiting()
            await asyncio.sleep(0.005)
            late = time.perf_counter() - began - 0.005 - (waiting() - waited)
            self.late.append(max(late, 0) * 1000)

    def at(self, share: float) -> float:
        return round(sorted(self.late)[int(len(self.late) * share)], 1)


def waiting() -> float:
    """Seconds in which this thread was ready and did not run."""
    return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9


def memory() -> float:
    """Megabytes that the process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def added(message: Message) -> Event:
    return MessageAdded(task=MAIN, message=message)


def markdown(seed: int) -> Iterator[str]:
    """Tokens of an endless answer: headings, prose, lists, code, tables."""
    chance = random.Random(seed)
    words = [
        "the",
        "parser",
        "reads",
        "a",
        "file",
        "and",
        "returns",
        "every",
        "token",
        "with",
        "`kind`",
        "**place**",
    ]
    for number in itertools.count(1):
        yield from f"\n## Part {number}\n\n".split(" ")
        yield from (chance.choice(words) + " " for _ in range(120))
        yield from (
            "\n\n",
            *(f"- {chance.choice(words)} {chance.choice(words)}\n" for _ in range(8)),
            "\n```python\n",
        )
        yield from (f"    value_{n} = compute(value_{n - 1}, 'text')  # note\n" for n in range(24))
        yield from ("```\n\n", "| name | what |\n", "|---|---|\n")
        yield from (f"| row {n} | {chance.choice(words)} |\n" for n in range(6))


def past(blocks: int) -> Iterator[Event]:
    """A session of so many blocks, as it is read from its file."""
    diff = "@@ -1,2 +1,2 @@\n def total(cart):\n-    return 0\n+    return sum(cart)\n"
    changes = (Change(path="a.py", diff=diff, added=1, removed=1),)
    for number in range(blocks // 4):
        id = f"c{number}"
        yield added(Prompt(text=f"Do the thing number {number}"))
        text = "".join(itertools.islice(markdown(number), 150))
        yield added(
            Reply(text=text, calls=(ToolCall(id=id, name="edit"), ToolCall(id=f"{id}x", name="shell")))
        )
        yield added(ToolResult(call_id=id, text="Edited.", changes=changes))
        yield added(ToolResult(call_id=f"{id}x", text="".join(f"line {n}\n" for n in range(20))))


class Stage(App[None]):
    """A transcript and a prompt, and one case that is played on them."""

    def __init__(self, play: "Callable[[Stage], Any]", out: Path) -> None:
        super().__init__()
        self._play = play
        self._out = out

    def compose(self) -> ComposeResult:
        yield Transcript(Path.cwd())
        yield Box(History(self._out.with_name("history")))

    def on_mount(self) -> None:
        self.query_one(Box).focus()
        self.run_worker(self._run())

    async def _run(self) -> None:
        await asyncio.sleep(0.5)
        figures = await self._play(self)
        self._out.write_text(json.dumps(figures))
        self.exit()

    def say(self, word: bytes) -> None:
        """To whoever types."""
        assert self._driver is not None
        self._driver.write(word.decode())
        self._driver.flush()

    @property
    def transcript(self) -> Transcript:
        return self.query_one(Transcript)


async def measured(stage: Stage, batches: Iterator[Sequence[Event]]) -> dict[str, Any]:
    """Shows a batch every tenth of a second, as long as there are some."""
    lag, before = Lag(), memory()
    stage.say(BEGIN)
    watch = asyncio.create_task(lag.watch())
    began, cpu = time.perf_counter(), time.process_time()
    due = began
    for batch in batches:
        stage.transcript.show(batch)
        due += 1 / RATE
        await asyncio.sleep(max(due - time.perf_counter(), 0))
    took, cpu = time.perf_counter() - began, time.process_time() - cpu
    watch.cancel()
    stage.say(END)
    return {
        "seconds": round(took, 1),
        "cpu %": round(100 * cpu / took),
        "cpu s": round(cpu, 2),
        "lag p50 ms": lag.at(0.5),
        "lag p99 ms": lag.at(0.99),
        "lag max ms": round(max(lag.late), 1),
        "MB": round(memory()),
        "MB more": round(memory() - before, 1),
        "widgets": len(list(stage.screen.walk_children())),
    }


async def filled(stage: Stage) -> float:
    """Seconds of CPU for the past."""
    events = list(past(BLOCKS))
    cpu = time.process_time()
    stage.transcript.show(events)
    await asyncio.sleep(1)
    cpu = time.process_time() - cpu
    gc.collect()  # as the app does it when a session is there
    gc.freeze()
    return cpu


def streaming(tokens: int, blocks: int = BLOCKS) -> Callable[[Stage], Any]:
    async def play(stage: Stage) -> dict[str, Any]:
        cpu = await filled(stage) if blocks else 0
        source = markdown(0)
        pieces = ("".join(itertools.islice(source, tokens // RATE)) for _ in range(SECONDS * RATE))
        figures = await measured(stage, ([TextArrived(task=MAIN, text=text)] for text in pieces))
        return figures | {"filling cpu s": round(cpu, 2)}

    return play


async def fence(stage: Stage) -> dict[str, Any]:
    """One block of code that never ends, at 500 lines a second."""
    lines = (f"value_{n} = compute(value_{n - 1}, 'text')  # note\n" for n in itertools.count())
    pieces = ("".join(itertools.islice(lines, 50)) for _ in range(SECONDS * RATE))
    stage.transcript.show([TextArrived(task=MAIN, text="```python\n")])
    return await measured(stage, ([TextArrived(task=MAIN, text=text)] for text in pieces))


async def million(stage: Stage) -> dict[str, Any]:
    """A command that prints a million lines in ten seconds."""
    call = ToolCall(id="c", name="shell")
    began = ToolStarted(task=MAIN, call_id="c", name="shell", title="Run it")
    stage.transcript.show([added(Reply(calls=(call,))), began])
    count = LINES // (SECONDS * RATE)
    block = "".join(f"line {n} of a build that has a lot to say\n" for n in range(count))
    batches = ([OutputArrived(task=MAIN, call_id="c", text=block)] for _ in range(SECONDS * RATE))
    return await measured(stage, batches)


async def paging(stage: Stage) -> dict[str, Any]:
    """Five pages a second through ten thousand blocks."""
    await filled(stage)

    def pages() -> Iterator[list[Event]]:
        for number in range(SECONDS * RATE):
            if number % 2:
                stage.transcript.page(-1)
            yield []

    return await measured(stage, pages())


async def growing(stage: Stage) -> dict[str, Any]:
    """What a session of thirty thousand blocks holds, and what each thousand of them adds."""
    held = []
    for _ in range(3):
        for _ in range(0, BLOCKS, 500):
            stage.transcript.show(list(past(500)))
            await asyncio.sleep(0.02)
        await asyncio.sleep(1)
        gc.collect()
        held.append(memory())
    more = (held[-1] - held[0]) / (2 * BLOCKS / 1000)
    widgets = len(list(stage.screen.walk_children()))
    return {"MB": [round(one) for one in held], "MB per 1,000 blocks": round(more, 2), "widgets": widgets}


async def idle(stage: Stage) -> dict[str, Any]:
    await filled(stage)
    await asyncio.sleep(2)
    cpu = time.process_time()
    await asyncio.sleep(SECONDS)
    return {"cpu %": round(100 * (time.process_time() - cpu) / SECONDS, 2), "MB": round(memory())}


CASES: dict[str, Callable[[Stage], Any]] = {
    "200 tokens/s, empty": streaming(200, 0),
    "200 tokens/s, 10,000 blocks": streaming(200),
    "2,000 tokens/s, 10,000 blocks": streaming(2_000),
    "one fence, 500 lines/s": fence,
    "a command, 1,000,000 lines": million,
    "paging, 10,000 blocks": paging,
    "idle, 10,000 blocks": idle,
    "memory, 30,000 blocks": growing,
}
FIRST = "first frame"
FIRST_FRAMES = 5
MARK = b"hat shall we do?"
"""Of the prompt; its first letter is under the cursor."""
BARE = """
from textual.app import App
from textual.widgets import TextArea
class Bare(App):
    def compose(self):
        yield TextArea(placeholder="What shall we do?")
Bare().run()
"""


def run(name: str) -> dict[str, Any]:
    """A case in a process and a terminal of its own."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "figures.json"
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", SIZE[1], SIZE[0], 0, 0))
        environment = os.environ | {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
        command = [sys.executable, "-m", "benchmarks.screen", name, str(out)]
        process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True
        )
        os.close(slave)
        typist = Typist(master)
        for work in (typist.read, typist.type):
            threading.Thread(target=work, daemon=True).start()
        try:
            process.wait(timeout=SECONDS * 12)
        finally:
            process.kill()
            os.close(master)
        figures: dict[str, Any] = json.loads(out.read_text())
        return figures | typist.figures()


class Typist:
    """Reads the terminal all the time, and types a letter now and then that it has not typed before."""

    def __init__(self, master: int) -> None:
        self._master = master
        self._bytes = 0
        self._begun, self._ended = threading.Event(), threading.Event()
        self._sent: dict[bytes, float] = {}
        self._took: list[float] = []

    def read(self) -> None:
        rest = b""
        with contextlib.suppress(OSError):
            while data := os.read(self._master, 1 << 16):
                now = time.perf_counter()
                self._bytes += len(data)
                rest = rest[-16:] + data
                if BEGIN in rest:
                    self._begun.set()
                if END in rest:
                    self._ended.set()
                for letter in [letter for letter in self._sent if letter in rest]:
                    self._took.append((now - self._sent.pop(letter)) * 1000)

    def type(self) -> None:
        self._begun.wait(SECONDS * 12)
        with contextlib.suppress(OSError):
            for letter in LETTERS:
                if self._ended.wait(PAUSE):
                    return
                self._sent[letter.encode()] = time.perf_counter()
                os.write(self._master, letter.encode())

    def figures(self) -> dict[str, Any]:
        figures: dict[str, Any] = {"KB written": self._bytes // 1000}
        if self._took:
            took = sorted(self._took)
            at = {share: round(took[int(len(took) * share)], 1) for share in (0.5, 0.99)}
            figures |= {"keys": len(took), "key p50 ms": at[0.5], "key p99 ms": at[0.99]}
        return figures


def first_frames() -> dict[str, Any]:
    """Medians."""
    bare, ours = [], []
    with tempfile.TemporaryDirectory() as home:
        for _ in range(FIRST_FRAMES):
            bare.append(first_frame([sys.executable, "-c", BARE], home))
            ours.append(first_frame(KCODE, home))
    one, other = (statistics.median(times) for times in (bare, ours))
    return {"bare cpu s": round(one, 2), "kcode cpu s": round(other, 2), "times": round(other / one, 2)}


def first_frame(command: Sequence[str], home: str) -> float:
    """Seconds of CPU until the prompt is painted."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", SIZE[1], SIZE[0], 0, 0))
    environment = os.environ | {"TERM": "xterm-256color", "KCODE_HOME": home}
    process = subprocess.Popen(
        command, stdin=slave, stdout=slave, stderr=slave, env=environment, cwd=home, start_new_session=True
    )
    os.close(slave)
    seen = b""
    try:
        while MARK not in seen:
            seen += os.read(master, 1 << 16)
        numbers = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(numbers[11]) + int(numbers[12])) / os.sysconf("SC_CLK_TCK")
    finally:
        process.kill()
        process.wait()
        os.close(master)


def main() -> None:
    match sys.argv[1:]:
        case [name, out]:
            Stage(CASES[name], Path(out)).run()
        case names:
            for name in (*CASES, FIRST):
                if not names or any(wanted in name for wanted in names):
                    figures = first_frames() if name == FIRST else run(name)
                    print(
                        f"{name:32}",
                        "  ".join(f"{key} {value}" for key, value in figures.items()),
                        flush=True,
                    )


if __name__ == "__main__":
    main()

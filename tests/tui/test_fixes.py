"""What is mended of Textual: each of these fails with the plain one."""

import asyncio
import os
import pty
import select
import threading
import time
from collections.abc import Iterator

import pytest
from textual import events
from textual._xterm_parser import XTermParser
from textual.drivers import linux_driver
from textual.widgets import Static

from kcode.tui.fixes import FixedApp, mend_input


@pytest.fixture(autouse=True)
def mended() -> None:
    mend_input()


def parsed(*data: str) -> list[events.Event]:
    parser = XTermParser()
    messages = [message for piece in data for message in parser.feed(piece)]
    time.sleep(0.11)  # an escape that stands alone waits for what may follow
    return [message for message in (*messages, *parser.tick()) if isinstance(message, events.Event)]


def keys(*data: str) -> list[str]:
    return [event.key for event in parsed(*data) if isinstance(event, events.Key)]


@pytest.mark.parametrize(
    ("sequence", "key"),
    [
        ("\x1b\r", "alt+enter"),
        ("\x1b\n", "alt+enter"),
        ("\x1b[27;2;13~", "shift+enter"),
        ("\x1b[13;2u", "shift+enter"),
        ("\r", "enter"),
        ("\n", "ctrl+j"),
        ("\x1b", "escape"),
        ("\x1bp", "alt+p"),
        ("\x1b[Z", "shift+tab"),
        ("\x1b[A", "up"),
    ],
)
def test_a_key_arrives_as_what_it_is(sequence: str, key: str) -> None:
    assert keys(sequence) == [key]


def test_a_letter_with_alt_is_not_typed() -> None:
    (event,) = parsed("\x1bp")
    assert isinstance(event, events.Key) and not event.is_printable


def test_caps_lock_types_nothing() -> None:
    assert keys("\x1b[57358u") == []


def test_a_shifted_key_of_the_kitty_protocol_does_not_kill_the_reader() -> None:
    assert keys("\x1b[97:65;2u", "x") == ["x"]


def test_a_mouse_that_is_nowhere_types_nothing() -> None:
    assert keys("\x1b[<35;NaN;NaNM", "a") == ["a"]


def test_bytes_that_are_no_utf8_do_not_kill_the_reader() -> None:
    decode = linux_driver.getincrementaldecoder("utf-8")().decode  # type: ignore[attr-defined]
    assert decode(b"a\xff\xc3b") == "a\ufffd\ufffdb"


class Counting(FixedApp[None]):
    """Paints a full screen at every tick, and notes how late each tick is."""

    def __init__(self) -> None:
        super().__init__()
        self.latest = 0.0
        self.ticks = 0

    def compose(self):  # type: ignore[no-untyped-def]
        yield Static(id="full")

    def on_mount(self) -> None:
        self._due = time.monotonic() + 0.02
        self.set_interval(0.02, self._tick)

    def _tick(self) -> None:
        now = time.monotonic()
        self.latest = max(self.latest, now - self._due)
        self._due = now + 0.02
        self.ticks += 1
        self.query_one(Static).update(
            f"{self.ticks}\n" + "\n".join(f"{self.ticks * n:>79}" for n in range(23))
        )


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The far side of a pseudo-terminal that is this process' standard streams."""
    far, near = pty.openpty()
    with os.fdopen(near, "r+b", buffering=0) as file, os.fdopen(os.dup(near), "w") as out:
        monkeypatch.setattr("sys.__stdin__", file)
        monkeypatch.setattr("sys.__stderr__", out)
        yield far
    os.close(far)


def test_a_terminal_that_stands_still_does_not_stop_the_app(terminal: int) -> None:
    app = Counting()
    done = threading.Event()

    def read_after_a_while() -> None:
        """Nothing for two seconds, then everything."""
        time.sleep(2)
        while not done.is_set():
            if select.select([terminal], [], [], 0.05)[0]:
                os.read(terminal, 1 << 16)

    async def run() -> None:
        async def end() -> None:
            await asyncio.sleep(2.5)
            app.exit()

        await asyncio.gather(app.run_async(size=(80, 24)), end())

    reader = threading.Thread(target=read_after_a_while)
    reader.start()
    try:
        asyncio.new_event_loop().run_until_complete(run())
    finally:
        done.set()
        reader.join()
    assert app.latest < 0.5
    assert app.ticks > 60


async def test_a_bug_ends_the_app_without_a_traceback_on_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Broken(FixedApp[None]):
        def on_mount(self) -> None:
            self.call_later(self.break_it)

        def break_it(self) -> None:
            secret = "sk-the-key"
            raise ZeroDivisionError(secret[:0])

    app = Broken()
    with pytest.raises(ZeroDivisionError):
        async with app.run_test() as pilot:
            await pilot.pause(0.2)
    assert app.return_code == 1
    assert "sk-the-key" not in "".join(capsys.readouterr())

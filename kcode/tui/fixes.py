"""What Textual 8.2 does not do, or does otherwise than a program for long days needs. Each with its reason; all of
it can go when the release that mends it is required."""

import contextlib
import re
from collections.abc import Callable, Iterable
from typing import Any

from textual import events
from textual._xterm_parser import XTermParser
from textual.app import App, ReturnType
from textual.drivers import linux_driver
from textual.keys import Keys
from textual.message import Message

LAG = 8
"""Frames that wait for the terminal; more of them are dropped."""
CAUGHT_UP = 2
NAN_MOUSE = re.compile(r"\x1b\[<[^\x1bmM]*NaN[^\x1bmM]*[mM]")
LOCKS = {"caps_lock", "num_lock", "scroll_lock"}
NEWLINE_KEYS = {
    "\x1b\r": "alt+enter",
    "\x1b\n": "alt+enter",
    "\x1b[27;2;13~": "shift+enter",
    "\x1b[27;3;13~": "alt+enter",
    "\x1b[27;5;13~": "ctrl+enter",
}


class FixedApp(App[ReturnType]):
    """An app that stays responsive when its terminal does not read, and that keeps quiet about its own bugs."""

    _is_stalled = False
    _early: list[events.Event] | None = None
    """What was typed before there was anything to type into; None: there is."""

    async def on_event(self, event: events.Event) -> None:
        """Textual drops keys that come before something has the focus: who types `kcode` and goes on typing would
        lose the beginning."""
        if self._early is not None and isinstance(event, events.Key | events.Paste):
            self._early.append(event)
        else:
            await super().on_event(event)

    def hold_keys(self) -> None:
        """Until `let_go_of_keys`."""
        self._early = []

    def let_go_of_keys(self) -> None:
        early, self._early = self._early or [], None
        for event in early:
            self.post_message(event)

    def _display(self, screen: Any, renderable: Any) -> None:
        """Drop frames when the terminal does not read them.

        Textual's writer holds 30 frames and then blocks the event loop (drivers/_writer_thread.py): a terminal that
        stands still for 6 s (ssh) freezes everything for 5.5 s.
        """
        if self._waiting_frames() < LAG:
            super()._display(screen, renderable)
        elif not self._is_stalled:
            self._is_stalled = True
            self.set_timer(0.1, self._display_again)

    def _display_again(self) -> None:
        if self._waiting_frames() > CAUGHT_UP:
            self.set_timer(0.1, self._display_again)
            return
        self._is_stalled = False
        self.refresh()

    def _waiting_frames(self) -> int:
        queue = getattr(getattr(self._driver, "_writer_thread", None), "_queue", None)
        return queue.qsize() if queue is not None else 0

    def _fatal_error(self) -> None:
        """No traceback with all local variables on the terminal: they may hold keys, and nobody reads them there.

        The exception is in `_exception`; whoever runs the app writes it down.
        """
        self._close_messages_no_wait()

    def end_soon(self, code: int) -> None:
        """From a signal handler, or any thread."""
        self.soon(lambda: self.exit(return_code=code))

    def soon(self, call: Callable[[], object]) -> None:
        """In the app's own thread, from any other; after its end nothing happens."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(call)

    def write_sequence(self, sequence: str) -> None:
        """Straight to the terminal, between frames."""
        if self._driver is not None and not self.is_headless and self._running:
            self._driver.write(sequence)
            self._driver.flush()

    def repaint_after_suspension(self) -> None:
        """After Ctrl+Z and `fg` the top rows stay blank until something repaints them (#6298, #6369)."""
        self.app_resume_signal.subscribe(self, lambda _: self.refresh(layout=True), immediate=True)


def mend_input() -> None:
    """Mend how Textual reads the terminal, once a process; see each."""
    linux_driver.getincrementaldecoder = _forgiving  # type: ignore[attr-defined]
    if XTermParser.feed is not _feed:
        XTermParser.feed = _feed  # type: ignore[method-assign]
        XTermParser._sequence_to_key_events = _keys  # type: ignore[method-assign]


def _forgiving(encoding: str) -> Any:
    """X10 mouse bytes above 0x7F (VS Code's reload, tmux attaching again) are no UTF-8, and kill the app (#6668)."""
    return lambda: _decoder(encoding)("replace")


_decoder = linux_driver.getincrementaldecoder  # type: ignore[attr-defined]
_original_feed = XTermParser.feed
_original_keys = XTermParser._sequence_to_key_events


def _feed(self: XTermParser, data: str) -> Iterable[Message]:
    """VS Code sends `CSI < 35;NaN;NaN M` for a mouse it has lost, and it is typed into the prompt."""
    cleaned = NAN_MOUSE.sub("", data)
    return _original_feed(self, cleaned) if cleaned or not data else ()


def _keys(self: XTermParser, sequence: str, alt: bool = False) -> Iterable[events.Key]:
    """Alt+Enter arrives as Enter and would send (#6378, #6663), Alt+P is also typed as p where text is taken, xterm's
    Shift+Enter arrives as a key without a name, Caps Lock as a letter (#6417), and a shifted key of kitty's protocol
    raises ValueError (langchain-ai/deepagents#3855)."""
    if alt and sequence in ("\r", "\n"):
        sequence = f"\x1b{sequence}"
    if sequence in NEWLINE_KEYS:
        yield events.Key(NEWLINE_KEYS[sequence], None)
        return
    nothing = events.Key(Keys.Ignore, sequence)
    try:
        for key in _original_keys(self, sequence, alt):
            if key.key.startswith("alt+"):
                key = events.Key(key.key, None)
            yield nothing if key.key.rpartition("+")[2] in LOCKS else key
    except ValueError:
        yield nothing

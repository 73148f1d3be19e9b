"""The app: thin. It drains what the engine tells, ends well, and leaves everything else to its screens."""

import gc
import time
from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import Screen
from textual.timer import Timer

from kcode.events import ApprovalAsked, QuestionAsked
from kcode.tui import keymap, themes
from kcode.tui.engine.engine import Engine
from kcode.tui.engine.words import Door, NotOpened, Told, Wish, Working
from kcode.tui.first import FirstRun
from kcode.tui.fixes import FixedApp
from kcode.tui.input.history import History, history_file
from kcode.tui.talk import Talk
from kcode.tui.terminal import is_remote, notification, title

PACE, REMOTE_PACE = 0.1, 0.22
"""Seconds between two looks at what the engine told."""
TWICE = 2.0
"""Seconds in which a second Ctrl+C quits."""
LONG = 15.0
"""Seconds of work after which the terminal rings at its end."""


class Happened(Message):
    """What the engine told since the last time."""

    def __init__(self, told: Sequence[Told]) -> None:
        super().__init__()
        self.told = told


class KcodeApp(FixedApp[int]):
    ENABLE_COMMAND_PALETTE = False
    PAUSE_GC_ON_SCROLL = True
    TITLE = "kcode"
    CSS = """
    Transcript:ansi, DiffView:ansi, Changes:ansi, Viewer:ansi {
        & .look--added { background: transparent; color: ansi_green; }
        & .look--removed { background: transparent; color: ansi_red; }
        & .look--added-word { background: transparent; color: ansi_green; text-style: bold underline; }
        & .look--removed-word { background: transparent; color: ansi_red; text-style: bold underline; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        *keymap.bindings(of_app=True),
        Binding("ctrl+q", "quit", show=False),
    ]

    def __init__(self, door: Door, engine: Engine) -> None:
        super().__init__()
        self.animation_level = "none"
        self.door = door
        self.engine = engine
        self.last_words = ""
        """For the normal screen, when the session could not be opened."""
        self.wants_demo = False
        self.talk = Talk(door, engine, History(history_file()))
        self._interrupted = -TWICE
        self._worked_since: float | None = None
        self._ticking: Timer | None = None
        """Rests while nothing happens: an idle screen costs what a blinking cursor costs."""
        themes.install(self)

    def get_default_screen(self) -> Screen[None]:
        return self.talk

    def on_mount(self) -> None:
        self.repaint_after_suspension()
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        """After the first frame: everything that is not needed for it."""
        gc.enable()
        self.let_go_of_keys()
        self.engine.news = lambda: self.soon(self._tick_again)
        self._ticking = self.set_interval(REMOTE_PACE if is_remote() else PACE, self._drain)
        self.engine.start(Wish())
        self.talk.history.load()
        gc.freeze()

    def _drain(self) -> None:
        told = self.engine.take()
        if told:
            self.post_message(Happened(told))
        else:
            self.talk.tick()
            if self.talk.bottom.is_quiet and self._ticking is not None:
                self._ticking.pause()  # until there is news

    def on_talk_stirred(self) -> None:
        self._tick_again()

    def _tick_again(self) -> None:
        if self._ticking is not None:
            self._ticking.resume()

    def on_happened(self, event: Happened) -> None:
        self.talk.hear(event.told)
        for one in event.told:
            match one:
                case NotOpened():
                    self._not_opened(one)
                case Working():
                    self._worked(one.is_working)
                case ApprovalAsked() | QuestionAsked() if not self.app_focus:
                    self.write_sequence(notification("kcode waits for your word"))
                case _:
                    pass

    def _not_opened(self, word: NotOpened) -> None:
        if self.talk.state.opened is not None:
            self.talk.notice(word.text, is_bad=True)
        elif word.wants_key:
            self.push_screen(FirstRun(self.door, word.text), self._chosen)
        else:
            self.last_words = word.text
            self.exit(return_code=word.exit_code)

    def _chosen(self, wish: Wish | None) -> None:
        """What came out of the first run: a way to begin, or none."""
        if wish is None or wish.kind == "demo":
            self.wants_demo = wish is not None
            self.exit(return_code=2)
        else:
            self.engine.open(wish)

    def _worked(self, is_working: bool) -> None:
        """Tell the terminal, and whoever has turned to something else."""
        now = time.monotonic()
        if is_working:
            self._worked_since = now
        elif self._worked_since is not None:
            if now - self._worked_since > LONG:
                self.write_sequence(notification("kcode has finished"))
            self._worked_since = None
        self.write_sequence(title(f"{'● ' if is_working else ''}kcode · {self.talk.root.name}"))

    def action_interrupt(self) -> None:
        """Ctrl+C: what is selected is copied, a page closed, a draft cleared, work stopped; twice, the end."""
        now, talk = time.monotonic(), self.talk
        if self.screen is not talk:
            self.screen.dismiss()
        elif selected := talk.get_selected_text():
            self.copy_to_clipboard(selected)
            self.clear_selection()
            talk.notice("Copied.")
        elif talk.draft():
            talk.write("")
        elif talk.state.is_working and now - self._interrupted > TWICE:
            talk.action_stop()
            self._interrupted = now
        elif now - self._interrupted <= TWICE:
            self.exit(0)
        else:
            self._interrupted = now
            talk.notice("Ctrl+C again ends kcode.")

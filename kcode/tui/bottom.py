"""What stands below the talk: what is queued, what goes on, what is asked, what can be chosen, and the prompt."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static

from kcode.messages import Todo
from kcode.tui.approval.ask import PAUSE, Asked
from kcode.tui.approval.questions import Questions
from kcode.tui.engine.state import State
from kcode.tui.input.compared import Compared
from kcode.tui.input.completion import Completions, Files
from kcode.tui.input.history import History
from kcode.tui.input.prompt import Prompt
from kcode.tui.keymap import Keymap
from kcode.tui.lists.choices import Choice
from kcode.tui.lists.entry import Entry
from kcode.tui.lists.picker import Picker
from kcode.tui.status import Activity, StatusBar
from kcode.tui.text.safe import one_line
from kcode.tui.transcript.plain import BOXES

PASSING = 4.0
"""Seconds that a word on what was just done stays."""
METER_PACE = 0.25
"""Seconds between two looks at the meter."""
QUEUE_SHOWN = 3


class Bottom(Vertical):
    DEFAULT_CSS = """
    Bottom {
        height: auto;
        background: $background;
        & > #todos { height: 1; padding: 0 1; color: $text-muted; display: none; }
        & > #todos { text-wrap: nowrap; text-overflow: ellipsis; }
        & > #queue { height: auto; padding: 0 2; color: $text-muted; display: none; }
        & > #slot { height: auto; }
    }
    """

    class Commanded(Message):
        """A command was picked from the completions: to be done at once."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, history: History, listed: Callable[[], Awaitable[list[str]]]) -> None:
        super().__init__()
        self.activity = Activity()
        self.questions = Questions(self._idle)
        self.completions = Completions(Files(listed))
        self.prompt = Prompt(history)
        self.status = StatusBar()
        self._queue = Static(id="queue", markup=False)
        self._todos = Static(id="todos", markup=False)
        self._slot = Vertical(id="slot")
        self._given: Callable[[str], None] = lambda _: None
        self._taken: Callable[[], None] = lambda: None
        self._picked: Callable[[Choice], None] = lambda _: None
        self._enhancing: Callable[[], object] | None = None
        """Stops it."""
        self._metered = 0.0
        self._is_metered = True
        """Whether the meter shows what was told last."""
        self._word, self._word_until = "", 0.0
        self.addressee = ""
        """Who hears what is said, if it is not the main task."""

    @property
    def keymap(self) -> Keymap:
        return self.prompt.keymap

    @keymap.setter
    def keymap(self, keymap: Keymap) -> None:
        self.prompt.keymap = self.completions.keymap = keymap

    def compose(self) -> ComposeResult:
        yield self._todos
        yield self._queue
        yield self.activity
        yield self.questions
        yield self._slot
        yield self.completions
        yield self.prompt
        yield self.status

    def on_mount(self) -> None:
        self.prompt.border_subtitle = "Enter sends"

    # What it shows

    def tick(self, state: State) -> None:
        """At the pace of the screen."""
        now = time.monotonic()
        word = self._word if now < self._word_until else ""
        self.activity.show(state.doing, "Esc stops" if state.is_working else word, state.began)
        self._is_metered = now - self._metered >= METER_PACE
        if self._is_metered:
            self._metered = now
            self.status.show(state.meter.reading())

    @property
    def is_quiet(self) -> bool:
        """Whether nothing here changes by itself: no clock runs, no word fades, no rate falls."""
        reading = self.status.reading
        is_fading = time.monotonic() < self._word_until + PASSING
        return self._is_metered and not (self.activity.doing or is_fading or (reading and reading.per_minute))

    def say(self, word: str) -> None:
        """A word on what was just done, for a few seconds."""
        self._word, self._word_until = one_line(word), time.monotonic() + PASSING

    def show_state(self, state: State) -> None:
        """What Enter does now, and what waits to be heard."""
        self._todos.display = any(todo.state != "done" for todo in state.todos)
        self._todos.update(Content(todos_line(state.todos)))
        queued = state.queued
        self.prompt.has_queue = bool(queued)
        lines = [f"queued: {one_line(text)}" for text in queued[:QUEUE_SHOWN]]
        lines += [f"and {len(queued) - QUEUE_SHOWN} more"] if len(queued) > QUEUE_SHOWN else []
        self._queue.display = bool(lines)
        self._queue.update(Content("\n".join(lines)))
        taken = " · Up takes it back" if queued else ""
        verb = f"Enter queues{taken}" if state.is_working else "Enter sends"
        self.prompt.border_subtitle = f"Enter sends {self.addressee}" if self.addressee else verb

    def ask(self, asked: Mapping[str, Asked], title_of: Callable[[str], str]) -> None:
        """All that waits for the user's word, in order."""
        had_focus = self.questions.has_focus_within
        self.questions.show([(one, title_of(one.task)) for one in asked.values()])
        if had_focus and not asked:
            self.prompt.focus()

    # Choosing

    def pick(self, title: str, rows: Sequence[Choice], then: Callable[[Choice], None], keys: str) -> None:
        self._picked = then
        self.open(Picker(title, rows, keys))

    def ask_for(self, title: str, text: str, about: str, then: Callable[[str], None]) -> None:
        self._given = then
        self.open(Entry(title, text, about))

    @on(Entry.Given)
    def _entry_given(self, event: Entry.Given) -> None:
        event.stop()
        self.close()
        self._given(event.text)

    @on(Entry.Closed)
    def _entry_closed(self, event: Entry.Closed) -> None:
        event.stop()
        self.close()

    def open(self, widget: Widget) -> None:
        """In the slot; whatever was in it goes."""
        self._slot.remove_children()
        self._slot.mount(widget)

    def close(self) -> None:
        self._slot.remove_children()
        self.prompt.focus()

    @on(Picker.Closed)
    def _picker_closed(self, event: Picker.Closed) -> None:
        event.stop()
        self.close()
        if event.choice is not None:
            self._picked(event.choice)

    # A draft that is made better

    @contextmanager
    def enhancing(self, stop: Callable[[], object]) -> Iterator[None]:
        """The prompt's border says so, and Esc stops it."""
        self._enhancing, self.prompt.border_title = stop, "a small model rewrites the draft · Esc stops it"
        try:
            yield
        finally:
            self._enhancing, self.prompt.border_title = None, None

    @property
    def is_enhancing(self) -> bool:
        return self._enhancing is not None

    async def at_leisure(self) -> None:
        """When nothing is asked, nothing can be chosen, and the user pauses in typing."""
        while self.questions.bar or self._slot.children or self._idle() < PAUSE:  # noqa: ASYNC110  nobody tells
            await asyncio.sleep(PAUSE / 10)

    def compare(self, old: str, new: str, then: Callable[[], None]) -> None:
        """Two drafts in the slot; `then`, if the user takes the new one."""
        self._taken = then
        self.open(Compared(old, new))

    @on(Compared.Decided)
    def _decided(self, event: Compared.Decided) -> None:
        event.stop()
        self.close()
        if event.is_taken:
            self._taken()

    @on(Prompt.Said)
    def let_go(self) -> bool:
        """Stop what is made of the draft, and offer it no longer; whether there was something."""
        offered = self._slot.query(Compared)
        stop, self._enhancing = self._enhancing, None
        if stop is not None:
            stop()
        elif offered:
            self.close()
        return stop is not None or bool(offered)

    # Completions, which the prompt steers

    @on(Prompt.Completing)
    def _complete(self, event: Prompt.Completing) -> None:
        event.stop()
        self.completions.want(event.wanted)

    @on(Prompt.Steered)
    def _steer(self, event: Prompt.Steered) -> None:
        event.stop()
        self.completions.steer(event.key)

    @on(Completions.Opened)
    def _opened(self, event: Completions.Opened) -> None:
        event.stop()
        self.prompt.has_choices = event.is_open

    @on(Completions.Picked)
    def _completed(self, event: Completions.Picked) -> None:
        event.stop()
        if event.is_final:
            self.prompt.put("")
            self.post_message(self.Commanded(event.text.strip()))
        else:
            self.prompt.complete(event.text)

    # The draft

    def write(self, text: str) -> None:
        self.prompt.put(text)
        self.prompt.focus()

    def draft(self) -> str:
        """Chips unfolded."""
        return self.prompt.unfolded(self.prompt.text)

    def _idle(self) -> float:
        return time.monotonic() - self.prompt.last_key


def todos_line(todos: Sequence[Todo]) -> str:
    """`☑ 2 of 5  ◐ write the parser  ☐ test it`: what is left, the present one first."""
    done = sum(todo.state == "done" for todo in todos)
    left = sorted((todo for todo in todos if todo.state != "done"), key=lambda todo: todo.state != "doing")
    return "  ".join(
        [f"☑ {done} of {len(todos)}", *(f"{BOXES[todo.state]} {one_line(todo.text)}" for todo in left)]
    )

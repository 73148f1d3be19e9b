"""A list in the slot above the prompt: type to narrow it, Enter takes, Esc leaves."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from kcode.tui.lists.choices import Choice, Choices

ROWS, LEAST = 10, 3
AROUND = 14
"""Rows of the screen that a list leaves to everything else, as long as it has its least."""
NARROWED = 500
"""Rows that are offered at most."""


class Picker(Vertical):
    DEFAULT_CSS = """
    Picker {
        height: auto;
        max-height: 70vh;
        border: round $border;
        border-title-color: $text-accent;
        border-title-style: bold;
        border-subtitle-color: $text-muted;
        background: $background;
        padding: 0 1;
        & Input { border: none; height: 1; padding: 0 0 0 2; background: $background; }
        & Input:focus { border: none; background-tint: transparent; }
        & .detail { height: 1; color: $text-muted; padding: 0 0 0 2; text-overflow: ellipsis; text-wrap: nowrap; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Close", show=False),
        Binding("up,ctrl+p", "move(-1)", show=False),
        Binding("down,ctrl+n", "move(1)", show=False),
        Binding("pageup", f"move(-{ROWS})", show=False),
        Binding("pagedown", f"move({ROWS})", show=False),
    ]

    class Closed(Message):
        """`choice` is None when none was taken."""

        def __init__(self, choice: Choice | None) -> None:
            super().__init__()
            self.choice = choice

    def __init__(self, title: str, rows: Sequence[Choice], keys: str = "") -> None:
        super().__init__()
        self.border_title = title
        self._keys = keys or "Enter takes · Esc leaves"
        self._rows = rows
        self._list = Choices()

    def compose(self) -> ComposeResult:
        self._list = Choices(max(min(ROWS, self.screen.size.height - AROUND), LEAST))
        yield Input(placeholder="type to narrow", compact=True)
        yield self._list
        yield Static(classes="detail", markup=False)

    def on_mount(self) -> None:
        current = next((row.id for row in self._rows if row.is_current), None)
        self._list.show(self._rows[:NARROWED], at=current)
        self._tell_detail()
        self.query_one(Input).focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._list.show(narrowed(event.value, self._rows)[:NARROWED])
        self._tell_detail()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if self._list.chosen is not None:
            self.post_message(self.Closed(self._list.chosen))

    def on_choices_chosen(self, event: Choices.Chosen) -> None:
        event.stop()
        self.post_message(self.Closed(event.choice))

    def action_close(self) -> None:
        self.post_message(self.Closed(None))

    def action_move(self, by: int) -> None:
        self._list.move(by)
        self._tell_detail()

    def _tell_detail(self) -> None:
        chosen = self._list.chosen
        self.query_one(".detail", Static).update(Content(chosen.detail if chosen else "nothing like that"))
        below = self._list.below
        self.border_subtitle = f"{below} more below · {self._keys}" if below else self._keys


def narrowed(query: str, rows: Sequence[Choice]) -> list[Choice]:
    """Rows that hold every word of the query, in their own order."""
    words = query.lower().split()
    return [row for row in rows if all(word in _text(row) for word in words)]


def _text(row: Choice) -> str:
    return f"{row.id} {row.text} {row.hint} {row.looked_up_by}".lower()

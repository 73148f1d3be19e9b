"""A search in the talk, in the slot above the prompt."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input


class Finder(Vertical):
    DEFAULT_CSS = """
    Finder {
        height: auto;
        border: round $border;
        border-title-color: $text-accent;
        border-subtitle-color: $text-muted;
        background: $background;
        padding: 0 1;
        & Input, & Input:focus {
            border: none; height: 1; padding: 0; background: $background; background-tint: transparent;
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "close"), Binding("f3,down,up", "further")]

    class Sought(Message):
        def __init__(self, finder: "Finder", text: str) -> None:
            super().__init__()
            self.finder = finder
            self.text = text

    class Further(Message):
        """To the next older place."""

    class Closed(Message):
        pass

    def compose(self) -> ComposeResult:
        yield Input(placeholder="look for", compact=True)

    def on_mount(self) -> None:
        self.border_title = "Search"
        self.found(0)
        self.query_one(Input).focus()

    def found(self, count: int) -> None:
        """How many blocks have it."""
        places = f"{count} place{'' if count == 1 else 's'} · " if self.query_one(Input).value else ""
        self.border_subtitle = f"{places}Enter the next older one · Esc leaves"

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Sought(self, event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Further())

    def action_further(self) -> None:
        self.post_message(self.Further())

    def action_close(self) -> None:
        self.post_message(self.Closed())

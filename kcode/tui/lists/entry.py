"""One line of text that is asked for, in the slot above the prompt."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static


class Entry(Vertical):
    DEFAULT_CSS = """
    Entry {
        height: auto;
        border: round $border;
        border-title-color: $text-accent;
        border-title-style: bold;
        border-subtitle-color: $text-muted;
        background: $background;
        padding: 0 1;
        & Input, & Input:focus {
            border: none; height: 1; padding: 0; background: $background; background-tint: transparent;
        }
        & Static { height: auto; color: $text-muted; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "close")]

    class Given(Message):
        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Closed(Message):
        pass

    def __init__(self, title: str, text: str, about: str = "") -> None:
        """Safe texts; `text` is what stands there first."""
        super().__init__()
        self.border_title = title
        self.border_subtitle = "Enter keeps it · Esc leaves"
        self._text, self._about = text, about

    def compose(self) -> ComposeResult:
        yield Input(self._text, compact=True, select_on_focus=False)
        if self._about:
            yield Static(Content(self._about))

    def on_mount(self) -> None:
        self.query_one(Input).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Given(event.value.strip()))

    def action_close(self) -> None:
        self.post_message(self.Closed())

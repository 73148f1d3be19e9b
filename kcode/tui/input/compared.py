"""A draft beside what a small model made of it: taken, or left, with a key."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.message import Message

from kcode.files.diff import diff
from kcode.tui.approval.ask import Keys
from kcode.tui.text.diffview import diff_lines
from kcode.tui.text.flow import Line
from kcode.tui.text.flowing import Flowing
from kcode.tui.text.looks import LOOKS, LOOKS_CSS


class Compared(Vertical, can_focus=True):
    """It takes the focus when it appears."""

    DEFAULT_CSS = """
    Compared {
        height: auto;
        border: round $border;
        border-title-color: $text-accent;
        border-title-style: bold;
        border-subtitle-color: $text-muted;
        background: $background;
        padding: 0 1;
        & VerticalScroll { height: auto; max-height: 40vh; scrollbar-size-vertical: 1; }
        & .keys { margin-top: 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,1,y", "decide(True)", show=False),
        Binding("escape,2,n", "decide(False)", show=False),
        Binding("up,k", "scroll(-1)", show=False),
        Binding("down,j", "scroll(1)", show=False),
        Binding("pageup", "scroll(-10)", show=False),
        Binding("pagedown,space", "scroll(10)", show=False),
    ]

    class Decided(Message):
        def __init__(self, is_taken: bool) -> None:
            super().__init__()
            self.is_taken = is_taken

    def __init__(self, old: str, new: str) -> None:
        super().__init__()
        self.border_title = "Your draft, made clear"
        self.border_subtitle = "Enter takes it · Esc keeps yours"
        self._difference = "".join(diff(f"{old}\n", f"{new}\n"))

    def compose(self) -> ComposeResult:
        with VerticalScroll(can_focus=False):
            yield Difference(self._difference)
        yield Keys("take it", "keep yours")

    def on_mount(self) -> None:
        self.focus()

    def action_decide(self, is_taken: bool) -> None:
        self.post_message(self.Decided(is_taken))

    def action_scroll(self, by: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=by, animate=False)


class Difference(Flowing):
    COMPONENT_CLASSES = LOOKS
    DEFAULT_CSS = "Difference { height: auto; }" + LOOKS_CSS

    def __init__(self, difference: str) -> None:
        super().__init__()
        self._difference = difference

    def laid_out(self, width: int) -> Sequence[Line]:
        return list(diff_lines(self._difference, "draft.md", width))

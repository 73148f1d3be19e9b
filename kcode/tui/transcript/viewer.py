"""A block on the full screen: the whole output, the whole diff."""

import time
from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from kcode.tui.text.flow import Line, prose
from kcode.tui.text.flowing import Flowing
from kcode.tui.text.looks import LOOKS, LOOKS_CSS
from kcode.tui.transcript.block import Block, Call
from kcode.tui.transcript.plain import text_of
from kcode.tui.transcript.shown import whole_call_lines


class Whole(Flowing):
    """All lines of a block."""

    DEFAULT_CSS = "Whole { height: auto; padding: 0 1; }"

    def __init__(self, block: Block) -> None:
        super().__init__()
        self._block = block

    def laid_out(self, width: int) -> Sequence[Line]:
        if isinstance(self._block, Call):
            return whole_call_lines(self._block, width, time.time())
        return prose(text_of(self._block), width)


class Viewer(ModalScreen[None]):
    """Scrolls with the keys of every pager; Escape or q leaves it."""

    COMPONENT_CLASSES = LOOKS
    DEFAULT_CSS = (
        """
    Viewer { background: $background; layout: vertical; }
    Viewer > VerticalScroll { height: 1fr; }
    Viewer > #keys { height: 1; padding: 0 1; background: $panel; color: $foreground-muted; }
    """
        + LOOKS_CSS
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,ctrl+o", "dismiss", "close"),
        Binding("j", "scroll(1)", show=False),
        Binding("k", "scroll(-1)", show=False),
        Binding("space", "page(1)", show=False),
        Binding("b", "page(-1)", show=False),
        Binding("g", "edge(0)", show=False),
        Binding("G", "edge(1)", show=False),
    ]

    def __init__(self, block: Block) -> None:
        super().__init__()
        self._block = block

    def compose(self) -> ComposeResult:
        with VerticalScroll():
            yield Whole(self._block)
        yield Static(Content("Esc close · ↑↓ PgUp PgDn g G"), id="keys")

    def on_mount(self) -> None:
        self._scroll.focus()

    def action_scroll(self, rows: int) -> None:
        self._scroll.scroll_relative(y=rows, animate=False)

    def action_page(self, pages: int) -> None:
        self._scroll.scroll_relative(y=pages * self._scroll.size.height, animate=False)

    def action_edge(self, end: int) -> None:
        (self._scroll.scroll_end if end else self._scroll.scroll_home)(animate=False)

    @property
    def _scroll(self) -> VerticalScroll:
        return self.query_one(VerticalScroll)

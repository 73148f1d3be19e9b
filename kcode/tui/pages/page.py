"""A page over the talk: text to read, until Esc."""

from collections.abc import Callable, Sequence
from textwrap import wrap
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.geometry import Size
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Static

ASIDE = "\x1f"
"""Between what a table says of a name and what it says besides."""
NARROW = 24
"""Columns that the texts of a table want beside its names."""


class Text(Static):
    """Text that is safe to show, as it is."""

    def __init__(self, text: str) -> None:
        super().__init__(Content(text))


class ByWidth(Widget):
    """What is laid out anew for every width."""

    DEFAULT_CSS = "ByWidth { height: auto; width: 1fr; }"

    def __init__(self, laid_out: Callable[[int], Content]) -> None:
        super().__init__()
        self._laid_out = laid_out

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._laid_out(width).wrap(width))

    def render(self) -> Content:
        return self._laid_out(self.content_size.width)


class Table(Widget):
    """Two columns: names, and what is said of each, wrapped beside its name; what stands behind ASIDE is quieter."""

    DEFAULT_CSS = "Table { height: auto; width: 1fr; }"

    def __init__(self, rows: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._rows = rows

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._lines(width))

    def render(self) -> Content:
        return Content("\n").join(self._lines(self.content_size.width))

    def _lines(self, width: int) -> list[Content]:
        widest = max((len(name) for name, _ in self._rows), default=0)
        room = width - widest - 2
        if room < NARROW:  # one below the other
            widest, room = 0, width - 2
        return [line for name, text in self._rows for line in _row(name, text, widest, room)]


def _row(name: str, text: str, widest: int, room: int) -> list[Content]:
    first, *rest = _wrapped(text, max(room, 8))
    head = Content.styled(name.ljust(widest), "bold $text-accent")
    indent = Content(" " * (widest + 2))
    if not widest:
        return [head, *(Content("  ") + line for line in (first, *rest))]
    return [head + "  " + first, *(indent + line for line in rest)]


def _wrapped(text: str, width: int) -> list[Content]:
    main, _, aside = text.partition(ASIDE)
    lines = wrap(f"{main} {aside}" if aside else main, width) or [""]
    place, contents = 0, []
    for line in lines:
        loud = min(max(len(main) - place, 0), len(line))
        contents.append(Content.assemble(line[:loud], (line[loud:], "$text-muted")))
        place += len(line) + 1
    return contents


class Page(ModalScreen[None]):
    DEFAULT_CSS = """
    Page {
        align: center middle;
        background: $background 60%;
        & > VerticalScroll {
            width: 100%;
            max-width: 110;
            height: auto;
            max-height: 90%;
            margin: 1 2;
            padding: 1 2;
            border: round $border;
            border-title-color: $text-accent;
            border-title-style: bold;
            border-subtitle-color: $text-muted;
            background: $background;
            scrollbar-size-vertical: 1;
        }
        & Static { height: auto; width: 1fr; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "close", "Close", show=False),
        Binding("j,down", "scroll(1)", show=False),
        Binding("k,up", "scroll(-1)", show=False),
        Binding("space,pagedown", "scroll(15)", show=False),
        Binding("b,pageup", "scroll(-15)", show=False),
        Binding("home,g", "scroll(-1000000)", show=False),
        Binding("end,G", "scroll(1000000)", show=False),
    ]

    def __init__(self, title: str, content: Content | Widget) -> None:
        super().__init__()
        self._title = title
        self._inside = Static(content) if isinstance(content, Content) else content

    def compose(self) -> ComposeResult:
        with VerticalScroll(can_focus=False) as frame:
            frame.border_title = self._title
            frame.border_subtitle = "Esc closes · ↑↓ scroll"
            yield self._inside

    def action_close(self) -> None:
        self.dismiss(None)

    def action_scroll(self, lines: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)

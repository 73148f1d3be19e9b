"""The scrolling part of a transcript: what is looked at stays where it is, whatever grows or goes around it."""

from textual.containers import VerticalScroll
from textual.geometry import Size
from textual.layout import DockArrangeResult, WidgetPlacement
from textual.message import Message
from textual.scrollbar import ScrollBar
from textual.widget import Widget

NEARLY = 1
"""Rows from the end that are the end: the line below takes one when it appears."""


class Window(VerticalScroll, can_focus=False):
    """Follows its end until the user scrolls up, and again from when he is back there.

    The position is set while the layout is made, so that no frame shows the new content at the old position.
    """

    DEFAULT_CSS = "Window { layout: stream; overflow-y: scroll; height: 1fr; }"
    FOCUS_ON_CLICK = False

    class Moved(Message):
        """Something else is looked at, or there is more or less of it."""

    def __init__(self) -> None:
        super().__init__()
        self.is_following = True
        self.held: tuple[Widget, int] | None = None
        """What is at the top, and how many of its rows are above it."""
        self._placements: list[WidgetPlacement] = []
        self._told = (0.0, 0)

    @property
    def is_at_end(self) -> bool:
        return self._told[0] >= self._told[1] - NEARLY

    def follow(self) -> None:
        self.is_following, self.held = True, None
        self.refresh(layout=True)

    def hold(self, widget: Widget, rows: int) -> None:
        """Have this row of the widget at the top."""
        self.is_following, self.held = False, (widget, rows)
        self.refresh(layout=True)

    def arrange(self, size: Size, optimal: bool = False) -> DockArrangeResult:
        result = super().arrange(size, optimal)
        self._placements = result.placements
        end = max(result.total_region.bottom - size.height, 0)
        self.is_following = self.is_following or not end
        wanted = end if self.is_following else self._row_held(end)
        if wanted != self.scroll_y:
            self.set_reactive(Widget.scroll_y, wanted)
            self.set_reactive(Widget.scroll_target_y, wanted)
            self.vertical_scrollbar.set_reactive(ScrollBar.position, wanted)
        if (wanted, end) != self._told:
            self._told = (wanted, end)
            self.post_message(self.Moved())
        return result

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self.is_following = new_value >= self.max_scroll_y - NEARLY
        row = round(new_value)
        self.held = next(
            ((p.widget, row - p.region.y) for p in reversed(self._placements) if p.region.y <= row), None
        )
        self.post_message(self.Moved())

    def _row_held(self, end: int) -> float:
        for placement in self._placements:
            if self.held and placement.widget is self.held[0]:
                return min(max(placement.region.y + self.held[1], 0), end)
        return min(self.scroll_y, end)

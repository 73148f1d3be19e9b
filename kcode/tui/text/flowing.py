"""The widget that shows lines of `flow`: one widget for a block, however long, and only what changed is painted."""

from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style as RichStyle
from textual.css.styles import StylesBase
from textual.geometry import Region, Size
from textual.selection import Selection
from textual.strip import Strip
from textual.style import Style
from textual.widget import Widget

from kcode.tui.text.flow import Line, Run, marked, selected
from kcode.tui.text.looks import component

SELECTED = "selected"
STRIPS = 500
"""Painted lines that a widget keeps."""


class Flowing(Widget):
    """Its text is what `laid_out` says; `again` when that has changed."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._width = 0
        self._lines: Sequence[Line] = ()
        self._strips: dict[tuple[int, tuple[Run, ...], str], Strip] = {}
        self._styles_of: dict[str, RichStyle] = {}
        self._needle = ""

    def laid_out(self, width: int) -> Sequence[Line]:
        """The lines for a width. Texts in them are safe."""
        raise NotImplementedError

    def lines(self, width: int) -> Sequence[Line]:
        if width != self._width:
            self._width, self._lines = width, self.laid_out(width)
        return self._lines

    def again(self) -> None:
        """Lay out anew. Where no line comes or goes, only those that changed are painted."""
        if not self._width:
            return
        before, after = self._lines, self.laid_out(self._width)
        self._lines = after
        if len(before) != len(after):
            self.refresh(layout=True)
            return
        changed = [row for row, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
        if changed:
            self.refresh(Region(0, changed[0], self._width, changed[-1] - changed[0] + 1))

    def mark(self, needle: str) -> None:
        """Show where this text is, in whatever case; "" shows nothing."""
        if needle.casefold() != self._needle:
            self._needle = needle.casefold()
            self._strips.clear()
            self.refresh()

    def row_of(self, needle: str, width: int) -> int:
        """The first row with this case-folded text, where the widget is so wide with all that is around it; else 0."""
        lines = self.lines(max(width - self.gutter.width, 1))
        return next((row for row, line in enumerate(lines) if needle in line.text.casefold()), 0)

    # What Textual asks

    def get_content_width(self, container: Size, viewport: Size) -> int:
        return container.width

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self.lines(width)) if width > 0 else 0

    def render_line(self, y: int) -> Strip:
        width = self.content_size.width
        lines = self.lines(width) if width > 0 else ()
        if y >= len(lines):
            return Strip.blank(width, self._style(""))
        line = lines[y]
        runs = self._with_marks(line, y)
        key = (y, runs, line.fill)
        strip = self._strips.get(key)
        if strip is None or strip.cell_length != width:
            if len(self._strips) >= STRIPS:
                self._strips.clear()
            strip = self._strips[key] = self._painted(runs, line.fill, width).apply_offsets(0, y)
        return strip

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        lines = self.lines(self._width) if self._width else ()
        start, end = selection.start, selection.end
        first = (start.y, start.x) if start else (0, 0)
        last = (end.y, end.x) if end else (len(lines) - 1, len(lines[-1].text) if lines else 0)
        return selected(lines, first, last), "\n"

    def notify_style_update(self) -> None:
        self._strips.clear()
        self._styles_of.clear()
        super().notify_style_update()

    # Painting

    def _with_marks(self, line: Line, y: int) -> tuple[Run, ...]:
        runs = line.runs
        if self._needle:
            for start, end in occurrences(line.text, self._needle):
                runs = marked(runs, start, end, "found")
        selection = self.text_selection
        span = selection.get_span(y) if selection else None
        if span:
            start, end = span
            runs = marked(runs, max(start, line.gutter), len(line.text) if end == -1 else end, SELECTED)
        return runs

    def _painted(self, runs: Sequence[Run], fill: str, width: int) -> Strip:
        strip = Strip([Segment(text, self._style(look)) for text, look in runs])
        return strip.adjust_cell_length(width, self._style(fill))

    def _style(self, look: str) -> RichStyle:
        if look not in self._styles_of:
            style = self.visual_style
            for name in look.split():
                style += self._named(name)
            self._styles_of[look] = style.rich_style
        return self._styles_of[look]

    def _named(self, look: str) -> Style:
        if look == SELECTED:
            return self.screen.get_visual_style("screen--selection")
        name = component(look)
        for node in self.ancestors_with_self:
            if isinstance(node, Widget) and name in node.COMPONENT_CLASSES:
                return _added(node.get_component_styles(name))
        return Style.null()


def _added(styles: StylesBase) -> Style:
    """What a component adds to what it stands on. (Textual's own partial style loses an opaque background.)"""
    text = styles.text_style
    return Style(
        background=styles.background if styles.has_rule("background") else None,
        foreground=styles.color if styles.has_rule("color") else None,
        bold=text.bold,
        italic=text.italic,
        underline=text.underline,
        strike=text.strike,
        reverse=text.reverse,
    )


def occurrences(text: str, needle: str) -> list[tuple[int, int]]:
    """Where the case-folded needle is, in whatever case."""
    folded = text.casefold()
    if needle not in folded or len(folded) != len(text):
        return []
    places = []
    start = folded.find(needle)
    while start >= 0:
        places.append((start, start + len(needle)))
        start = folded.find(needle, start + len(needle))
    return places

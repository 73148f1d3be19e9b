"""A list to choose from: rows with a marker, scrolled so that the chosen one is seen."""

from collections.abc import Sequence
from dataclasses import dataclass

from textual import events
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.widget import Widget

MARKER, NO_MARKER = "❯ ", "  "


@dataclass(frozen=True, slots=True)
class Choice:
    """A row. Texts are safe to show; whoever makes the row sees to that."""

    id: str
    text: str
    hint: str = ""
    """In a quieter colour, at the right of the texts."""
    brief: str = ""
    """In place of the hint, where that does not fit."""
    detail: str = ""
    """Shown beneath the list while the row is chosen."""
    looked_up_by: str = ""
    """Further words that a filter finds it by."""
    is_current: bool = False


class Choices(Widget):
    DEFAULT_CSS = """
    Choices { height: auto; background: $background; color: $text; }
    """

    class Chosen(Message):
        """With the mouse; keys belong to whoever holds the list."""

        def __init__(self, choice: Choice) -> None:
            super().__init__()
            self.choice = choice

    def __init__(self, most: int = 8) -> None:
        """`most`: rows that are seen at once."""
        super().__init__()
        self._most = most
        self._rows: Sequence[Choice] = ()
        self._at = 0
        self._top = 0

    def show(self, rows: Sequence[Choice], at: str | None = None) -> None:
        """These rows, the one with the id `at` chosen, else the first."""
        is_taller = min(len(rows), self._most) != min(len(self._rows), self._most)
        self._rows = rows
        ids = [row.id for row in rows]
        self._at = ids.index(at) if at in ids else 0
        self._top = 0
        self._keep_in_sight()
        self.refresh(layout=is_taller)

    def move(self, by: int) -> None:
        """Round at the ends by one, up to the ends by more."""
        if not self._rows:
            return
        last = len(self._rows) - 1
        self._at = (self._at + by) % (last + 1) if abs(by) == 1 else min(max(self._at + by, 0), last)
        self._keep_in_sight()
        self.refresh()

    @property
    def chosen(self) -> Choice | None:
        return self._rows[self._at] if self._rows else None

    @property
    def below(self) -> int:
        """How many rows follow those that are seen."""
        return max(len(self._rows) - self._top - self._most, 0)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return min(len(self._rows), self._most)

    def render(self) -> Content:
        seen = self._rows[self._top : self._top + self._most]
        widest = max((Content(row.text).cell_length for row in seen), default=0)
        lines = [self._line(row, n == self._at, widest) for n, row in enumerate(seen, self._top)]
        return Content("\n").join(lines)

    def on_click(self, event: events.Click) -> None:
        at = self._top + event.y
        if 0 <= at < len(self._rows):
            self._at = at
            self.refresh()
            self.post_message(self.Chosen(self._rows[at]))

    def on_mouse_scroll_down(self) -> None:
        self.move(1)

    def on_mouse_scroll_up(self) -> None:
        self.move(-1)

    def _line(self, row: Choice, is_chosen: bool, widest: int) -> Content:
        width = self.content_size.width
        mark = " ✓" if row.is_current else ""
        column = widest + len(NO_MARKER) + 2
        is_brief = bool(row.brief) and column + 2 + Content(row.hint).cell_length > width
        hint = Content.styled(row.brief if is_brief else row.hint, "$text-muted")
        if is_brief:  # the name gives way, so that the hint is read whole
            column = min(column, max(width - hint.cell_length - 2, 12))
        text = Content.assemble(
            MARKER if is_chosen else NO_MARKER,
            Content.styled(row.text, "bold" if is_chosen else "").truncate(
                max(column - len(NO_MARKER) - len(mark), 1) if is_brief else widest, ellipsis=True
            ),
            (mark, "$text-success"),
        )
        line = text + " " * max(column - text.cell_length, 0) + "  " + hint
        line = line.truncate(width, ellipsis=True, pad=True)
        return line.stylize("$text-accent") if is_chosen else line

    def _keep_in_sight(self) -> None:
        self._top = min(max(self._top, self._at - self._most + 1), self._at)

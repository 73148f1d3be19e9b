"""The tree of tasks: a panel beside the talk, or in place of it where there is no room for both."""

import time
from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Click
from textual.geometry import Size
from textual.message import Message
from textual.timer import Timer
from textual.widget import Widget

from kcode.events import MAIN
from kcode.tui.status import duration
from kcode.tui.tasks.tasks import Condition, Delegated, Tasks
from kcode.tui.text.safe import one_line

GLYPHS: dict[Condition, tuple[str, str]] = {
    "running": ("●", "$text-accent"),
    "asking": ("?", "$text-warning"),
    "done": ("✓", "$text-success"),
    "cancelled": ("■", "$text-warning"),
    "failed": ("✗", "$text-error"),
}
ROWS = 2
"""Rows of a task."""


class TaskTree(Widget, can_focus=True):
    """Up and down choose, Enter looks into, x cancels, Esc leaves."""

    DEFAULT_CSS = """
    TaskTree {
        display: none;
        width: 44;
        height: 1fr;
        border-left: solid $border-blurred;
        padding: 0 1;
        background: $background;
        &:focus { border-left: solid $accent; }
        &.-shown { display: block; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("enter,right", "look", show=False),
        Binding("x,delete", "cancel", show=False),
        Binding("X", "cancel_all", show=False),
        Binding("escape,left,q", "leave", show=False),
    ]

    class LookedInto(Message):
        def __init__(self, task: str) -> None:
            """`main` is the talk itself."""
            super().__init__()
            self.task = task

    class Cancelled(Message):
        def __init__(self, task: str) -> None:
            """`main`: all that runs."""
            super().__init__()
            self.task = task

    class Left(Message):
        pass

    def __init__(self) -> None:
        super().__init__()
        self._tasks = Tasks()
        self._rows: list[Delegated] = []
        self._at = 0
        """0 is the talk itself."""
        self._top = 0
        self._clock: Timer | None = None

    def on_mount(self) -> None:
        self._clock = self.set_interval(1, self.refresh, pause=True)

    def show(self, tasks: Tasks) -> None:
        """What is known now."""
        self._tasks, self._rows = tasks, tasks.in_order()
        self._at = min(self._at, len(self._rows))
        if self._clock is not None:
            (self._clock.resume if self.display and tasks.running else self._clock.pause)()
        if self.display:
            self.refresh()

    def render(self) -> Content:
        width, height = self.content_size
        lines = [self._head(width), *self._talk(width)]
        room = max((height - len(lines) - 2) // ROWS, 1)
        self._top = min(max(self._top, self._at - room), max(self._at - 1, 0))
        for place, task in enumerate(self._rows[self._top : self._top + room], self._top + 1):
            lines += self._lines(task, width, place == self._at)
        below = len(self._rows) - self._top - room
        lines += [Content("")] * max(height - len(lines) - 1, 0)
        keys = f"{below} more below" if below > 0 else "Enter looks into · x stops · Esc back"
        lines.append(Content.styled(keys, "$text-muted").truncate(width, ellipsis=True))
        return Content("\n").join(lines[:height])

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return container.height

    def on_click(self, event: Click) -> None:
        place = self._top + (event.y - 2) // ROWS + 1 if event.y >= 2 else 0
        if place <= len(self._rows):
            self._at = place
            self.action_look()

    def action_move(self, by: int) -> None:
        self._at = (self._at + by) % (len(self._rows) + 1)
        self.refresh()

    def action_look(self) -> None:
        self.post_message(self.LookedInto(self._chosen))

    def action_cancel(self) -> None:
        self.post_message(self.Cancelled(self._chosen))

    def action_cancel_all(self) -> None:
        self.post_message(self.Cancelled(MAIN))

    def action_leave(self) -> None:
        self.post_message(self.Left())

    @property
    def _chosen(self) -> str:
        return self._rows[self._at - 1].id if self._at else MAIN

    def _head(self, width: int) -> Content:
        counts = f"{self._tasks.running} running of {len(self._rows)}" if self._rows else "none was delegated"
        return Content.assemble(("Tasks", "bold $text-accent"), (f"  {counts}", "$text-muted")).truncate(
            width
        )

    def _talk(self, width: int) -> Sequence[Content]:
        mark = "❯ " if self._at == 0 else "  "
        return [Content.styled(f"{mark}the talk itself", "bold" if self._at == 0 else "").truncate(width)]

    def _lines(self, task: Delegated, width: int, is_chosen: bool) -> list[Content]:
        """`❯ ● 1 Write the parser` and below it mode, model, cost, time."""
        glyph, look = GLYPHS[task.condition]
        indent = "  " * task.depth
        title = Content.assemble(
            "❯ " if is_chosen else "  ",
            indent,
            (f"{glyph} ", look),
            (f"{task.id} {one_line(task.title)}", "bold" if is_chosen else ""),
        )
        total = self._tasks.with_all_below(task.id)
        took = duration((task.ended or time.time()) - task.began)
        state = "" if task.condition in ("running", "done") else f"{task.condition} · "
        facts = f"{state}{task.mode} · {one_line(task.model).partition('/')[2]} · {total} · {took}"
        return [
            title.truncate(width, ellipsis=True),
            Content.styled(f"    {indent}{facts}", "$text-muted").truncate(width, ellipsis=True),
        ]

"""The lines that are always there: who and where at the top, money at the bottom, what goes on above the prompt.

Each is one line that is painted again when its text changed, and never laid out again.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from textual.content import Content
from textual.widget import Widget

from kcode.errors import Scope
from kcode.spend.meter import Reading
from kcode.spend.money import dollars, tokens
from kcode.tui.text.safe import one_line

SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
GAUGE_CELLS = 8
FULL, NEARLY_FULL = 0.9, 0.7
"""Of the window, or of the budget."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A piece of a line; when the line is too narrow, those with the least weight go first."""

    text: str
    style: str = ""
    weight: int = 1
    width: int = 0
    """At least so many columns, so that nothing beside it moves."""

    @property
    def content(self) -> Content:
        return Content.styled(self.text.ljust(self.width), self.style)

    def __len__(self) -> int:
        return self.content.cell_length


GAP = "  "
BESIDE = 13
"""Columns beside what goes on and the hint: a glyph, a time, gaps."""


def fitted(cells: Sequence[Cell], width: int) -> list[Cell]:
    """Those that fit into so many columns, in their order."""
    kept = list(cells)
    while kept and sum(map(len, kept)) + len(GAP) * (len(kept) - 1) > width:
        kept.remove(min(reversed(kept), key=lambda cell: cell.weight))
    return kept


def line(left: Sequence[Cell], right: Sequence[Cell], width: int) -> Content:
    """Two groups at the ends of a line; the lighter cells of both go when there is no room."""
    kept = fitted([*left, *right], width)
    lefts = Content(GAP).join([cell.content for cell in kept if cell in left])
    rights = Content(GAP).join([cell.content for cell in kept if cell in right])
    room = max(width - lefts.cell_length - rights.cell_length, 0)
    return Content.assemble(lefts, " " * room, rights)


class Line(Widget):
    """One line of cells."""

    DEFAULT_CSS = """
    Line { height: 1; width: 1fr; padding: 0 1; color: $text-muted; background: $background; }
    """

    def cells(self) -> tuple[list[Cell], list[Cell]]:
        """What stands at the left and at the right."""
        raise NotImplementedError

    def render(self) -> Content:
        left, right = self.cells()
        return line(left, right, self.content_size.width)


@dataclass(frozen=True, slots=True)
class Place:
    """Who works, and where."""

    mode: str = ""
    model: str = ""
    effort: str | None = None
    root: Path = field(default_factory=Path)
    branch: str = ""
    permissions: str = ""
    """What happens without asking, in words."""
    name: str = ""
    """Of the session, when it has one."""


class TopBar(Line):
    DEFAULT_CSS = """
    TopBar { background: $surface; }
    """
    place = Place()

    def show(self, **changes: object) -> None:
        place = replace(self.place, **changes)  # type: ignore[arg-type]
        if place != self.place:
            self.place = place
            self.refresh()

    def cells(self) -> tuple[list[Cell], list[Cell]]:
        place = self.place
        provider, _, model = one_line(place.model).partition("/")
        left = [Cell(one_line(place.mode), "bold $text-accent", 9)]
        if model:
            effort = f" ({place.effort})" if place.effort else ""
            left += [Cell(f"{model}{effort}", "$text", 8), Cell(provider, weight=3)]
        right = [Cell(place.permissions, "$text-warning", 7)] if place.permissions else []
        right += [Cell(one_line(place.name), "italic", 2)] if place.name else []
        right += [Cell(_home_shortened(place.root), weight=5)]
        right += [Cell(f"({one_line(place.branch)})", weight=4)] if place.branch else []
        return left, right


def permitted(mode: str, sandbox: str) -> str:
    """Nothing where everything is asked, as it is at first."""
    return PERMISSIONS[mode] + (f" ({sandbox})" if sandbox else "")


PERMISSIONS = {
    "ask": "",
    "edits": "edits without asking",
    "auto": "! asks nothing",
    "plan": "plan: changes nothing",
}


class StatusBar(Line):
    """Money and tokens, from the meter's reading."""

    reading: Reading | None = None
    hint = "? keys"

    def show(self, reading: Reading) -> None:
        if reading != self.reading:
            self.reading = reading
            self.refresh()

    def cells(self) -> tuple[list[Cell], list[Cell]]:
        return (_money_cells(self.reading) if self.reading else []), [Cell(self.hint, weight=6)]


def _money_cells(reading: Reading) -> list[Cell]:
    usage = reading.session.usage
    cached = f"cache {reading.session.cache_share:.0%}" if usage.input else "cache –"
    return [
        Cell(str(reading.session), "bold $text", 9, 8),
        Cell(f"turn {reading.turn}", weight=6, width=13),
        Cell(f"{dollars(reading.per_minute)}/min", weight=2, width=11),
        Cell(f"↑{tokens(usage.input)} ↓{tokens(usage.output)}", weight=3, width=14),
        Cell(cached, weight=5, width=10),
        *_gauge_cells(reading),
        *_budget_cells(reading),
    ]


def _gauge_cells(reading: Reading) -> list[Cell]:
    if reading.fill is None:
        return [Cell(f"{tokens(reading.context)} in context", weight=7)]
    style = _alarm(reading.fill)
    percent = f"{reading.fill:.0%}"
    return [
        Cell(gauge(reading.fill), style, 1),
        Cell(f"{percent:>4} of {tokens(reading.window or 0)}", style, 7),
    ]


def _budget_cells(reading: Reading) -> list[Cell]:
    if reading.tightest is None:
        return []
    left, budget = reading.tightest.left, reading.tightest.budget
    used = 1 - left / budget if budget else 1.0
    warning = "! " if used >= FULL else ""
    return [Cell(f"{warning}{dollars(left)} left{OF[reading.tightest.scope]}", _alarm(used), 8)]


OF: dict[Scope, str] = {
    "request": "",
    "task": " of the task",
    "session": "",
    "day": " today",
    "month": " this month",
    "repository": " here",
}
"""Which budget it is of, when it is not the session's."""


def gauge(fill: float, cells: int = GAUGE_CELLS) -> str:
    """`━━━╌╌╌╌╌`; anything above nothing shows a mark."""
    full = min(max(round(fill * cells), 1 if fill > 0 else 0), cells)
    return "━" * full + "╌" * (cells - full)


def _alarm(fill: float) -> str:
    return "$text-error" if fill >= FULL else "$text-warning" if fill >= NEARLY_FULL else "$text-muted"


class Activity(Line):
    """What goes on, while something does; else an empty line."""

    doing = ""
    hint = ""
    since = 0.0

    def show(self, doing: str, hint: str = "", since: float = 0.0) -> None:
        """`doing` is "" when nothing goes on; else it goes on `since` then, on the monotonic clock."""
        if doing or (doing, hint) != (self.doing, self.hint):
            self.doing, self.hint, self.since = doing, hint, since
            self.refresh()

    def cells(self) -> tuple[list[Cell], list[Cell]]:
        if not self.doing:
            return ([Cell(self.hint)] if self.hint else []), []
        seconds = time.monotonic() - self.since
        frame = SPINNER[int(seconds * 10) % len(SPINNER)]
        room = self.content_size.width - len(self.hint) - BESIDE
        left = [
            Cell(frame, "$text-accent", 9),
            Cell(Content(self.doing).truncate(max(room, 8), ellipsis=True).plain, "$text", 8),
            Cell(duration(seconds), weight=5, width=6),
        ]
        return left, [Cell(self.hint, weight=4)] if self.hint else []


def duration(seconds: float) -> str:
    """`7 s`, `2:05`, `1:02:05`."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _home_shortened(path: Path) -> str:
    home = Path.home()
    text = f"~/{path.relative_to(home)}" if path != home and path.is_relative_to(home) else str(path)
    return one_line(text)

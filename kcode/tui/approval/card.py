"""The card for a call: exactly what will happen, and what may be answered."""

from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from kcode.events import ApprovalAsked, CommandPart
from kcode.tui.approval.ask import Ask, Keys
from kcode.tui.approval.hunks import DiffView, Hunk, hunks_of
from kcode.tui.text.safe import LONGEST_LINE, one_line, safe
from kcode.visible import visible

VERDICTS = {"allow": ("✓", "$text-success"), "ask": ("?", "$text-warning"), "deny": ("✗", "$text-error")}


class ApprovalBar(Ask):
    """Exactly what will happen, and a key for each answer."""

    DEFAULT_CSS = """
    ApprovalBar {
        & .what { text-wrap: nowrap; text-overflow: ellipsis; }
        & .parts { margin-top: 1; }
        & .preview { height: auto; max-height: 30vh; margin-top: 1; scrollbar-size-vertical: 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1,y", "once", "Yes, once"),
        Binding("2,a", "always", "Always"),
        Binding("3,n", "no", "No"),
        Binding("4,p", "like", "The like of it"),
        Binding("left,h", "hunk(-1)", show=False),
        Binding("right,l", "hunk(1)", show=False),
        Binding("space,x", "turn", show=False),
        Binding("up,k", "scroll(-1)", "Up", show=False),
        Binding("down,j", "scroll(1)", "Down", show=False),
        Binding("pageup", "scroll(-10)", "Page up", show=False),
        Binding("pagedown", "scroll(10)", "Page down", show=False),
    ]
    heading = "Allow this?"

    def __init__(self, asked: ApprovalAsked, idle: Callable[[], float], grace: float) -> None:
        super().__init__(asked, idle, grace)
        self.asked: ApprovalAsked = asked

    def compose(self) -> ComposeResult:
        asked = self.asked
        yield Static(Content.styled(one_line(asked.title), "bold"), classes="what")
        yield Static(Content(f"Why: {safe(asked.reason)}"), classes="why")
        with VerticalScroll(classes="preview", can_focus=False):
            yield from preview(asked)
        yield Keys(*self._answers())
        yield Input(placeholder="No. What should it do instead? (Enter alone: just no)", compact=True)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.answer("no", event.value.strip())

    def on_key(self, event: events.Key) -> None:
        if self.has_class("-writing") and event.key == "escape":
            event.stop()
            self.remove_class("-writing")
            self._armed()
        else:
            super().on_key(event)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool:
        return self.is_armed or action not in ("once", "always", "no", "like", "turn")

    def _armed(self) -> None:
        super()._armed()
        if self.asked.hunks:
            self.border_subtitle = f"←→ hunk · Space takes or leaves it · {self.border_subtitle}"

    def _answers(self) -> list[str]:
        taken, asked = self._taken, self.asked
        once = "yes, once" if taken is None else f"yes, {len(taken)} of the {asked.hunks} hunks"
        always = f"always: {safe(asked.always) or 'the like of it'}"
        like = [f"always the like of it: {asked.like}"] if asked.like else []
        return [once, always, "no, and say what instead", *like]

    @property
    def _taken(self) -> tuple[int, ...] | None:
        """The hunks that are wanted; None: all."""
        hunks = list(self.query(Hunk))
        taken = tuple(hunk.number for hunk in hunks if hunk.is_taken)
        return None if len(taken) == len(hunks) else taken

    def action_once(self) -> None:
        if self._taken == ():
            self.action_no()
        else:
            self.answer("once", hunks=self._taken)

    def action_always(self) -> None:
        self.answer("always", hunks=self._taken)

    def action_like(self) -> None:
        if self.asked.like:
            self.answer("like", hunks=self._taken)

    def action_hunk(self, step: int) -> None:
        hunks = list(self.query(Hunk))
        if hunks:
            at = next((n for n, hunk in enumerate(hunks) if hunk.is_pointed), 0 if step < 0 else -1)
            self._point(hunks, (at + step) % len(hunks))

    def action_turn(self) -> None:
        hunks = list(self.query(Hunk))
        if not hunks:
            self.action_scroll(10)
            return
        at = next((n for n, hunk in enumerate(hunks) if hunk.is_pointed), 0)
        hunks[at].turn()
        self._point(hunks, at)
        self.query_one(Keys).say(*self._answers())

    def _point(self, hunks: Sequence[Hunk], at: int) -> None:
        for number, hunk in enumerate(hunks):
            hunk.point(number == at)
        self.query_one(".preview", VerticalScroll).scroll_to_widget(hunks[at], top=True, animate=False)

    def action_no(self) -> None:
        self.border_subtitle = "Enter says no · Esc back"
        self.write()

    def action_scroll(self, lines: int) -> None:
        self.query_one(".preview", VerticalScroll).scroll_relative(y=lines, animate=False)


def preview(asked: ApprovalAsked) -> Iterator[Widget]:
    """The command and its parts, or the diff, every hidden character in it made visible."""
    text = visible(asked.preview).rstrip("\n")
    path = asked.title.rpartition(" ")[2]
    if asked.preview.startswith("@@ ") and all(len(line) <= LONGEST_LINE for line in text.split("\n")):
        found = hunks_of(text)
        if asked.hunks == len(found):
            yield from (Hunk(diff, path, number, len(found)) for number, diff in enumerate(found))
        else:
            yield DiffView(text, path)
        return
    sign = "$ " if asked.name == "shell" else ""
    yield Static(Content.assemble((sign, "$text-muted"), text.expandtabs(4)))
    if len(asked.parts) > 1:
        yield Static(_parts(asked.parts), classes="parts")


def _parts(parts: Sequence[CommandPart]) -> Content:
    """Each part that was seen in a command, and what is thought of it."""
    lines = []
    for part in parts:
        glyph, look = VERDICTS[part.verdict]
        lines.append(
            Content.assemble(
                (f"{glyph} ", look), one_line(part.text), (f"  {one_line(part.reason)}", "$text-muted")
            )
        )
    return Content("\n").join(lines)

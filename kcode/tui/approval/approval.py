"""The user's word: what the engine asks, in the slot above the prompt, one thing at a time.

A key that was meant for the prompt must never approve: nothing is taken in the first half second, nor until the user
has paused in typing; only then the focus moves here, once.
"""

import time
from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Static

from kcode.events import ApprovalAsked, QuestionAsked
from kcode.tui.text.diffview import diff_lines
from kcode.tui.text.flow import Line
from kcode.tui.text.flowing import Flowing
from kcode.tui.text.looks import LOOKS, LOOKS_CSS
from kcode.tui.text.safe import LONGEST_LINE, one_line, safe
from kcode.visible import visible

GRACE = 0.5
"""Seconds after it appeared."""
PAUSE = 1.0
"""Seconds since the last key in the prompt."""

Asked = ApprovalAsked | QuestionAsked


class Ask(Vertical, can_focus=True):
    """What both kinds of questions share: the frame, and the time until a key counts."""

    DEFAULT_CSS = """
    Ask {
        height: auto;
        max-height: 60vh;
        border: round $warning;
        border-title-color: $text-warning;
        border-title-style: bold;
        border-subtitle-color: $text-muted;
        background: $background;
        padding: 0 1;
        & .what { height: auto; color: $text; }
        & .why { height: auto; color: $text-muted; }
        & .keys { height: auto; margin-top: 1; }
        & Input {
            display: none; height: 1; border: none; padding: 0; background: $background;
            &:focus { border: none; background-tint: transparent; }
        }
        &.-writing Input { display: block; }
        &.-writing .keys { display: none; }
    }
    """

    class Answered(Message):
        def __init__(self, id: str, answer: str, words: str = "") -> None:
            super().__init__()
            self.id = id
            self.answer = answer
            self.words = words

    def __init__(self, asked: Asked, idle: Callable[[], float], grace: float) -> None:
        """`idle`: seconds since the user's last key elsewhere."""
        super().__init__()
        self._grace = grace
        self.asked = asked
        self.is_armed = False
        self._idle = idle
        self._since = time.monotonic()

    def on_mount(self) -> None:
        self.arming = self.set_interval(0.1, self._arm)

    def _arm(self) -> None:
        if time.monotonic() - self._since >= self._grace and self._idle() >= PAUSE:
            self.arming.stop()
            self.is_armed = True
            self._armed()

    def _armed(self) -> None:
        self.border_subtitle = "Esc stops the task · Tab back to the prompt"
        self.focus()

    def more(self, waiting: int, of_task: str) -> None:
        """How many questions wait behind this one, and whose it is."""
        whose = f" · {one_line(of_task)}" if of_task else ""
        behind = f" · {waiting} more behind it" if waiting else ""
        self.border_title = f"{self.heading}{whose}{behind}"

    heading = ""

    def write(self) -> None:
        """Ask for words."""
        self.add_class("-writing")
        self.query_one(Input).focus()

    def on_key(self, event: events.Key) -> None:
        if not self.is_armed:
            event.stop()
            event.prevent_default()

    def answer(self, answer: str, words: str = "") -> None:
        self.post_message(self.Answered(self.asked.id, answer, words))


class ApprovalBar(Ask):
    """Exactly what will happen, and three keys."""

    DEFAULT_CSS = """
    ApprovalBar {
        & .what { text-wrap: nowrap; text-overflow: ellipsis; }
        & .preview { height: auto; max-height: 40vh; margin-top: 1; scrollbar-size-vertical: 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1,y", "once", "Yes, once"),
        Binding("2,a", "always", "Always"),
        Binding("3,n", "no", "No"),
        Binding("up,k", "scroll(-1)", "Up", show=False),
        Binding("down,j", "scroll(1)", "Down", show=False),
        Binding("pageup", "scroll(-10)", "Page up", show=False),
        Binding("pagedown,space", "scroll(10)", "Page down", show=False),
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
            yield preview(asked)
        yield Keys(
            "yes, once", f"always: {safe(asked.always) or 'the like of it'}", "no, and say what instead"
        )
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
        return self.is_armed or action not in ("once", "always", "no")

    def action_once(self) -> None:
        self.answer("once")

    def action_always(self) -> None:
        self.answer("always")

    def action_no(self) -> None:
        self.border_subtitle = "Enter says no · Esc back"
        self.write()

    def action_scroll(self, lines: int) -> None:
        self.query_one(".preview", VerticalScroll).scroll_relative(y=lines, animate=False)


class Keys(Widget):
    """What digits answer: in a line where it fits, else each in its own."""

    DEFAULT_CSS = "Keys { height: auto; }"

    def __init__(self, *answers: str) -> None:
        super().__init__(classes="keys")
        self._answers = [
            Content.assemble((f" {digit} ", "reverse"), f" {one_line(text)}")
            for digit, text in enumerate(answers, 1)
        ]

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._lines(width))

    def render(self) -> Content:
        return Content("\n").join(self._lines(self.content_size.width))

    def _lines(self, width: int) -> list[Content]:
        line = Content("    ").join(self._answers)
        if line.cell_length <= width:
            return [line]
        return [answer.truncate(width, ellipsis=True) for answer in self._answers]


def preview(asked: ApprovalAsked) -> Widget:
    """The command or the diff, every hidden character in it made visible."""
    text = visible(asked.preview).rstrip("\n")
    if asked.preview.startswith("@@ ") and all(len(line) <= LONGEST_LINE for line in text.split("\n")):
        return DiffView(text, path=asked.title.rpartition(" ")[2])
    sign = "$ " if asked.name == "shell" else ""
    return Static(Content.assemble((sign, "$text-muted"), text.expandtabs(4)))


class DiffView(Flowing):
    """A unified diff as it is shown in the talk: numbers, signs, colours."""

    COMPONENT_CLASSES = LOOKS
    DEFAULT_CSS = "DiffView { height: auto; }" + LOOKS_CSS

    def __init__(self, diff: str, path: str) -> None:
        super().__init__()
        self._diff, self._path = diff, path

    def laid_out(self, width: int) -> Sequence[Line]:
        return list(diff_lines(self._diff, self._path, width))


class QuestionBar(Ask):
    """What the model wants to know: a digit takes a suggestion, anything else is an answer in words."""

    DEFAULT_CSS = """
    QuestionBar {
        & Input { display: block; margin-top: 1; }
        & .what { max-height: 40vh; }
    }
    """
    heading = "A question for you"

    def __init__(self, asked: QuestionAsked, idle: Callable[[], float], grace: float) -> None:
        super().__init__(asked, idle, grace)
        self.asked: QuestionAsked = asked

    def compose(self) -> ComposeResult:
        yield Static(Content(safe(self.asked.text)), classes="what")
        if self.asked.choices:
            yield Static(self._choices(), classes="keys")
        yield Input(
            placeholder="your own words" if self.asked.choices else "your answer",
            compact=True,
            select_on_focus=False,
        )

    def _choices(self) -> Content:
        lines = [
            Content.assemble((f" {number} ", "reverse"), f" {one_line(choice)}")
            for number, choice in enumerate(self.asked.choices, 1)
        ]
        return Content("\n").join(lines)

    def _armed(self) -> None:
        super()._armed()
        if not self.asked.choices:
            self.query_one(Input).focus()

    def on_key(self, event: events.Key) -> None:
        super().on_key(event)
        if not self.is_armed or self.query_one(Input).has_focus:
            return
        choices = self.asked.choices
        if event.key.isdigit() and 0 < int(event.key) <= len(choices):
            event.stop()
            self.answer(choices[int(event.key) - 1])
        elif event.is_printable and event.character:
            event.stop()
            words = self.query_one(Input)
            words.focus()
            words.insert_text_at_cursor(event.character)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if event.value.strip():
            self.answer(event.value.strip())


class Questions(Vertical):
    """The slot: the first of what is asked is shown, the others wait."""

    DEFAULT_CSS = """
    Questions { height: auto; }
    """

    def __init__(self, idle: Callable[[], float], grace: float = GRACE) -> None:
        super().__init__()
        self._idle = idle
        self._grace = grace
        self._waiting: list[tuple[Asked, str]] = []
        self.bar: Ask | None = None

    def show(self, waiting: Sequence[tuple[Asked, str]]) -> None:
        """All that waits for an answer, in order; with the name of the subtask that asks, "" for the main one."""
        if waiting == self._waiting:
            return
        self._waiting = list(waiting)
        first, task = self._waiting[0] if self._waiting else (None, "")
        if self.bar is not None and self.bar.asked is not first:
            self.bar.remove()
            self.bar = None
        if first is not None and self.bar is None:
            self.bar = _bar(first, self._idle, self._grace)
            self.mount(self.bar)
        if self.bar is not None:
            self.bar.more(len(self._waiting) - 1, task)


def _bar(asked: Asked, idle: Callable[[], float], grace: float) -> Ask:
    match asked:
        case ApprovalAsked():
            return ApprovalBar(asked, idle, grace)
        case QuestionAsked():
            return QuestionBar(asked, idle, grace)

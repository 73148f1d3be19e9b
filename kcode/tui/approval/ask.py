"""What all cards share: a frame, and the time until a key counts.

A key that was meant for the prompt must never approve: nothing is taken in the first half second, nor until the user
has paused in typing; only then the focus moves here, once.
"""

import time
from collections.abc import Callable

from textual import events
from textual.containers import Vertical
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

from kcode.events import ApprovalAsked, QuestionAsked
from kcode.tui.text.safe import one_line

GRACE = 0.5
"""Seconds after it appeared."""
PAUSE = 1.0
"""Seconds since the last key in the prompt."""

Asked = ApprovalAsked | QuestionAsked


class Ask(Vertical, can_focus=True):
    """A card."""

    DEFAULT_CSS = """
    Ask {
        height: auto;
        max-height: 70vh;
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
        def __init__(
            self, id: str, answer: str, words: str = "", hunks: tuple[int, ...] | None = None
        ) -> None:
            super().__init__()
            self.id = id
            self.answer = answer
            self.words = words
            self.hunks = hunks

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

    def answer(self, answer: str, words: str = "", hunks: tuple[int, ...] | None = None) -> None:
        self.post_message(self.Answered(self.asked.id, answer, words, hunks))


class Keys(Widget):
    """What digits answer: in a line where it fits, else each in its own."""

    DEFAULT_CSS = "Keys { height: auto; }"

    def __init__(self, *answers: str) -> None:
        super().__init__(classes="keys")
        self._answers: list[Content] = []
        self.say(*answers)

    def say(self, *answers: str) -> None:
        self._answers = [
            Content.assemble((f" {digit} ", "reverse"), f" {one_line(text)}")
            for digit, text in enumerate(answers, 1)
        ]
        self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._lines(width))

    def render(self) -> Content:
        return Content("\n").join(self._lines(self.content_size.width))

    def _lines(self, width: int) -> list[Content]:
        line = Content("    ").join(self._answers)
        if line.cell_length <= width:
            return [line]
        return [answer.truncate(width, ellipsis=True) for answer in self._answers]

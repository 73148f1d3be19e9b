"""The card for a question."""

from collections.abc import Callable

from textual import events
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Input, Static

from kcode.events import QuestionAsked
from kcode.tui.approval.ask import Ask
from kcode.tui.text.safe import one_line, safe


class QuestionBar(Ask):
    """What the model wants to know: a digit takes a suggestion, anything else is an answer in words."""

    DEFAULT_CSS = """
    QuestionBar {
        & Input { display: block; margin-top: 1; }
        & .what { max-height: 40vh; }
    }
    """
    heading = "A question for you"
    of_kcode = "kcode has stopped, and asks"

    def __init__(self, asked: QuestionAsked, idle: Callable[[], float], grace: float) -> None:
        super().__init__(asked, idle, grace)
        self.asked: QuestionAsked = asked
        if asked.by == "kcode":
            self.heading = self.of_kcode

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

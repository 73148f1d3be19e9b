"""The user's word: what the engine asks, in the slot above the prompt, one thing at a time."""

from collections.abc import Callable, Sequence

from textual.containers import Vertical

from kcode.events import ApprovalAsked, QuestionAsked
from kcode.tui.approval.ask import GRACE, Ask, Asked
from kcode.tui.approval.card import ApprovalBar
from kcode.tui.approval.question import QuestionBar


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

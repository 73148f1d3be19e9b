"""What came of a subtask: a fold over the events of its tree, and the text that its parent reads."""

from dataclasses import dataclass, field

from kcode.events import Event, MessageAdded, Outcome, TaskEnded, TaskStarted
from kcode.messages import Change, Reply, Todo, ToolResult
from kcode.spend.receipt import Receipt

WORDS: dict[Outcome, str] = {
    "done": "done",
    "cancelled": "cancelled by the user",
    "over_budget": "over budget",
    "turn_limit": "stopped at the limit of steps",
    "runaway": "stopped: it went in circles",
    "time_limit": "stopped at the limit of time",
    "needs_approval": "stopped: it needs an approval, and nobody was there",
    "failed": "failed",
}
FILES_NAMED = 20


@dataclass(slots=True)
class Report:
    """A listener of the task and of those below it."""

    task: str
    title: str = ""
    outcome: Outcome | None = None
    """None: it has not come to its end."""
    words: str = ""
    """Its last ones."""
    receipt: Receipt = field(default_factory=Receipt)
    todos: tuple[Todo, ...] = ()

    def __call__(self, event: Event) -> None:
        self.receipt(event)
        if event.task != self.task:
            return
        match event:
            case TaskStarted():
                self.title, self.todos = event.title, event.todos
            case TaskEnded():
                self.outcome = event.outcome
                if event.outcome != "cancelled":  # its own words say more
                    self.words = event.text
            case MessageAdded(message=Reply() as reply):
                self.outcome = None
                self.words = reply.text or self.words
            case MessageAdded(message=ToolResult() as result):
                self.todos = self.todos if result.todos is None else result.todos
            case _:
                pass

    @property
    def changes(self) -> tuple[Change, ...]:
        return tuple(self.receipt.changes.values())

    def text(self) -> str:
        """For the parent's model: outcome, last words, and what kcode itself knows for sure."""
        return "\n".join(line for line in (self._head(), *self._facts(), self._cost()) if line)

    def line(self) -> str:
        """One line for those who come later."""
        files = f" ({', '.join(self.receipt.changes)})" if self.receipt.changes else ""
        return f"- task {self.task}, {self.title}: {WORDS[self.outcome or 'cancelled']}{files}"

    def _head(self) -> str:
        match self.outcome:
            case "done":
                return self.words or "done"
            case None:
                return f"cut off, partial: {self.words or 'nothing was said yet'}"
            case outcome:
                return f"{WORDS[outcome]}, partial: {self.words or 'nothing was said yet'}"

    def _facts(self) -> list[str]:
        named = [f"{c.path} +{c.added} -{c.removed}" for c in self.changes[:FILES_NAMED]]
        more = len(self.changes) - len(named)
        checks = list(self.receipt.checks.told())
        left = [todo.text for todo in self.todos if todo.state != "done"]
        return [
            f"Files changed: {', '.join(named)}{f' and {more} more' if more else ''}" if named else "",
            f"Checks: {', '.join(checks)}" if checks else "",
            f"Left open: {'; '.join(left)}" if left else "",
        ]

    def _cost(self) -> str:
        steps = self.receipt.steps
        return f"Task {self.task}: {self.receipt.total}, {steps} step{'' if steps == 1 else 's'}."

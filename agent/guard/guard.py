"""The guard of one task: it listens, and says when the work goes in circles."""

from dataclasses import dataclass, field

from kcode.agent.guard.signs import BABBLE, SIGNS, babbles
from kcode.agent.guard.steps import Steps
from kcode.events import Event, MessageAdded, Retrying, TextArrived, ThinkingArrived
from kcode.messages import Reply
from kcode.spend.money import dollars


@dataclass(slots=True)
class Guard:
    """A listener of its task."""

    task: str
    seen: Steps = field(init=False)
    _streamed: str = ""
    _looked_at: int = 0
    """Characters of the stream when it was last looked at."""
    _length: int = 0

    def __post_init__(self) -> None:
        self.seen = Steps(self.task)

    def __call__(self, event: Event) -> None:
        self.seen(event)
        if event.task != self.task:
            return
        match event:
            case TextArrived() | ThinkingArrived():
                self._streamed = (self._streamed + event.text)[-2 * BABBLE :]
                self._length += len(event.text)
            case Retrying() | MessageAdded(message=Reply()):
                self._streamed, self._length, self._looked_at = "", 0, 0
            case _:
                pass

    def trouble(self) -> str:
        """What goes in circles, with the money that it has cost; "" when all is well."""
        steps = self.seen.steps
        if not steps:
            return ""
        found = next((words for sign in SIGNS if (words := sign(steps))), "")
        return self._told(found) if found else ""

    def babbles(self) -> bool:
        """Whether the reply that arrives says the same over and over. Cheap: it looks now and then."""
        if self._length - self._looked_at < BABBLE:
            return False
        self._looked_at = self._length
        return babbles(self._streamed)

    def forget(self) -> None:
        """The user has looked at it: what was before is no sign any more."""
        self.seen.forget()

    def _told(self, found: str) -> str:
        steps = self.seen.steps
        last = max((i for i, step in enumerate(steps) if step.changed), default=-1)
        quiet = steps[last + 1 :]
        money = dollars(sum(step.micro_dollars for step in quiet))
        count = f"{len(quiet)} step{'' if len(quiet) == 1 else 's'}, {money}, nothing changed"
        return (
            f"It seems to go in circles: {found} ({count})."
            if quiet
            else f"It seems to go in circles: {found}."
        )

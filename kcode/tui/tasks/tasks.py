"""What is known of the tasks that were delegated, as a fold over events."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from kcode.events import (
    MAIN,
    Answered,
    ApprovalAsked,
    Event,
    MessageAdded,
    ModeChanged,
    QuestionAsked,
    Spent,
    TaskEnded,
    TaskStarted,
    ToolStarted,
)
from kcode.messages import Prompt
from kcode.spend.total import Total

Condition = Literal["running", "asking", "done", "cancelled", "failed"]
WORDS: dict[str, Condition] = {"done": "done", "cancelled": "cancelled"}


@dataclass(slots=True)
class Delegated:
    """A subtask."""

    id: str
    parent: str
    title: str
    mode: str
    model: str
    began: float
    """Seconds since the epoch."""
    folder: str = ""
    """Its own worktree."""
    ended: float | None = None
    outcome: str = ""
    """"" while it runs."""
    doing: str = ""
    is_asking: bool = False
    total: Total = field(default_factory=Total)
    """Its own, without those below it."""

    @property
    def depth(self) -> int:
        return self.id.count(".")

    @property
    def condition(self) -> Condition:
        if self.outcome:
            return WORDS.get(self.outcome, "failed")
        return "asking" if self.is_asking else "running"


@dataclass(slots=True)
class Tasks:
    known: dict[str, Delegated] = field(default_factory=dict)

    def hear(self, event: Event, at: float) -> None:
        """`at`: when it happened, in seconds since the epoch."""
        if isinstance(event, TaskStarted):
            self._begin(event, at)
        task = self.known.get(event.task)
        if task is None:
            return
        match event:
            case TaskEnded():
                task.outcome, task.ended, task.doing, task.is_asking = event.outcome, at, "", False
            case ModeChanged():
                task.mode, task.model = event.mode, event.model
            case ToolStarted():
                task.doing = event.title
            case ApprovalAsked() | QuestionAsked():
                task.is_asking = True
            case Answered():
                task.is_asking = False
            case Spent():
                task.total += Total.of(event.spend)
            case MessageAdded(message=Prompt() as prompt) if not task.title:
                task.title = prompt.text.strip().split("\n")[0]
            case _:
                pass

    def in_order(self) -> list[Delegated]:
        """Each behind the one that gave it."""
        return sorted(self.known.values(), key=lambda task: [int(part) for part in task.id.split(".")])

    def with_all_below(self, id: str) -> Total:
        """What a task and those below it cost."""
        return sum((task.total for task in self._below(id)), Total())

    @property
    def running(self) -> int:
        return sum(not task.outcome for task in self.known.values())

    def leave(self) -> None:
        """Those that the past has left running do so no more."""
        for task in self.known.values():
            task.outcome = task.outcome or "stopped"

    def _below(self, id: str) -> Iterator[Delegated]:
        return (task for task in self.known.values() if task.id == id or task.id.startswith(f"{id}."))

    def _begin(self, event: TaskStarted, at: float) -> None:
        if event.parent is None or event.task == MAIN:
            return
        known = self.known.get(event.task)
        if known is not None:  # it goes on
            known.outcome, known.ended, known.mode, known.model = "", None, event.mode, event.model
            known.began = at
            return
        self.known[event.task] = Delegated(
            id=event.task,
            parent=event.parent,
            title=event.title,
            mode=event.mode,
            model=event.model,
            began=at,
            folder=event.folder,
        )

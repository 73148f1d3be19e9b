"""The receipt of a piece of work: a fold over events, and how it is printed."""

import time
from dataclasses import dataclass, field

from kcode.events import Event, MessageAdded, Spent
from kcode.messages import Change, Reply, ToolResult
from kcode.spend.money import tokens
from kcode.spend.total import Total


@dataclass(slots=True)
class Receipt:
    """A listener: what was done since it began to listen."""

    total: Total = field(default_factory=Total)
    steps: int = 0
    models: list[str] = field(default_factory=list)
    changes: dict[str, Change] = field(default_factory=dict)
    """Path -> sum of the changes of that file; its `diff` is that of the last one."""
    began: float = field(default_factory=time.monotonic)

    def __call__(self, event: Event) -> None:
        match event:
            case Spent():
                self.total += Total.of(event.spend)
            case MessageAdded(message=Reply() as reply):
                self.steps += 1
                if reply.model not in self.models:
                    self.models.append(reply.model)
            case MessageAdded(message=ToolResult() as result):
                for change in result.changes:
                    self._change(change)
            case _:
                pass

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    def line(self) -> str:
        """One line for people: `~$0.0146 · 7 steps · 11.2k tokens in (84% cached), 326 out · 2 files changed · 12 s`,
        and the models."""
        usage = self.total.usage
        parts = [
            str(self.total),
            _counted(self.steps, "step"),
            f"{tokens(usage.input)} tokens in ({self.total.cache_share:.0%} cached), {tokens(usage.output)} out",
            *([_counted(len(self.changes), "file") + " changed"] if self.changes else []),
            f"{self.seconds:.0f} s",
            *self.models,
        ]
        return " · ".join(parts)

    def _change(self, change: Change) -> None:
        before = self.changes.get(change.path)
        added, removed = (before.added, before.removed) if before else (0, 0)
        kind = "created" if before and before.kind == "created" else change.kind
        self.changes[change.path] = change.model_copy(
            update={"added": added + change.added, "removed": removed + change.removed, "kind": kind}
        )


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"

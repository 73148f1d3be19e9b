"""The receipt of a piece of work: a fold over events, and how it is printed."""

import time
from dataclasses import dataclass, field

from kcode.events import Event, MessageAdded, Spent
from kcode.messages import Change, Record, Reply, ToolResult, Usage
from kcode.spend.money import dollars, tokens


class Total(Record):
    """Money of several requests."""

    micro_dollars: int = 0
    """Of those whose price is known."""
    is_estimate: bool = False
    """Some were cut or cancelled, and counted from what was heard."""
    unknown: int = 0
    """Requests whose price is unknown: the sum is at least `micro_dollars`."""
    requests: int = 0
    usage: Usage = Usage()

    def __str__(self) -> str:
        if self.unknown and not self.micro_dollars:
            return "$?"
        return dollars(self.micro_dollars, is_estimate=self.is_estimate, is_at_least=self.unknown > 0)

    @property
    def cache_share(self) -> float:
        """Of the input, what came out of the provider's cache: 0 to 1."""
        return self.usage.cached / self.usage.input if self.usage.input else 0.0


@dataclass(slots=True)
class Receipt:
    """A listener: what was done since it began to listen."""

    total: Total = Total()
    steps: int = 0
    models: list[str] = field(default_factory=list)
    changes: dict[str, Change] = field(default_factory=dict)
    """Path -> sum of the changes of that file; its `diff` is that of the last one."""
    began: float = field(default_factory=time.monotonic)

    def __call__(self, event: Event) -> None:
        match event:
            case Spent():
                self._add(event)
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
        """One line for people: `~$0.0146 · 7 steps · 11.2k tokens in (84% cached), 326 out · 2 files · 12 s · model`."""
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

    def _add(self, event: Spent) -> None:
        total, spend = self.total, event.spend
        known = spend.micro_dollars is not None
        self.total = Total(
            micro_dollars=total.micro_dollars + (spend.micro_dollars or 0),
            is_estimate=total.is_estimate or spend.state == "estimated",
            unknown=total.unknown + (not known),
            requests=total.requests + 1,
            usage=total.usage + spend.usage,
        )

    def _change(self, change: Change) -> None:
        before = self.changes.get(change.path)
        added, removed = (before.added, before.removed) if before else (0, 0)
        kind = "created" if before and before.kind == "created" else change.kind
        self.changes[change.path] = change.model_copy(
            update={"added": added + change.added, "removed": removed + change.removed, "kind": kind}
        )


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"

"""The receipt of a piece of work: a fold over events, and how it is printed."""

import re
import time
from dataclasses import dataclass, field

from kcode.events import Event, MessageAdded, Spent, TaskEnded
from kcode.messages import Change, Reply, ToolResult
from kcode.spend.checks import Checks
from kcode.spend.money import tokens
from kcode.spend.total import Total
from kcode.visible import escaped


@dataclass(slots=True)
class Receipt:
    """A listener: what was done since it began to listen."""

    total: Total = field(default_factory=Total)
    steps: int = 0
    models: list[str] = field(default_factory=list)
    changes: dict[str, Change] = field(default_factory=dict)
    """Path -> sum of the changes of that file; its `diff` is that of the last one."""
    stopped: int = 0
    """Processes that a cancel has ended."""
    checks: Checks = field(default_factory=Checks)
    began: float = field(default_factory=time.monotonic)
    took: float | None = None
    """Seconds, of work that is over; None: it goes on since it began."""

    def __call__(self, event: Event) -> None:
        self.checks(event)
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
            case TaskEnded():
                self.stopped += event.stopped
            case _:
                pass

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began if self.took is None else self.took

    def line(self) -> str:
        """One line for people: `~$0.0146 · 7 steps · 11.2k tokens in (84% cached), 326 out · 2 files changed ·
        `pytest -q` passed · 12 s`, and the models."""
        parts = [
            str(self.total),
            _counted(self.steps, "step"),
            self._tokens(),
            *([_counted(len(self.changes), "file") + " changed"] if self.changes else []),
            *self.outcomes(),
            f"{self.seconds:.0f} s",
            *self.models,
        ]
        return " · ".join(parts)

    def outcomes(self) -> list[str]:
        """Of what was checked, in few words: one check by its name, several counted."""
        if len(self.checks.went) <= 1:
            return list(self.checks.told())
        passed = sum(self.checks.went.values())
        failed = len(self.checks.went) - passed
        counts = [f"{passed} passed" * bool(passed), f"{failed} failed" * bool(failed)]
        return ["checks: " + ", ".join(filter(None, counts))]

    def markdown(self, title: str = "") -> str:
        """A table for the text of a pull request."""
        rows = {
            "cost": f"{self.total}, {_counted(self.steps, 'step')}",
            "tokens": self._tokens(),
            "models": ", ".join(map(_code, self.models)),
            "files": ", ".join(f"{_code(c.path)} +{c.added} -{c.removed}" for c in self.changes.values()),
            "checks": ", ".join(f"{_code(name)} {_went(ok)}" for name, ok in self.checks.went.items()),
            "time": f"{self.seconds:.0f} s" if self.seconds else "",
        }
        head = f"**{_plain(title)}** · " if title else ""
        lines = [f"{head}worked on with kcode", "", "| | |", "|---|---|"]
        return "\n".join([*lines, *(f"| {name} | {told} |" for name, told in rows.items() if told), ""])

    def _tokens(self) -> str:
        usage = self.total.usage
        return f"{tokens(usage.input)} tokens in ({self.total.cache_share:.0%} cached), {tokens(usage.output)} out"

    def _change(self, change: Change) -> None:
        before = self.changes.get(change.path)
        added, removed = (before.added, before.removed) if before else (0, 0)
        kind = "created" if before and before.kind == "created" else change.kind
        self.changes[change.path] = change.model_copy(
            update={"added": added + change.added, "removed": removed + change.removed, "kind": kind}
        )


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _went(ok: bool) -> str:
    return "passed" if ok else "**failed**"


def _code(text: str) -> str:
    """In a cell of a table, whatever it holds."""
    told = escaped(text).replace("|", "\\|").replace("`", "'")
    return f"`{told}`"


def _plain(text: str) -> str:
    """Words, that are no markup."""
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", escaped(text))

"""Signs of life of the tasks of a session, and whether the prefix that they share is in the providers' caches."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from kcode.events import (
    ApprovalAsked,
    CallArrived,
    Event,
    ModeChanged,
    QuestionAsked,
    TaskStarted,
    TextArrived,
    ThinkingArrived,
)


@dataclass(slots=True)
class Pulse:
    """A listener of all tasks."""

    limit: float
    """Seconds of silence after which the user is told."""
    _heard_at: dict[str, float] = field(default_factory=dict)
    _is_asking: dict[str, bool] = field(default_factory=lambda: defaultdict(bool))
    _models: dict[str, str] = field(default_factory=dict)
    """Task -> the model that it talks to."""
    _warm: dict[str, asyncio.Event] = field(default_factory=lambda: defaultdict(asyncio.Event))
    """Model -> whether it has read the shared prefix."""
    _asked: set[str] = field(default_factory=set)
    """Models that somebody has asked first."""

    def __call__(self, event: Event) -> None:
        for id in upwards(event.task):
            self._heard_at[id] = time.monotonic()
            self._is_asking[id] = isinstance(event, ApprovalAsked | QuestionAsked)
        match event:
            case TaskStarted():
                self._models[event.task] = event.model
            case ModeChanged():
                if (before := self._models.get(event.task, event.model)) != event.model:
                    self.warmed(before)  # it may have been the first, and will not ask that one any more
                self._models[event.task] = event.model
            case TextArrived() | ThinkingArrived() | CallArrived() if event.task in self._models:
                self.warmed(self._models[event.task])
            case _:
                pass

    def patience(self, id: str) -> float:
        """Seconds until the next look at whether it is silent."""
        return max(self.limit - self._silent(id) % self.limit, 0.05)

    def silence(self, id: str) -> float:
        """Seconds without a sign of life, when these are too many; else 0. Who waits for the user is not silent."""
        silent = self._silent(id)
        return silent if silent >= self.limit and not self._is_asking[id] else 0.0

    async def when_warm(self, model: str) -> None:
        """The first one's request writes the shared prefix into the provider's cache; the others wait for its first
        token, and read it. The first one says by `warmed` when it came to nothing, too."""
        if model in self._asked:
            await self._warm[model].wait()
        self._asked.add(model)

    def warmed(self, model: str) -> None:
        self._asked.add(model)
        self._warm[model].set()

    def _silent(self, id: str) -> float:
        return time.monotonic() - self._heard_at.setdefault(id, time.monotonic())


def upwards(id: str) -> Iterator[str]:
    """`1.2` and `1` of `1.2`."""
    parts = id.split(".")
    return (".".join(parts[:count]) for count in range(len(parts), 0, -1))

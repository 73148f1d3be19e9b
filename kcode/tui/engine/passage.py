"""From the engine's thread to the screen's: what happened, in order, merged where nobody would see the difference."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from kcode.events import BaseEvent, CallArrived, Event, OutputArrived, TextArrived, ThinkingArrived

OUTPUT_KEPT = 256_000
"""Characters of one call's output that wait for a screen that does not keep up; of more, the end is kept."""

Piece = TextArrived | ThinkingArrived | CallArrived | OutputArrived
T = TypeVar("T")


@dataclass(slots=True)
class _Pieces:
    """Passing events that become one."""

    first: Piece
    texts: deque[str] = field(default_factory=deque)
    length: int = 0

    def add(self, piece: Piece) -> None:
        self.texts.append(piece.text)
        self.length += len(piece.text)
        if isinstance(piece, OutputArrived):
            while self.length - len(self.texts[0]) >= OUTPUT_KEPT:
                self.length -= len(self.texts.popleft())

    def joined(self) -> Piece:
        return self.first.model_copy(update={"text": "".join(self.texts)})


class Passage(Generic[T]):
    """`put` by one thread, `take` by another. Logged events and words of other kinds (T) are never lost or merged.

    A terminal that stands still for an hour costs no memory: text is bounded by what a model may say, output by
    OUTPUT_KEPT a call.
    """

    def __init__(self, news: Callable[[], None] = lambda: None) -> None:
        """`news` is called, in the thread of `put`, when there is something to take again."""
        self._news = news
        self._lock = threading.Lock()
        self._waiting: list[Event | T | _Pieces] = []
        self._open: dict[tuple[str, ...], tuple[tuple[object, ...], _Pieces]] = {}
        """Stream (of a task's model, or of one call) -> what it is in the middle of."""

    def put(self, told: Event | T) -> None:
        """A listener: quick, and never blocks for longer than a `take` takes."""
        with self._lock:
            is_first = not self._waiting
            match told:
                case TextArrived() | ThinkingArrived():
                    self._add((told.task,), (told.type,), told)
                case CallArrived():
                    self._add((told.task,), (told.type, told.index), told)
                case OutputArrived():
                    self._add((told.task, told.call_id), (), told)
                case _:
                    self._waiting.append(told)
                    if isinstance(told, BaseEvent):
                        self._open.clear()
        if is_first:
            self._news()

    def take(self) -> list[Event | T]:
        """All that came since the last time, in order."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
            self._open.clear()
        return [told.joined() if isinstance(told, _Pieces) else told for told in waiting]

    def _add(self, stream: tuple[str, ...], kind: tuple[object, ...], piece: Piece) -> None:
        held = self._open.get(stream)
        if held is None or held[0] != kind:
            held = (kind, _Pieces(piece))
            self._open[stream] = held
            self._waiting.append(held[1])
        held[1].add(piece)

"""What a wire is: the shape in which requests are read and replies are written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from kcode.scripted.asked import Asked
from kcode.scripted.invoice import Usage
from kcode.scripted.reply import Reply

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Delta:
    """A stretch of the stream that carries `size` bytes of the part with this index."""

    data: bytes
    index: int
    size: int


@dataclass(frozen=True, slots=True)
class Bill:
    """What a reply says about its tokens; `dollars` only when the provider tells its price."""

    usage: Usage
    dollars: float | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error as a wire words it."""

    status: int
    body: Json


class Wire(Protocol):
    """Two implement it: OpenAI's chat completions and Anthropic's messages. A `bill` of None is not told."""

    name: str

    def read(self, body: Json) -> Asked:
        """The request; any exception means that it makes no sense."""

    def flaw(self, body: Json) -> str | None:
        """What the real provider would answer with 400, in its words."""

    def opening(self, reply: Reply, bill: Bill | None) -> bytes:
        """The events before the first delta."""

    def deltas(self, reply: Reply) -> Iterator[Delta]:
        """The reply, piece by piece."""

    def closing(self, reply: Reply, bill: Bill | None) -> bytes:
        """The events after the last delta."""

    def whole(self, reply: Reply, bill: Bill | None) -> Json:
        """The reply in one object."""

    def refusal(self, kind: str, message: str | None = None, model: str = "") -> Refusal:
        """The error of a kind; `bad_request` is the one whose message is ours."""

    def error_event(self, refusal: Refusal) -> bytes:
        """An error inside a stream."""

    def models(self, names: list[str]) -> Json:
        """The list of models."""


def event(data: Json, name: str | None = None) -> bytes:
    """One server-sent event."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(data, ensure_ascii=False)}\n\n".encode()

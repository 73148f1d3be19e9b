"""A reply: the parts a step of the scenario becomes, before any wire gives them its shape.

**A part has ceil(bytes / 4) tokens**, the bytes of its name and its text; so has what was sent of a part.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Literal

from kcode.scripted.blocks import tokens_in
from kcode.scripted.scenario import Call, Step

Stop = Literal["end", "calls", "length", "refused"]


@dataclass(frozen=True, slots=True)
class Part:
    """Thinking, text or a call; the text of a call is its arguments."""

    kind: Literal["thinking", "text", "call"]
    text: str
    name: str = ""
    id: str = ""

    @property
    def size(self) -> int:
        return len((self.name + self.text).encode())


@dataclass(frozen=True, slots=True)
class Reply:
    """What is to be sent. `stop_word` replaces the wire's own word for the stop."""

    id: str
    model: str
    parts: tuple[Part, ...]
    stop: Stop
    chunk: int = 24
    stop_word: str | None = None

    def of(self, kind: str) -> list[Part]:
        return [part for part in self.parts if part.kind == kind]

    def text(self, kind: str) -> str:
        return "".join(part.text for part in self.of(kind))


class Sent:
    """How much of a reply was sent, in tokens."""

    def __init__(self, reply: Reply) -> None:
        self._parts = reply.parts
        self._sizes = [0] * len(reply.parts)

    def add(self, index: int, size: int) -> None:
        self._sizes[index] += size

    def add_all(self) -> None:
        self._sizes = [part.size for part in self._parts]

    @property
    def output(self) -> int:
        return sum(map(tokens_in, self._sizes))

    @property
    def reasoning(self) -> int:
        pairs = zip(self._parts, self._sizes, strict=True)
        return sum(tokens_in(size) for part, size in pairs if part.kind == "thinking")


def compose(step: Step, values: dict[str, str], model: str, seed: str) -> Reply:
    """The reply of a step. Its ids come from the seed."""
    parts = [Part("thinking", fill(step.thinking, values)), Part("text", fill(step.text, values))]
    calls = [spoken(call, values, f"call_{digest(seed, str(n))}") for n, call in enumerate(step.calls)]
    return Reply(
        id=digest(seed),
        model=model,
        parts=(*(part for part in parts if part.text), *calls),
        stop="calls" if calls else "end",
        chunk=step.chunk,
        stop_word=step.stop,
    )


def spoken(call: Call, values: dict[str, str], id: str) -> Part:
    """A call as a part."""
    arguments = fill(call.arguments, values)
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    return Part("call", text, call.name, call.id or id)


def fill(value: Any, values: dict[str, str]) -> Any:
    """The value with each `{{name}}` replaced in all its strings."""
    if isinstance(value, str):
        for name, text in values.items():
            value = value.replace("{{" + name + "}}", text)
        return value
    if isinstance(value, dict):
        return {key: fill(inner, values) for key, inner in value.items()}
    if isinstance(value, list):
        return [fill(inner, values) for inner in value]
    return value


def cut(reply: Reply, tokens: int) -> Reply:
    """The reply as it is when it may not be longer than so many tokens; itself when it is not."""
    kept: list[Part] = []
    for part in reply.parts:
        room = tokens - sum(tokens_in(earlier.size) for earlier in kept)
        if tokens_in(part.size) > room:
            return replace(reply, parts=(*kept, *shortened(part, room * 4)), stop="length", stop_word=None)
        kept.append(part)
    return reply


def shortened(part: Part, size: int) -> Sequence[Part]:
    """The beginning of a part, of at most so many bytes; no part when not even its name fits."""
    room = size - len(part.name.encode())
    if room <= 0:
        return ()
    return (replace(part, text=part.text.encode()[:room].decode(errors="ignore")),)


def pieces(text: str, chunk: int) -> Iterator[str]:
    """The text in deltas of so many characters."""
    return (text[at : at + chunk] for at in range(0, len(text), chunk))


def sign(thinking: str) -> str:
    """The signature of a thinking block; found without a memory, so that any history can be checked."""
    return b64encode(sha256(b"scripted thinking:" + thinking.encode()).digest()).decode()


def digest(*seeds: str) -> str:
    """A short name made of the seeds."""
    return sha256("\0".join(seeds).encode()).hexdigest()[:20]

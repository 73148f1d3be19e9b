"""What arrives while a model answers: the closed union `Delta`, and `Heard`, its fold into a `Reply`."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Field

from kcode.messages import Record, Reply, ToolCall, Usage

Stop = Literal["end", "calls", "length", "refused", "cancelled"]


class TextDelta(Record):
    type: Literal["text"] = "text"
    text: str


class ThinkingDelta(Record):
    """For show. What must go back to the provider comes as a `ThinkingBlock`."""

    type: Literal["thinking"] = "thinking"
    text: str


class ThinkingBlock(Record):
    """A complete block, as the provider wants it back."""

    type: Literal["block"] = "block"
    block: dict[str, Any]


class CallDelta(Record):
    """A piece of a call. The first one of a call has its id and name, if the provider gave any."""

    type: Literal["call"] = "call"
    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""
    extra: dict[str, Any] | None = None


class UsageDelta(Record):
    """What the provider itself counted; each one replaces the one before."""

    type: Literal["usage"] = "usage"
    usage: Usage
    reported_micro_dollars: int | None = None
    is_partial: bool = False
    """Told before the end: the input is exact, the output is not."""


class FinishDelta(Record):
    """The last one of an answer that is whole."""

    type: Literal["finish"] = "finish"
    stop: Stop
    response_id: str = ""


Delta = Annotated[
    TextDelta | ThinkingDelta | ThinkingBlock | CallDelta | UsageDelta | FinishDelta,
    Field(discriminator="type"),
]


@dataclass(slots=True)
class _Call:
    id: str
    name: str
    extra: dict[str, Any] | None
    arguments: list[str]


@dataclass(slots=True)
class Heard:
    """What was heard of an answer so far."""

    usage: Usage | None = None
    """None: the provider has said nothing about tokens."""
    reported_micro_dollars: int | None = None
    is_partial: bool = True
    """Whether `usage` may still grow, or is missing."""
    stop: Stop | None = None
    """None: the answer is not whole."""
    response_id: str = ""
    characters: int = 0
    """Of text, thinking and arguments, for estimates of the output."""
    thinking: tuple[dict[str, Any], ...] = ()
    _text: list[str] = field(default_factory=list)
    _calls: list[_Call] = field(default_factory=list)
    _slots: dict[int, _Call] = field(default_factory=dict)

    def add(self, delta: Delta) -> None:
        match delta:
            case TextDelta():
                self._text.append(delta.text)
                self.characters += len(delta.text)
            case ThinkingDelta():
                self.characters += len(delta.text)
            case ThinkingBlock():
                self.thinking += (delta.block,)
            case CallDelta():
                self._add_call(delta)
            case UsageDelta():
                self.usage, self.is_partial = delta.usage, delta.is_partial
                self.reported_micro_dollars = delta.reported_micro_dollars
            case FinishDelta():
                self.stop, self.response_id = delta.stop, delta.response_id

    @property
    def text(self) -> str:
        return "".join(self._text)

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """Every call has an id of its own: a missing or repeated one is made up from its place."""
        ids: set[str] = set()
        calls = []
        for place, call in enumerate(self._calls, 1):
            id = call.id if call.id and call.id not in ids else _free_id(f"call_{place}", ids)
            ids.add(id)
            arguments = "".join(call.arguments) or "{}"
            calls.append(ToolCall(id=id, name=call.name, arguments=arguments, extra=call.extra))
        return tuple(calls)

    def reply(self, model: str) -> Reply:
        """What was said by `model`, the kcode spelling of it; `cancelled` when the answer is not whole."""
        return Reply(
            text=self.text,
            thinking=self.thinking,
            calls=self.calls,
            usage=self.usage or Usage(),
            model=model,
            stop=self.stop or "cancelled",
        )

    def _add_call(self, delta: CallDelta) -> None:
        self.characters += len(delta.arguments)
        call = self._slots.get(delta.index)
        if call is None or _opens_another(call, delta):
            call = self._slots[delta.index] = _Call(delta.id, delta.name, delta.extra, [])
            self._calls.append(call)
        call.id, call.name = call.id or delta.id, call.name or delta.name
        call.extra = call.extra or delta.extra
        call.arguments.append(delta.arguments)


def _opens_another(call: _Call, delta: CallDelta) -> bool:
    """Servers exist that give every call the index 0, with a new id, or with no id but the name again."""
    if delta.id and call.id:
        return delta.id != call.id
    return bool(delta.name and call.name and "".join(call.arguments))


def _free_id(wanted: str, taken: set[str]) -> str:
    return wanted if wanted not in taken else _free_id(wanted + "x", taken)


OPENED, CLOSED = "<think>", "</think>"


@dataclass(slots=True)
class ThinkTags:
    """Splits the text of local servers, which begin it with `<think>...</think>`, while it arrives.

    Tags count only at the very beginning of an answer: later they are text that somebody wrote about tags.
    """

    _state: Literal["before", "inside", "leaving", "behind"] = "before"
    _held: str = ""

    def split(self, text: str) -> Iterator[TextDelta | ThinkingDelta]:
        """What is certain by now; the rest is held until it is."""
        text, self._held = self._held + text, ""
        if self._state == "before":
            text = self._enter(text)
        if self._state == "inside":
            thought, text = self._leave(text)
            if thought:
                yield ThinkingDelta(text=thought)
        if self._state == "leaving":
            text = text.lstrip("\n")
            self._state = "behind" if text else "leaving"
        if self._state == "behind" and text:
            yield TextDelta(text=text)

    def rest(self) -> Iterator[TextDelta | ThinkingDelta]:
        """What is still held when the answer ends."""
        text, self._held = self._held, ""
        if text:
            yield ThinkingDelta(text=text) if self._state == "inside" else TextDelta(text=text)

    def _enter(self, text: str) -> str:
        start = text.lstrip()
        if start.startswith(OPENED):
            self._state = "inside"
            return start[len(OPENED) :]
        if OPENED.startswith(start):
            self._held = text
            return ""
        self._state = "behind"
        return text

    def _leave(self, text: str) -> tuple[str, str]:
        """(thought, text behind it)"""
        thought, tag, behind = text.partition(CLOSED)
        if tag:
            self._state = "leaving"
            return thought, behind
        held = _length_of_a_begun_tag(text)
        self._held = text[len(text) - held :]
        return text[: len(text) - held], ""


def _length_of_a_begun_tag(text: str) -> int:
    return next((n for n in range(len(CLOSED) - 1, 0, -1) if text.endswith(CLOSED[:n])), 0)


FIRST_HALVES = ("\ud800", "\udbff")


@dataclass(slots=True)
class Surrogates:
    """Joins the halves of a character that arrive in two pieces, and replaces a half that stays alone."""

    _held: str = ""

    def joined(self, text: str) -> str:
        text, self._held = self._held + text, ""
        if text.isascii():
            return text
        if FIRST_HALVES[0] <= text[-1] <= FIRST_HALVES[1]:
            text, self._held = text[:-1], text[-1]
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

"""The blocks of one task, while it is told."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from kcode.events import CallArrived, TextArrived, ThinkingArrived
from kcode.messages import Reply
from kcode.tui.transcript.block import Block, Call, Replied, Said, Thought

Keys = Iterator[int]

LAST = 300
"""Characters in which the last line is looked for."""


class Telling:
    """What is told of one task, and which of it is only heard so far."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self._heard: dict[str, int] = {}
        """Kind, or place of the call, -> key of a block of the reply that is still on its way."""

    def append(self, block: Block) -> "Place":
        self.blocks.append(block)
        return Place(self, block.key)

    def index(self, key: int) -> int | None:
        """Where the block with this key is: nearly always among the last."""
        return next((i for i in reversed(range(len(self.blocks))) if self.blocks[i].key == key), None)

    def hear(self, event: TextArrived | ThinkingArrived | CallArrived, keys: Keys) -> None:
        kind = str(event.index) if isinstance(event, CallArrived) else event.type
        place = Place(self, self._heard[kind]) if kind in self._heard else None
        match place and place.block:
            case Replied() | Thought() as block if place:
                place.change(text=block.text + event.text)
            case Call() as call if place:
                place.change(written=call.written + len(event.text))
            case _ if isinstance(event, CallArrived) or event.text.strip():
                self._begin(kind, _begun(event, next(keys)))

    def _begin(self, kind: str, block: Block) -> None:
        """Thinking stands before the words, however they came: so it is stored."""
        self._heard[kind] = block.key
        words = self._heard.get("text_arrived")
        before = self.index(words) if words is not None and isinstance(block, Thought) else None
        self.blocks.insert(len(self.blocks) if before is None else before, block)

    def forget(self) -> dict[str, int]:
        """What was heard of a reply is void. The keys it had."""
        heard, self._heard = self._heard, {}
        for key in heard.values():
            index = self.index(key)
            if index is not None:
                del self.blocks[index]
        return heard

    def last_line(self) -> str:
        """Of the words that are on their way."""
        last = self.blocks[-1] if self.blocks else None
        return last.text[-LAST:].strip().rpartition("\n")[2] if isinstance(last, Replied) else ""

    def rewind(self, prompts: int) -> None:
        """So many of the user's prompts, and all behind the first of them, were never said."""
        said = [place for place, block in enumerate(self.blocks) if isinstance(block, Said)]
        if prompts and said:
            del self.blocks[said[max(len(said) - prompts, 0)] :]

    def settle(self, reply: Reply, keys: Keys) -> "Iterator[tuple[str, Place]]":
        """The reply is there: it takes the place of what was heard. The ids of its calls, and where they are."""
        heard = self.forget()

        def key(kind: str) -> int:
            return heard[kind] if kind in heard else next(keys)

        thoughts = "\n\n".join(words for words in _words(reply.thinking) if words.strip())
        if thoughts:
            self.append(Thought(key=key("thinking_arrived"), text=thoughts))
        if reply.text.strip():
            self.append(Replied(key=key("text_arrived"), text=reply.text))
        for index, call in enumerate(reply.calls):
            title = f"{call.name} {call.arguments}" if call.arguments.strip("{} \n") else call.name
            block = Call(key=key(str(index)), name=call.name, title=title, state="waiting")
            yield call.id, self.append(block)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a block is; it may be gone."""

    telling: Telling
    key: int

    @property
    def block(self) -> Block | None:
        index = self.telling.index(self.key)
        return None if index is None else self.telling.blocks[index]

    def become(self, block: Block) -> "Place | None":
        """Another block in its place."""
        index = self.telling.index(self.key)
        if index is None:
            return None
        self.telling.blocks[index] = block
        return Place(self.telling, block.key)

    def change(self, **changes: Any) -> None:
        """Another value with these fields changed."""
        index = self.telling.index(self.key)
        if index is not None:
            self.telling.blocks[index] = replace(self.telling.blocks[index], **changes)


def _begun(event: TextArrived | ThinkingArrived | CallArrived, key: int) -> Block:
    match event:
        case TextArrived():
            return Replied(key=key, text=event.text, is_open=True)
        case ThinkingArrived():
            return Thought(key=key, text=event.text, is_open=True)
        case CallArrived():
            return Call(key=key, name=event.name, title=event.name, state="writing", written=len(event.text))


def _words(thinking: object) -> Iterator[str]:
    """What can be read of a provider's blocks, whatever it calls it; not its signatures."""
    match thinking:
        case str():
            yield thinking
        case list() | tuple():
            for part in thinking:
                yield from _words(part)
        case dict():
            for name in ("thinking", "text", "summary", "content", "reasoning_details", "reasoning_items"):
                yield from _words(thinking.get(name))
        case _:
            pass

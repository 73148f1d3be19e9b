"""What stands in a conversation, message by message, as it is sent again with each request: a fold over events.

It follows the conversation (`agent/task.py`) and keeps sizes alone. Tokens are estimated: four characters each.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from kcode.events import Condensed, Event, MessageAdded, ResultsDropped, Rewound, Uncondensed
from kcode.messages import Message, Prompt, Reply, ToolResult, Usage

CHARACTERS_PER_TOKEN = 4
LARGE = 500
"""Tokens from which on a result is worth dropping: as in `agent/room.py`."""
FRESH_STEPS = 2
"""The newest, whose results stay."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A message."""

    tokens: int
    tool: str = ""
    """Whose result it is; "": none."""
    call_id: str = ""
    is_reply: bool = False
    is_dropped: bool = False


@dataclass(slots=True)
class Share:
    """Of tokens that were paid for: parts of a token, as requests are divided among what stood in them."""

    fresh: float = 0.0
    cached: float = 0.0
    stored: float = 0.0
    stored_1h: float = 0.0
    output: float = 0.0

    def add(self, other: "Share") -> None:
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    @property
    def usage(self) -> Usage:
        return Usage(**{name: round(getattr(self, name)) for name in self.__slots__})


@dataclass(slots=True)
class Context:
    """Of one task."""

    pieces: list[Piece] = field(default_factory=list)
    _replaced: list[tuple[list[Piece], int]] = field(default_factory=list)
    _tools: dict[str, str] = field(default_factory=dict)
    """Call -> tool."""

    def add(self, event: Event) -> None:
        match event:
            case MessageAdded():
                self.pieces.append(self._piece(event.message))
            case Condensed():
                kept = self.pieces[len(self.pieces) - event.kept :]
                self._replace([Piece(_tokens(event.summary)), *kept])
            case ResultsDropped():
                self._replace([_dropped(piece, event.texts) for piece in self.pieces])
            case Uncondensed():
                if self._replaced:
                    before, count = self._replaced.pop()
                    self.pieces = [*before, *self.pieces[count:]]
            case Rewound():
                self.pieces = self.pieces[: event.kept]
                self._replaced = [(before, now) for before, now in self._replaced if now <= event.kept]
            case _:
                pass

    def tool(self, call_id: str) -> str:
        return self._tools.get(call_id, "")

    def shares(self, usage: Usage) -> Iterator[tuple[str, Share]]:
        """Of a request with the input of this usage, what each tool's results were: what the cache had is what came
        first, the system prompt before all."""
        known = sum(piece.tokens for piece in self.pieces)
        scale = min(usage.input / known, 1.0) if known else 0.0
        at, rest = usage.input - known * scale, usage.input - usage.cached
        for piece in self.pieces:
            tokens = piece.tokens * scale
            if piece.tool:
                cached = min(max(usage.cached - at, 0.0), tokens)
                part = (tokens - cached) / rest if rest else 0.0
                yield (
                    piece.tool,
                    Share(usage.fresh * part, cached, usage.stored * part, usage.stored_1h * part),
                )
            at += tokens

    def large(self) -> list[Piece]:
        """Results that are long, not of the newest steps, and not dropped yet."""
        replies = [at for at, piece in enumerate(self.pieces) if piece.is_reply]
        end = replies[-FRESH_STEPS] if len(replies) >= FRESH_STEPS else 0
        return [
            piece
            for piece in self.pieces[:end]
            if piece.tool and not piece.is_dropped and piece.tokens >= LARGE
        ]

    def _replace(self, pieces: list[Piece]) -> None:
        self._replaced.append((self.pieces, len(pieces)))
        self.pieces = pieces

    def _piece(self, message: Message) -> Piece:
        match message:
            case Prompt():
                return Piece(_tokens(message.text, message.notes))
            case Reply():
                self._tools |= {call.id: call.name for call in message.calls}
                arguments = (f"{call.name}{call.arguments}" for call in message.calls)
                return Piece(_tokens(message.text, *arguments), is_reply=True)
            case ToolResult():
                tool = self.tool(message.call_id) or "?"
                return Piece(_tokens(message.text, message.notes), tool, message.call_id)


def _dropped(piece: Piece, texts: dict[str, str]) -> Piece:
    if piece.call_id not in texts or not piece.tool:
        return piece
    return replace(piece, tokens=_tokens(texts[piece.call_id]), is_dropped=True)


def _tokens(*texts: str) -> int:
    return sum(map(len, texts)) // CHARACTERS_PER_TOKEN

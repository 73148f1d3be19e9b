"""What a request looked like to the provider's cache: a short hash and the size of each of its blocks. Pure.

Kept as text in the ledger's row, so that it can be said long afterwards where two requests part:
`effort=high life=5m key=1f2e3d4c | tools:1a2b3c4d:2210 system:... prompt:...:310 reply:... result:...:8001`;
`=12` stands for as many blocks as the task's request before had, so that a row stays short however long the talk is.
"""

import json
from collections.abc import Iterator
from hashlib import blake2s
from typing import Literal, get_args

from kcode.llm.request import Request
from kcode.messages import Image, Message, Prompt, Record, Reply, ToolResult
from kcode.spend.economics import Life

Kind = Literal["tools", "system", "project", "summary", "prompt", "reply", "result"]
KINDS: frozenset[str] = frozenset(get_args(Kind))
SUMMARY = "<summary>"
"""What the prompt that stands for a condensed conversation begins with."""


class Block(Record):
    """A piece of the request that is there or not as a whole."""

    kind: Kind
    hash: str
    bytes: int
    images: int = 0

    def __str__(self) -> str:
        return f"{self.kind}:{self.hash}:{self.bytes}" + (f":{self.images}" if self.images else "")


class Fingerprint(Record):
    blocks: tuple[Block, ...] = ()
    """In the order in which providers cache: tools, system prompt, project block, messages."""
    effort: str = ""
    life: Life = "5m"
    key: str = ""
    """A hash that tells two keys apart; "" where none is needed."""

    def text(self, before: "Fingerprint | None" = None) -> str:
        """For the ledger; `before`: of the request before, which whoever reads it will have, too."""
        same = before.shared_blocks(self) if before else 0
        blocks = [*([f"={same}"] if same else []), *map(str, self.blocks[same:])]
        return f"effort={self.effort} life={self.life} key={self.key} | {' '.join(blocks)}"

    @property
    def bytes(self) -> int:
        return sum(block.bytes for block in self.blocks)

    def shared_blocks(self, other: "Fingerprint") -> int:
        """With how many equal blocks both begin."""
        pairs = zip(self.blocks, other.blocks, strict=False)
        return next((at for at, (one, two) in enumerate(pairs) if one.hash != two.hash), self._least(other))

    def shared_bytes(self, other: "Fingerprint") -> int:
        return sum(block.bytes for block in self.blocks[: self.shared_blocks(other)])

    def _least(self, other: "Fingerprint") -> int:
        return min(len(self.blocks), len(other.blocks))


def fingerprint(request: Request, life: Life = "5m", key: str = "") -> Fingerprint:
    return Fingerprint(blocks=tuple(blocks(request)), effort=request.effort or "", life=life, key=key)


def parsed(text: str, before: Fingerprint | None = None) -> Fingerprint | None:
    """What `text` wrote; None for a row of an older kcode, or one that has none."""
    beside, bar, written = text.partition(" | ")
    fields = dict(word.split("=", 1) for word in beside.split() if "=" in word)
    if not bar or fields.keys() != {"effort", "life", "key"}:
        return None
    words = written.split()
    same = int(words.pop(0)[1:]) if words and words[0].startswith("=") else 0
    if same and (before is None or len(before.blocks) < same):
        return None
    shared = before.blocks[:same] if before else ()
    return Fingerprint.model_validate(fields | {"blocks": (*shared, *map(_parsed, words))})


def _parsed(word: str) -> Block:
    kind, hash, size, *images = word.split(":")
    return Block.model_validate(
        {"kind": kind, "hash": hash, "bytes": int(size), "images": int(images[0]) if images else 0}
    )


def blocks(request: Request) -> Iterator[Block]:
    if request.tools:
        yield _block("tools", json.dumps(request.tools, ensure_ascii=False))
    yield _block("system", request.system)
    if request.project:
        yield _block("project", request.project)
    yield from map(_of_message, request.messages)


def short_hash(text: str) -> str:
    return blake2s(text.encode("utf-8", "replace"), digest_size=4).hexdigest()


def _of_message(message: Message) -> Block:
    match message:
        case Prompt():
            kind: Kind = "summary" if message.text.startswith(SUMMARY) else "prompt"
            return _block(kind, f"{message.text}\n{message.notes}", message.images)
        case Reply():
            calls = [f"{call.name} {call.arguments}" for call in message.calls]
            thinking = [json.dumps(block) for block in message.thinking]
            return _block("reply", "\n".join([message.text, *calls, *thinking]))
        case ToolResult():
            return _block("result", f"{message.text}\n{message.ok}{message.notes}", message.images)


def _block(kind: Kind, text: str, images: tuple[Image, ...] = ()) -> Block:
    pictures = "".join(short_hash(image.data) for image in images)
    return Block(
        kind=kind,
        hash=short_hash(text + pictures),
        bytes=len(text.encode("utf-8", "replace")),
        images=len(images),
    )

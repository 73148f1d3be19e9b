"""Blocks: the pieces of a request in the order in which the provider caches and counts them.

The canonical text of a block is its JSON without `cache_control`, compact, keys in the order received (the
provider's cache sees that order too). **A block has ceil(bytes / 4) tokens.** A text given as a string is the
same block as a content list with that one text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Mark = Literal["5m", "1h"]


def tokens_in(size: int) -> int:
    """The tokens of so many bytes."""
    return -(-size // 4)


@dataclass(frozen=True, slots=True)
class Block:
    """One piece of a request. `mark`: None, or for how long the prefix up to here is to be cached."""

    data: bytes
    mark: Mark | None = None

    @property
    def tokens(self) -> int:
        return tokens_in(len(self.data))


def block(content: Any, **context: Any) -> Block:
    """The block of a piece of content; the context (the role, say) belongs to it."""
    clean, mark = unmarked(content)
    value = {**context, "content": clean} if context else clean
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Block(text.encode("utf-8", "surrogatepass"), mark)


def unmarked(content: Any) -> tuple[Any, Mark | None]:
    """The content without its cache mark, and the mark; it may stand a level deeper, as in tool results."""
    if not isinstance(content, Mapping):
        return content, None
    mark = lifetime(content.get("cache_control"))
    clean: dict[str, Any] = {}
    for key, value in content.items():
        if key == "cache_control":
            continue
        inner: Mark | None = None
        if key == "function":
            value, inner = unmarked(value)
        elif key == "content" and isinstance(value, list):
            parts = [unmarked(part) for part in value]
            value = [part for part, _ in parts]
            inner = next((found for _, found in reversed(parts) if found), None)
        clean[key], mark = value, mark or inner
    return clean, mark


def lifetime(cache_control: Any) -> Mark | None:
    """The lifetime a `cache_control` asks for."""
    if not isinstance(cache_control, Mapping):
        return None
    return "1h" if cache_control.get("ttl") == "1h" else "5m"


def parts_of(content: Any) -> list[Any]:
    """The content of a message as a list of parts."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return list(content or [])


def text_of(content: Any) -> str:
    """All text in a content, a line break between the parts."""
    texts = [part if isinstance(part, str) else part.get("text") for part in parts_of(content)]
    return "\n".join(text for text in texts if text)


def shared(earlier: Sequence[Block], later: Iterable[Block]) -> float:
    """The share of the earlier blocks' bytes with which the later ones begin."""
    first, second = (b"".join(block.data for block in blocks) for blocks in (earlier, later))
    same = next(
        (i for i, (a, b) in enumerate(zip(first, second, strict=False)) if a != b),
        min(len(first), len(second)),
    )
    return same / len(first) if first else 1.0

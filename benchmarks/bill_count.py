"""What a request costs by the ruler of the field's measurement: tokens of `o200k_base`, and a simulated cache.

Counted is what the model reads: the texts, the names and arguments of calls, the tools as JSON. The scripted provider
has a ruler of its own (four bytes are a token), which is kcode's invoice; this one makes the figures comparable.
"""

import json
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from kcode.scripted import CacheRules, Price, Received, Usage
from kcode.scripted.blocks import Block
from kcode.scripted.cache import Cache, Clock
from kcode.scripted.invoice import exact
from kcode.scripted.scenario import CacheKind

Json = dict[str, Any]
Encode = Callable[[str], list[int]]

SHEETS: dict[str, Price] = {
    name: Price(**{key: Decimal(price) for key, price in prices.items()})
    for name, prices in {
        "sonnet": {"input": "3", "output": "15", "cached": "0.30", "stored": "3.75", "stored_1h": "6"},
        "gpt": {"input": "1.25", "output": "10", "cached": "0.125"},
        "open": {"input": "0.60", "output": "3", "cached": "0.10"},
    }.items()
}
"""Dollars per million tokens, as in the field's measurement: Sonnet-class with marks, GPT-class and an open model
with a cache that works by itself."""


@dataclass(frozen=True, slots=True)
class Bill:
    requests: int
    usage: Usage
    first: int
    """Tokens of the first request."""
    last: int
    dollars: float


def billed(received: Sequence[Received], replies: Sequence[Json], sheet: str, encode: Encode) -> Bill:
    """The bill of requests that came one after the other, each within the cache's lifetime, and their replies."""
    return billed_blocks([r.prefix_blocks for r in received], list(map(said, replies)), sheet, encode)


def billed_blocks(
    asked: Sequence[Sequence[Block]], written: Sequence[str], sheet: str, encode: Encode
) -> Bill:
    kind: CacheKind = "explicit" if sheet == "sonnet" else "automatic"
    cache = Cache(CacheRules(), Clock())
    usages = []
    for blocks, text in zip(asked, written, strict=True):
        found = cache.read(kind, ("one",), [counted(block, encode) for block in blocks])
        cache.write(found)
        usages.append(found.usage.model_copy(update={"output": len(encode(text))}))
    money = float(sum(exact(usage, SHEETS[sheet]) for usage in usages) / 1_000_000)
    return Bill(len(usages), total(usages), usages[0].input, usages[-1].input, money)


def total(usages: Sequence[Usage]) -> Usage:
    return Usage(**{name: sum(getattr(usage, name) for usage in usages) for name in Usage.model_fields})


def counted(block: Block, encode: Encode) -> Block:
    """The block with one unit of four bytes for each of its tokens, so that the simulated cache counts them."""
    ids = encode(read(json.loads(block.data)))
    return Block(struct.pack(f"<{len(ids)}I", *ids), block.mark)


def read(value: Any) -> str:
    """What a model reads of a block: its text without the JSON around it; a tool as it is declared."""
    match value:
        case str():
            return value
        case list():
            return "\n".join(map(read, value))
        case {"text": str(text)}:
            return text
        case {"name": str(name), "input": arguments} | {
            "function": {"name": str(name), "arguments": arguments}
        }:
            return f"{name} {arguments if isinstance(arguments, str) else compact(arguments)}"
        case {"tool_calls": list(calls), **rest}:
            return "\n".join(filter(None, [read(rest.get("content") or ""), *map(read, calls)]))
        case {"content": content}:
            return read(content or "")
        case _:
            return compact(value)


def said(reply: Json) -> str:
    """A reply as it is written: its text, and its calls."""
    calls = (f"{call['name']} {compact(call['arguments'])}" for call in reply.get("calls", ()))
    return "\n".join([reply.get("text", ""), *calls])


def compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

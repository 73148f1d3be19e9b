"""What the next request is made of, part by part, in tokens: what pays rent with every step. Pure."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from kcode.llm.request import Request
from kcode.llm.size import BYTES_PER_TOKEN, IMAGE_BYTES
from kcode.memory.block import parted
from kcode.messages import Message, Prompt, Reply, ToolResult


@dataclass(frozen=True, slots=True)
class Part:
    name: str
    tokens: int
    detail: str = ""


def parts(request: Request, total: int | None = None) -> list[Part]:
    """In the order in which they are sent; messages by kind, results by tool. Estimated by their bytes; with a `total`
    that the provider counted, each has its share of that, and together they are exactly it."""
    counted = [
        Part("system prompt", tokens_of(request.system)),
        Part("tools", tokens_of(json.dumps(request.tools)), f"{len(request.tools)} of them"),
        *_project(request.project),
    ]
    sizes: Counter[str] = Counter()
    numbers: Counter[str] = Counter()
    for kind, size in _pieces(request.messages):
        sizes[kind] += size
        numbers[kind] += 1
    found = counted + [Part(kind, size, f"{numbers[kind]}") for kind, size in sizes.items()]
    return found if total is None else summing_to(found, total)


def tools(request: Request) -> list[Part]:
    """Each tool's share, the largest first."""
    shares = [Part(str(tool["function"]["name"]), tokens_of(json.dumps(tool))) for tool in request.tools]
    return sorted(shares, key=lambda part: -part.tokens)


def summing_to(parts: Sequence[Part], total: int) -> list[Part]:
    """The parts in their proportions, as whole tokens that are together exactly so many."""
    whole = sum(part.tokens for part in parts)
    if whole == 0:
        return list(parts)
    shares = [part.tokens * total // whole for part in parts]
    by_rest = sorted(range(len(parts)), key=lambda at: -(parts[at].tokens * total % whole))
    for at in by_rest[: total - sum(shares)]:
        shares[at] += 1
    return [replace(part, tokens=share) for part, share in zip(parts, shares, strict=True)]


def tokens_of(text: str) -> int:
    return len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN


def _project(text: str) -> list[Part]:
    """Each file or folder that the project block is from; all in one where it does not say."""
    blocks = [Part(f"{block.name}: {block.source}", block.tokens) for block in parted(text)]
    return blocks or [Part("rules of the project", tokens_of(text))]


def _pieces(messages: Sequence[Message]) -> Iterator[tuple[str, int]]:
    tools: dict[str, str] = {}
    for message in messages:
        match message:
            case Prompt():
                yield "what you said", tokens_of(message.text)
                if message.notes:
                    yield "notes (date, mode, git)", tokens_of(message.notes)
                yield from _images(len(message.images))
            case Reply():
                tools |= {call.id: call.name for call in message.calls}
                if message.thinking:
                    yield "thinking", tokens_of(json.dumps(message.thinking))
                if message.text:
                    yield "what the model said", tokens_of(message.text)
                for call in message.calls:
                    yield "calls of tools", tokens_of(f"{call.name}{call.arguments}")
            case ToolResult():
                yield f"results of {tools.get(message.call_id, 'tools')}", tokens_of(message.text)
                if message.notes:
                    yield "rules of folders", tokens_of(message.notes)
                yield from _images(len(message.images))


def _images(count: int) -> Iterator[tuple[str, int]]:
    for _ in range(count):
        yield "images", IMAGE_BYTES // BYTES_PER_TOKEN

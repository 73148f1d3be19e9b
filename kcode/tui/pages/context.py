"""What the next request is made of, part by part, in tokens (estimated: bytes / 4)."""

import json
from collections import Counter
from dataclasses import dataclass

from kcode.llm.request import Request
from kcode.memory.block import parted
from kcode.messages import Prompt, Reply, ToolResult

BYTES_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Part:
    name: str
    tokens: int
    detail: str = ""


def parts(request: Request) -> list[Part]:
    """In the order in which they are sent; messages by kind."""
    counted = [
        Part("system prompt", _tokens(request.system)),
        Part("tools", _tokens(json.dumps(request.tools)), f"{len(request.tools)} of them"),
        *_project(request.project),
    ]
    sizes: Counter[str] = Counter()
    numbers: Counter[str] = Counter()
    for message in request.messages:
        for kind, text in _pieces(message):
            sizes[kind] += _tokens(text)
            numbers[kind] += 1
    return counted + [Part(kind, size, f"{numbers[kind]}") for kind, size in sizes.items()]


def tools(request: Request) -> list[Part]:
    """Each tool's share, the largest first."""
    shares = [Part(str(tool["function"]["name"]), _tokens(json.dumps(tool))) for tool in request.tools]
    return sorted(shares, key=lambda part: -part.tokens)


def _project(text: str) -> list[Part]:
    """Each file or folder that the project block is from; all in one where it does not say."""
    blocks = [Part(f"{block.name}: {block.source}", block.tokens) for block in parted(text)]
    return blocks or [Part("rules of the project", _tokens(text))]


def _pieces(message: Prompt | Reply | ToolResult) -> list[tuple[str, str]]:
    match message:
        case Prompt():
            notes = [("notes (date, mode, git)", message.notes)] if message.notes else []
            return [("what you said", message.text), *notes]
        case Reply():
            calls = [("calls of tools", f"{call.name}{call.arguments}") for call in message.calls]
            thinking = [("thinking", json.dumps(message.thinking))] if message.thinking else []
            return [*thinking, *([("what the model said", message.text)] if message.text else []), *calls]
        case ToolResult():
            rules = [("rules of folders", message.notes)] if message.notes else []
            return [("results of tools", message.text), *rules]


def _tokens(text: str) -> int:
    return len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN

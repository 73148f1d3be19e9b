"""What is told beside a result: the rules of the folder that work has got to, and that a topic is stale.

Appended, never put into what was said: the provider's cache holds."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from kcode.errors import BadInput
from kcode.memory import bank
from kcode.memory.block import Block, joined, parted
from kcode.memory.freshness import stale
from kcode.memory.rules import Rule
from kcode.memory.source import LIMIT
from kcode.messages import Message, Prompt, ToolResult
from kcode.tools.tool import Output, Tool, Workspace

PATIENCE = 2.0
"""Seconds for a look into git's history."""
Near = Callable[[Path], list[Rule]]
"""A file or folder (resolved) -> the rules that count from now on since a tool has touched it."""


async def with_notes(
    output: Output, tool: Tool, workspace: Workspace, near: Near, messages: Sequence[Message]
) -> Output:
    """What a tool has brought, with the rules of where it has been, unless they were told in these messages, and
    whether a topic of memory is stale."""
    if tool.group not in ("read", "edit") or not tool.target():
        return output
    path = workspace.resolved(tool.target())
    try:
        texts = [rule.block.written for rule in await asyncio.to_thread(near, path)]
    except BadInput as error:  # what is done is done: the model hears of it, and works on
        texts = [str(error)]
    age = await _age(path, workspace.root) if tool.group == "read" else ""
    known = "\n".join(map(_notes_of, messages))
    notes = "\n".join([*(text for text in texts if text not in known), *([age] if age else [])])
    return output.model_copy(update={"notes": notes}) if notes else output


async def _age(path: Path, root: Path) -> str:
    """Why a topic of the memory bank is stale; "" when it is not, and for every other file."""
    if path.suffix != ".md" or path.parent not in {root / home for home in bank.HOMES}:
        return ""
    kept = bank.of(root)
    topics = tuple(topic for topic in kept.topics if topic.path == path)
    try:
        async with asyncio.timeout(PATIENCE):
            return "\n".join(
                f"Stale: {one.reason} since it was written." for one in await stale(kept, topics)
            )
    except TimeoutError:
        return ""


def told(messages: Sequence[Message]) -> tuple[Block, ...]:
    """Those that the model knows, each once."""
    texts = (_notes_of(message) for message in messages)
    return tuple({block.source: block for text in texts if text for block in parted(text)}.values())


def standing(messages: Sequence[Message]) -> str:
    """The same as text, bounded, for when these messages are gone."""
    return joined(told(messages))[:LIMIT]


def _notes_of(message: Message) -> str:
    """Where they stand: beside a result, and in a summary."""
    match message:
        case ToolResult():
            return message.notes
        case Prompt(by="kcode"):
            return message.text
        case _:
            return ""

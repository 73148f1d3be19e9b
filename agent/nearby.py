"""The rules of folders that work has got to: told beside the first result from there, never into what was said."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from kcode.memory.block import Block, joined, parted
from kcode.memory.rules import Rule
from kcode.memory.source import LIMIT
from kcode.messages import Message, Prompt, ToolResult
from kcode.tools.tool import Output, Tool, Workspace

Near = Callable[[Path], list[Rule]]
"""A file or folder (resolved) -> the rules that count from now on since a tool has touched it."""


async def with_rules(
    output: Output, tool: Tool, workspace: Workspace, near: Near, messages: Sequence[Message]
) -> Output:
    """What a tool has brought, with the rules of where it has been, unless they were told in these messages."""
    if tool.group not in ("read", "edit") or not tool.target():
        return output
    found = await asyncio.to_thread(near, workspace.path(tool.target()))
    known = {block.written for block in told(messages)}
    news = [rule.block for rule in found if rule.block.written not in known]
    return output.model_copy(update={"notes": joined(news)}) if news else output


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

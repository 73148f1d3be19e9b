"""What writing and editing share: the file as it was, and the one way it becomes another."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kcode.errors import ToolError
from kcode.files import syntax
from kcode.files.diff import change
from kcode.files.disk import content, refuse_git, replace, unbroken
from kcode.files.text import Text, decode, digest
from kcode.messages import Change
from kcode.tools.files.missing import trouble
from kcode.tools.tool import Output, Workspace


@dataclass(frozen=True, slots=True)
class Original:
    data: bytes
    text: Text


async def original(path: Path, workspace: Workspace) -> Original:
    """A text file to be changed. FileNotFoundError when there is none; ToolError when it may not be."""
    refuse_git(path)
    try:
        data = await asyncio.to_thread(content, path)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ToolError(await trouble(error, path, workspace)) from None
    text = decode(data)
    if text is None:
        raise ToolError(f"{workspace.shown(path)} is binary: change it by a command.")
    return Original(data, text)


async def save(
    path: Path, before: Original | None, after: str, workspace: Workspace, words: Callable[[Change], str]
) -> Output:
    """Make `after` the text of the file, in the encoding that it has; what happened, in `words`."""
    data = (before.text if before else Text("")).encoded(after)
    try:
        await unbroken(lambda: replace(path, data, before.data if before else None))
    except OSError as error:
        raise ToolError(f"{workspace.shown(path)}: {error.strerror}.") from None
    if before is None or not before.data or workspace.seen.get(path) == digest(before.data):
        workspace.seen[path] = digest(data)
    old = before.text.content if before else None
    made = await asyncio.to_thread(change, workspace.shown(path), old, after)
    fault = await asyncio.to_thread(syntax.new_fault, path.name, old, after)
    return Output(text=words(made) + (f"\n{fault}" if fault else ""), changes=(made,))

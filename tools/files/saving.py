"""What writing and editing share: the file as it was, and the one way it becomes another."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import PrivateAttr

from kcode.errors import ToolError
from kcode.files import syntax
from kcode.files.diff import change, diff, partly
from kcode.files.disk import content, refuse_git, replace, unbroken
from kcode.files.text import Text, decode, digest
from kcode.messages import Change
from kcode.tools.files.missing import trouble
from kcode.tools.tool import Output, Tool, Workspace


@dataclass(frozen=True, slots=True)
class Original:
    data: bytes
    text: Text


class FileChange(Tool):
    """A call that changes a file, as far as the user accepts it."""

    _accepted: tuple[int, ...] | None = PrivateAttr(None)

    def accept(self, hunks: tuple[int, ...] | None) -> None:
        """Of the preview's hunks only these, from 0, are wanted; None: all."""
        self._accepted = hunks

    def wanted(self, before: str, after: str) -> tuple[str, str]:
        """The text that the file is to have, and what the model has to know about it."""
        if self._accepted is None:
            return after, ""
        starts = [int(number) for number in re.findall(r"(?m)^@@ -(\d+)", "".join(diff(before, after)))]
        left = [f"{start}" for number, start in enumerate(starts) if number not in self._accepted]
        if not left:
            return after, ""
        words = f"The user declined the changes from line {', '.join(left)} (of the old file): they were not made."
        return partly(before, after, self._accepted), words


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

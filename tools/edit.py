"""Changing places of a file: all of them, or nothing."""

import asyncio
from itertools import accumulate, pairwise
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from kcode.errors import ToolError
from kcode.files.diff import changed_lines, diff
from kcode.messages import Change
from kcode.tools.files.matching import Place, find, nearest
from kcode.tools.files.missing import trouble
from kcode.tools.files.page import Window, numbered, page
from kcode.tools.files.saving import FileChange, Original, original, save
from kcode.tools.tool import Group, Output, Workspace
from kcode.visible import escaped

MOST = 100_000
"""Places that one edit may change."""
NAMED = 5
"""Line numbers that are named."""
REGION = Window(first=1, count=30, size=4_000)
"""What is shown of the text nearest to what was sought."""


class Replacement(BaseModel):
    model_config = ConfigDict(extra="forbid")

    old: str
    new: str
    all: bool = False


class Edit(FileChange):
    """Replace text in a file: each old as it stands there, and unique unless all is true. Edits apply in
    order, all or none."""

    name: ClassVar[str] = "edit"
    group: ClassVar[Group] = "edit"

    path: str
    edits: list[Replacement]

    def title(self) -> str:
        return f"Edit {escaped(self.path)}"

    def target(self) -> str:
        return self.path

    async def preview(self, workspace: Workspace) -> str:
        before, after, _ = await self._prepared(workspace)
        return "".join(diff(before.text.content, after))

    async def run(self, workspace: Workspace, call_id: str) -> Output:
        before, after, notes = await self._prepared(workspace)
        path = workspace.path(self.path)
        after, declined = self.wanted(before.text.content, after)
        notes += [declined] if declined else []
        return await save(path, before, after, workspace, lambda made: "\n".join([_summary(made), *notes]))

    async def _prepared(self, workspace: Workspace) -> tuple[Original, str, list[str]]:
        """The file, its text after all edits, and what had to be forgiven."""
        path = workspace.path(self.path)
        if not self.edits:
            raise ToolError("edits is empty.")
        try:
            before = await original(path, workspace)
        except FileNotFoundError as error:
            raise ToolError(await trouble(error, path, workspace) + " To create it, use write.") from None
        after, notes = await asyncio.to_thread(self._applied, before.text.content, workspace.shown(path))
        if after == before.text.content:
            raise ToolError(f"{workspace.shown(path)} already reads like that: nothing was changed.")
        return before, after, notes

    def _applied(self, content: str, name: str) -> tuple[str, list[str]]:
        notes: list[str] = []
        for number, edit in enumerate(self.edits, 1):
            label = f"Edit {number}: " if len(self.edits) > 1 else ""
            try:
                content, forgiven = _replaced(content, edit, name)
            except ToolError as error:
                raise ToolError(f"{label}{error}" + (" No edit was made." if label else "")) from None
            if forgiven:
                notes.append(f"{label}matched in spite of {forgiven}.")
        return content, notes


def _replaced(content: str, edit: Replacement, name: str) -> tuple[str, str]:
    """The content after one edit, and what had to be forgiven to find its place."""
    if not edit.old:
        raise ToolError("old is empty. To insert, give a line as old, and it with the new text as new.")
    if edit.old == edit.new:
        raise ToolError("old and new are the same.")
    places, forgiven = find(content, edit.old, edit.new, MOST if edit.all else MOST // 100)
    if not places:
        raise ToolError(_not_found(content, edit, name))
    if len(places) > 1 and not edit.all:
        where = _list(_line_numbers(content, places))
        raise ToolError(f"old is at {len(places)} places ({where}): give more lines around it, or all=true.")
    if len(places) == MOST:
        raise ToolError(f"old is at {MOST} places or more: change them by a command.")
    return _with(content, places), forgiven


def _with(content: str, places: list[Place]) -> str:
    parts: list[str] = []
    end = 0
    for place in places:
        if place.start >= end:  # Places may overlap: the first one wins, as in str.replace.
            parts += content[end : place.start], place.text
            end = place.end
    return "".join(parts) + content[end:]


def _line_numbers(content: str, places: list[Place]) -> list[int]:
    starts = [place.start for place in places]
    breaks = (content.count("\n", one, other) for one, other in pairwise([0, *starts]))
    return [count + 1 for count in accumulate(breaks)]


def _not_found(content: str, edit: Replacement, name: str) -> str:
    words = f"old is not in {name}."
    if len(edit.new.strip()) > 3 and (place := content.find(edit.new)) >= 0:
        words += f" But new is, at line {content.count(chr(10), 0, place) + 1}."
    line = nearest(content, edit.old)
    if line is None:
        return words + " Nothing like it is: read the file."
    first = max(1, line - 2)
    window = Window(first, min(REGION.count, edit.old.strip("\n").count("\n") + 5), REGION.size)
    lines, _ = page([content], window)
    return f"{words} Nearest is:\n{numbered(lines, first)}\n"


def _summary(made: Change) -> str:
    return f"Edited {made.path}: +{made.added} -{made.removed} at {_list(changed_lines(made.diff))}."


def _list(numbers: list[int]) -> str:
    """`line 3`, `lines 3, 8, 12 and 4 more`."""
    different = list(dict.fromkeys(numbers))
    more = f" and {len(different) - NAMED} more" if len(different) > NAMED else ""
    return f"line{'s' * (len(different) > 1)} {', '.join(map(str, different[:NAMED]))}{more}"

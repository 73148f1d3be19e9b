"""The files of a folder as a tree."""

import asyncio
import os
import stat
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import ClassVar

from kcode.errors import ToolError
from kcode.files.listing import files_of
from kcode.tools.files.missing import trouble
from kcode.tools.tool import Group, Output, Tool, Workspace
from kcode.visible import escaped

MOST = 250
"""Lines of a tree."""

DEEPEST = 8


class List(Tool):
    """Tree of a folder's files, without ignored ones; large folders as counts."""

    name: ClassVar[str] = "list"
    group: ClassVar[Group] = "read"

    path: str = "."
    depth: int | None = None

    def title(self) -> str:
        return f"List {escaped(self.path)}"

    def target(self) -> str:
        return self.path

    async def run(self, workspace: Workspace, call_id: str) -> Output:
        path = workspace.path(self.path)
        name = workspace.shown(path)
        try:
            if not stat.S_ISDIR(path.stat().st_mode):
                raise ToolError(f"{name} is a file. Use read.")
            entries = await asyncio.to_thread(os.listdir, path)
        except OSError as error:
            raise ToolError(await trouble(error, path, workspace)) from None
        files = [file for file in await files_of(path) if not workspace.hides(self.name, path / file)]
        if not files:
            return Output(text=f"{name} holds {'only ignored or hidden files' if entries else 'nothing'}.")
        return Output(text=await asyncio.to_thread(_tree, files, self.depth or DEEPEST, path))


def _tree(files: list[str], depth: int, folder: Path) -> str:
    """As deep as wished, or as fits."""
    lines = list(_lines(files, 1, folder))
    for deeper in range(2, depth + 1):
        more = list(islice(_lines(files, deeper, folder), MOST + 1))
        if len(more) > MOST:
            break
        lines = more
    left = len(lines) - MOST
    return "\n".join(lines[:MOST]) + (f"\n[{left} more: list a folder of it, or search]" if left > 0 else "")


def _lines(files: list[str], depth: int, folder: Path) -> Iterator[str]:
    """Folders at `depth` are not opened but counted."""
    closed = Counter("/".join(file.split("/")[:depth]) for file in files if file.count("/") >= depth)
    seen: set[str] = set()
    for file in files:
        *folders, name = file.split("/")
        for level, folder_name in enumerate(folders[:depth]):
            path = "/".join(folders[: level + 1])
            if path not in seen:
                seen.add(path)
                yield "  " * level + escaped(folder_name) + "/" + _count(closed.get(path, 0))
        if len(folders) < depth:
            yield "  " * len(folders) + escaped(name) + _leads_to(folder / file)


def _count(files: int) -> str:
    return f" ({files} file{'s' * (files > 1)})" if files else ""


def _leads_to(path: Path) -> str:
    return f" -> {escaped(str(path.readlink()))}" if path.is_symlink() else ""

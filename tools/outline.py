"""What is defined where: of a file, of a folder as its map, or of a name."""

import asyncio
import stat
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from kcode.errors import ToolError
from kcode.files import syntax
from kcode.files.text import decode
from kcode.memory.code.index import Index, index_of
from kcode.memory.code.map import fitted, repo_map
from kcode.memory.code.reading import data_of
from kcode.memory.code.symbols import symbol_of
from kcode.memory.code.words import asked
from kcode.tools.files.missing import trouble
from kcode.tools.tool import Group, Output, Tool, Workspace
from kcode.visible import escaped

OF_A_FILE = 8_000
"""Characters."""
OF_A_FOLDER = 1_000
OF_A_NAME = 400
"""Tokens."""
USERS = 10
PATIENCE = 20.0
"""Seconds for what is new; the rest is parsed with the next call."""


class Outline(Tool):
    """Definitions of a file, the main ones of a folder, or those of a symbol (name or words) and who uses it."""

    name: ClassVar[str] = "outline"
    group: ClassVar[Group] = "read"

    path: str = "."
    symbol: str | None = None

    def title(self) -> str:
        where = f" in {escaped(self.path)}" if self.path != "." else ""
        return f"Outline {escaped(self.symbol)}{where}" if self.symbol else f"Outline {escaped(self.path)}"

    def target(self) -> str:
        return self.path

    async def run(self, workspace: Workspace, call_id: str) -> Output:
        path = workspace.path(self.path)
        try:
            is_folder = stat.S_ISDIR(path.stat().st_mode)
        except OSError as error:
            raise ToolError(await trouble(error, path, workspace)) from None
        if not is_folder and not self.symbol:
            return Output(text=await asyncio.to_thread(_of_file, path, workspace.shown(path)))
        root = workspace.root if path.is_relative_to(workspace.root) else path if is_folder else path.parent
        index = await index_of(root, PATIENCE)
        text = await asyncio.to_thread(self._of_index, index, path, workspace)
        note = (
            f"\n[{index.left} of {len(index.files)} files are not parsed yet: ask again]"
            if index.left
            else ""
        )
        return Output(text=text + note)

    def _of_index(self, index: Index, path: Path, workspace: Workspace) -> str:
        below = path.relative_to(index.root).as_posix()

        def counts(file: str) -> bool:
            is_below = below in (".", file) or file.startswith(f"{below}/")
            return is_below and not workspace.hides(self.name, index.root / file)

        if self.symbol:
            return _of_name(index, self.symbol, counts)
        read = _read(workspace) if below == "." else []
        text = repo_map(index, OF_A_FOLDER, read, counts=counts)
        if not text:
            raise ToolError(f"Nothing in {workspace.shown(path)} has an outline. Use list, or search.")
        known = len(index.files.keys() & read)
        return text + (f"\n[without the {known} files that you know]" if known else "")


def _read(workspace: Workspace) -> list[str]:
    """The files that the model has read or written."""
    root = workspace.root
    return [path.relative_to(root).as_posix() for path in workspace.seen if path.is_relative_to(root)]


def _of_file(path: Path, name: str) -> str:
    text = decode(data_of(path))
    found = syntax.outline(path.name, text.content, OF_A_FILE) if text else None
    if found is None:
        raise ToolError(f"{name} has no outline. Use read.")
    return found


def _of_name(index: Index, name: str, counts: Callable[[str], bool]) -> str:
    symbol = symbol_of(index, name, counts)
    users = _users(symbol.users)
    if symbol.definitions:
        places = fitted(symbol.definitions, index.files, OF_A_NAME)
        return "\n".join(filter(None, [places, users]))
    near = repo_map(index, OF_A_NAME, words=asked(name), counts=counts) if asked(name) else ""
    if users or not near:
        near = f"No definition of {escaped(name)} in {len(index.files)} files. Try search."
    return "\n".join(filter(None, [near, users]))


def _users(users: tuple[tuple[str, int], ...]) -> str:
    if not users:
        return ""
    shown = ", ".join(f"{escaped(file)} ({count})" for file, count in users[:USERS])
    return f"Used in {shown}" + (f" and {len(users) - USERS} more files" if len(users) > USERS else "")

"""Searching the files of a folder, line by line."""

import asyncio
import os
import re
import stat
from pathlib import Path, PurePath
from typing import ClassVar

from pydantic import Field

from kcode.errors import ToolError
from kcode.files.disk import KINDS
from kcode.files.listing import files_of
from kcode.files.secrets import is_secret
from kcode.processes.environment import find_program
from kcode.tools.files.hits import Hits
from kcode.tools.files.missing import trouble
from kcode.tools.files.seek import Wanted, escape, seek
from kcode.tools.tool import Group, Output, Tool, Workspace
from kcode.visible import escaped, size_of

LARGEST_FILE = 5_000_000
MOST_CONTEXT = 20
SEVERAL_LINES = re.compile(r"\n|(?<!\\)(?:\\\\)*\\n")


class Search(Tool):
    """Search files by regex, within lines; ignored files are skipped."""

    name: ClassVar[str] = "search"
    group: ClassVar[Group] = "read"

    pattern: str
    path: str = "."
    glob: str | None = None
    context: int = Field(0, description="lines around each hit")

    def title(self) -> str:
        return f"Search {self.pattern!r}" + (f" in {escaped(self.path)}" if self.path != "." else "")

    def target(self) -> str:
        return self.path

    async def run(self, workspace: Workspace, call_id: str) -> Output:
        if not self.pattern or "\0" in self.pattern or SEVERAL_LINES.search(self.pattern):
            raise ToolError("pattern must be some text within one line.")
        path = workspace.path(self.path)
        try:
            folder, names = await self._files(path, workspace)
        except OSError as error:
            raise ToolError(await trouble(error, path, workspace)) from None
        hits, note = await self._hits(folder, names, find_program("rg", workspace.root))
        if not hits.count:
            return Output(text="\n".join([f"No match in {len(names)} files.", *hits.notes]))
        return Output(text=note + hits.text(lambda name: workspace.shown(folder / name)))

    async def _hits(self, folder: Path, names: list[str], ripgrep: str | None) -> tuple[Hits, str]:
        """By the pattern, else by the text that it is: what is searched is mostly code."""
        context = max(0, min(self.context, MOST_CONTEXT))
        hits = await seek(Wanted(self.pattern, context), folder, names, ripgrep)
        if hits.count or hits.is_stopped or escape(self.pattern) == self.pattern:
            return hits, ""
        literally = await seek(Wanted(self.pattern, context, is_literal=True), folder, names, ripgrep)
        return literally, "[nothing by this regex; as literal text:]\n"

    async def _files(self, path: Path, workspace: Workspace) -> tuple[Path, list[str]]:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            names = await files_of(path)
            found = await asyncio.to_thread(_searchable, path, names, self.glob)
            return path, [name for name in found if not workspace.hides(self.name, path / name)]
        if not _is_searchable(path):
            kind = KINDS.get(stat.S_IFMT(mode), f"larger than {size_of(LARGEST_FILE)}")
            raise ToolError(f"{escaped(path.name)} is {kind}: it cannot be searched.")
        return path.parent, [path.name]


def _searchable(folder: Path, names: list[str], glob: str | None) -> list[str]:
    """Files (no symlinks) that are not too large, hold no keys by their names, and match."""
    matching = (name for name in _matching(names, glob) if not is_secret(PurePath(name)))
    return [name for name in matching if _is_searchable(folder / name)]


def _is_searchable(path: Path) -> bool:
    try:
        info = os.lstat(path)
    except OSError:
        return False  # Deleted, but git still has it.
    return stat.S_ISREG(info.st_mode) and info.st_size <= LARGEST_FILE


def _matching(names: list[str], glob: str | None) -> list[str]:
    if glob is None:
        return names
    from pathspec import GitIgnoreSpec

    spec = GitIgnoreSpec.from_lines(_alternatives(glob.removeprefix("!").removeprefix("./")))
    return list(spec.match_files(names, negate=glob.startswith("!")))


def _alternatives(glob: str) -> list[str]:
    """`*.{ts,tsx}` as `*.ts` and `*.tsx`, which git's patterns cannot say."""
    if not (braces := re.search(r"\{([^{}]*)\}", glob)):
        return [glob]
    before, after = glob[: braces.start()], glob[braces.end() :]
    return [one for middle in braces[1].split(",") for one in _alternatives(before + middle + after)]

"""What to say of a path that is not there."""

import asyncio
from difflib import get_close_matches
from pathlib import Path

from kcode.files.listing import files_of
from kcode.tools.tool import Workspace
from kcode.visible import escaped

WORTH_A_GUESS = 2.0
"""Seconds."""


async def trouble(error: OSError, path: Path, workspace: Workspace) -> str:
    """What went wrong with a path, for the model; when it is not there, the names that it may have meant."""
    name = workspace.shown(path)
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        return f"{name}: {error.strerror}."
    meant = await _nearest(path, workspace)
    return f"There is no {name}." + (f" Did you mean {' or '.join(meant)}?" if meant else "")


async def _nearest(path: Path, workspace: Workspace) -> list[str]:
    try:
        async with asyncio.timeout(WORTH_A_GUESS):
            files = await files_of(workspace.root)
            close = await asyncio.to_thread(get_close_matches, workspace.shown(path), files[:20_000], 3, 0.8)
    except TimeoutError:
        return []
    same = [name for name in files if name.rpartition("/")[2] == path.name]
    return [escaped(name) for name in dict.fromkeys([*same[:3], *close])][:4]

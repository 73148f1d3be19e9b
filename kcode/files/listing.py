"""Which files of a folder count: as git sees them, else all that .gitignore files leave."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from kcode.processes.git import GitError, git

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

MOST = 200_000
"""Files that are listed where there is no git."""
LONG_AS_A_WALK = 30.0
"""Seconds for git in a huge repository."""
NEVER = {"node_modules", "__pycache__"}
SHOWN_THOUGH_HIDDEN = {".github"}


async def files_of(folder: Path) -> list[str]:
    """The files below a folder, relative to it with forward slashes, sorted; symlinks are not followed.

    In a repository those that git tracks, and new ones that it doesn't ignore; a folder that git ignores is
    taken for itself, as is one without git.
    """
    listed = await _listed_by_git(folder)
    return sorted(listed) if listed else await asyncio.to_thread(lambda: sorted(_walked(folder)))


async def _listed_by_git(folder: Path) -> set[str]:
    if not any((parent / ".git").exists() for parent in (folder, *folder.parents)):
        return set()
    try:
        listing = await git(
            folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard", timeout=LONG_AS_A_WALK
        )
    except GitError:
        return set()
    return {name for name in listing.split("\0") if name and not name.endswith("/")}


def _walked(folder: Path) -> Iterator[str]:
    """Depth first, without hidden files, and never into a symlink."""
    pending: list[tuple[str, tuple[tuple[str, GitIgnoreSpec], ...]]] = [("", ())]
    count = 0
    while pending and count < MOST:
        below, rules = pending.pop()
        try:
            entries = list(os.scandir(folder / below))
        except OSError:
            continue  # A folder that cannot be opened has no files for us.
        rules += _rules(folder, below)
        for entry in entries:
            name = below + entry.name
            is_folder = entry.is_dir(follow_symlinks=False)
            if _is_left_out(entry.name) or _is_ignored(name + "/" * is_folder, rules):
                continue
            if is_folder:
                pending.append((name + "/", rules))
            else:
                count += 1
                yield name


def _is_left_out(name: str) -> bool:
    return name in NEVER or (name.startswith(".") and name not in SHOWN_THOUGH_HIDDEN)


def _rules(folder: Path, below: str) -> "tuple[tuple[str, GitIgnoreSpec], ...]":
    from pathspec import GitIgnoreSpec

    path = folder / below / ".gitignore"
    if not path.is_file():
        return ()
    return ((below, GitIgnoreSpec.from_lines(path.read_text(errors="replace").splitlines())),)


def _is_ignored(name: str, rules: "tuple[tuple[str, GitIgnoreSpec], ...]") -> bool:
    """By the deepest .gitignore that has a word on it."""
    verdicts = (spec.check_file(name.removeprefix(below)).include for below, spec in reversed(rules))
    return next((verdict for verdict in verdicts if verdict is not None), False)

"""A session is removed with all that belongs to it: its file, its long results, its checkpoints, its worktrees."""

import asyncio
import shutil
from collections.abc import Sequence
from pathlib import Path

from kcode import settings
from kcode.agent.worktrees import Worktree, Worktrees
from kcode.errors import BadInput
from kcode.memory import keeping, log
from kcode.processes.git import GitError


def check(paths: Sequence[Path], is_meant: bool) -> None:
    """BadInput, before anything is removed, when another kcode has one of them open, or one has changes in a worktree
    that were not merged, unless that `is_meant`."""
    for path in paths:
        log.SessionLog(path).close()
        kept = [] if is_meant else [tree.name for tree in _worktrees(path) if asyncio.run(_has_changes(tree))]
        if kept:
            raise BadInput(
                f"Session {path.stem} has changes in worktrees that were not merged: {', '.join(kept)}. Merge them "
                "(kcode worktrees merge NAME), or remove them, too, with --yes."
            )


def delete(path: Path) -> str:
    """What went, in a sentence."""
    worktrees, gone = _worktrees(path), ["its long results"] * path.with_suffix("").is_dir()
    for worktree in worktrees:
        asyncio.run(_kept().remove(worktree))
    root = log.started_in(path)
    checkpoints = keeping.forget(keeping.file_for(Path(root)), path.stem) if root else 0
    shutil.rmtree(path.with_suffix(""), ignore_errors=True)
    path.unlink()
    gone += [_counted(checkpoints, "checkpoint")] * bool(checkpoints)
    gone += [_counted(len(worktrees), "worktree")] * bool(worktrees)
    return f"Deleted {path.stem}{', with ' + ', '.join(gone) if gone else ''}."


def _kept() -> Worktrees:
    return Worktrees(settings.Worktrees())


def _worktrees(path: Path) -> list[Worktree]:
    return [worktree for worktree in _kept().all() if worktree.session == path.stem]


async def _has_changes(worktree: Worktree) -> bool:
    try:
        return bool(await _kept().changes(worktree))
    except GitError:
        return True


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"

"""Where subtasks write: in the folder, in worktrees of their own beside each other, or one after another."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from kcode.agent import rewind
from kcode.agent.report import Report
from kcode.agent.task import Task
from kcode.agent.worktrees import Conflict, Worktree, Worktrees
from kcode.processes.git import GitError


@dataclass(slots=True)
class Rooms:
    session: str
    wish: Literal["auto", "always", "never"]
    """Whether one that writes gets a worktree; auto: when another one writes beside it."""
    worktrees: Worktrees
    notice: Callable[[str], None]
    _writers: Counter[Path] = field(default_factory=Counter)
    """Folder -> how many tasks write there, or are about to."""
    _alone: dict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))
    """Task -> held by the one of its children that writes in its folder. Itself it waits for them."""
    _merging: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def to_write(self, id: str, title: str, parent: Task, stack: AsyncExitStack) -> Worktree | None:
        """A worktree when another task writes beside this one; None: the folder itself, alone, until the stack is
        unwound."""
        folder = parent.workspace.root
        if kept := self.worktrees.kept(self.session, id):
            return kept
        self._writers[folder] += 1
        stack.callback(self._writers.subtract, [folder])
        await asyncio.sleep(0)  # those that were called in the same reply have said so, too
        if self.wish == "always" or (self.wish == "auto" and self._writers[folder] > 1):
            try:
                return await self.worktrees.make(self.session, id, folder, title)
            except GitError as error:
                why = str(error).strip().splitlines()[-1]
                self.notice(
                    f"Task {id} has no worktree of its own ({why}): one task after another writes here."
                )
        await stack.enter_async_context(self._alone[parent.id])
        return None

    def left(self, id: str) -> str:
        """Where the files are of a task that was cut off, for the parent's model; "" where they are in place."""
        kept = self.worktrees.kept(self.session, id)
        if kept is None:
            return ""
        return f'NOT merged: its files are in {kept.folder}. Delegate with resume="{id}" to go on there.'

    async def merge(self, worktree: Worktree, task: Task, report: Report) -> str:
        """A finished task's files come into the folder that it was taken from; else they stay where they are. What
        became of them, for the parent's model."""
        if report.outcome != "done":
            with suppress(GitError):
                if await self.worktrees.drop_if_same(worktree):
                    return ""
            return f"Its files are kept, not merged, in {worktree.folder} (branch {worktree.branch})."
        async with self._merging, rewind.around(task):
            try:
                changed = await self.worktrees.merge(worktree)
            except Conflict as conflict:
                return (
                    f"NOT merged, conflicts: {', '.join(conflict.files)}. They stand with markers in its worktree: "
                    f'delegate again with resume="{task.id}" to have them resolved, which merges.'
                )
            except GitError as error:
                return f"NOT merged: {error}. Its files are in {worktree.folder} (branch {worktree.branch})."
        return "Merged." if changed else ""

    async def close(self) -> None:
        """Nothing is left of worktrees in which nothing was changed."""
        await self.worktrees.tidy(self.session)

"""Proposing what the next session should know: a change of the project's memory bank."""

import asyncio
from datetime import date
from typing import ClassVar

from kcode.errors import ToolError
from kcode.files.diff import diff
from kcode.files.disk import unbroken
from kcode.memory import bank, proposals, writing
from kcode.memory.proposals import Proposal
from kcode.memory.writing import Draft
from kcode.tools.tool import Group, Output, Tool, Workspace
from kcode.visible import escaped


class Memory(Tool):
    """Propose a change of a topic in the memory folder: text at its end, or in place of old."""

    name: ClassVar[str] = "memory"
    group: ClassVar[Group] = "edit"

    path: str
    text: str
    old: str | None = None

    def title(self) -> str:
        return f"Remember in {escaped(self.path)}"

    def target(self) -> str:
        return self.path

    async def preview(self, workspace: Workspace) -> str:
        draft = await asyncio.to_thread(self._draft, workspace)
        return "".join(diff(draft.text, draft.after))

    async def run(self, workspace: Workspace, call_id: str) -> Output:
        draft = await asyncio.to_thread(self._draft, workspace)
        try:
            made = await unbroken(lambda: writing.write(draft, workspace.root))
        except OSError as error:
            raise ToolError(f"{self.path}: {error.strerror}.") from None
        return Output(text=f"Remembered in {made.path}.", changes=(made,))

    async def put_off(self, workspace: Workspace) -> Output:
        """Kept for the user, who is not there to accept it."""
        await asyncio.to_thread(self._draft, workspace)
        proposal = Proposal(path=self.path, text=self.text, old=self.old, date=date.today().isoformat())
        await asyncio.to_thread(proposals.keep, workspace.root, proposal)
        return Output(text="Kept as a proposal: the user decides later.")

    def _draft(self, workspace: Workspace) -> Draft:
        path, kept = workspace.path(self.path), bank.of(workspace.root)
        folder = workspace.path(kept.home)
        if path.parent != folder or path.suffix != ".md" or not bank.is_name(path.stem):
            raise ToolError(f"A topic is {kept.home}/NAME.md, not {self.path}.")
        return writing.draft(path, self.text, self.old)

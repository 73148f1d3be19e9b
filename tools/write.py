"""Writing a whole file."""

from typing import ClassVar

from kcode.errors import ToolError
from kcode.files.diff import diff
from kcode.files.text import digest, newline_of, with_newlines
from kcode.messages import Change
from kcode.tools.files.saving import FileChange, Original, original, save
from kcode.tools.tool import Group, Output, Workspace
from kcode.visible import escaped


class Write(FileChange):
    """Create a file, or replace one you have read. Prefer edit for changes."""

    name: ClassVar[str] = "write"
    group: ClassVar[Group] = "edit"

    path: str
    text: str

    def title(self) -> str:
        return f"Write {escaped(self.path)}"

    def target(self) -> str:
        return self.path

    async def preview(self, workspace: Workspace) -> str:
        before = await self._known(workspace)
        return "".join(diff(before.text.content if before else "", self._wanted(before)))

    async def run(self, workspace: Workspace, call_id: str) -> Output:
        before = await self._known(workspace)
        path = workspace.path(self.path)
        text, declined = self.wanted(before.text.content if before else "", self._wanted(before))

        def words(made: Change) -> str:
            return f"{_summary(made)}\n{declined}".rstrip()

        return await save(path, before, text, workspace, words)

    async def _known(self, workspace: Workspace) -> Original | None:
        """The file to replace, of which the model must know what it holds."""
        path = workspace.path(self.path)
        try:
            before = await original(path, workspace)
        except FileNotFoundError:
            return None
        known = workspace.seen.get(path)
        if known is None and before.data:
            raise ToolError(f"{workspace.shown(path)} exists: read it before you replace it, or use edit.")
        if known not in (None, digest(before.data)):
            raise ToolError(f"{workspace.shown(path)} has changed since you read it. Read it again.")
        return before

    def _wanted(self, before: Original | None) -> str:
        newline = newline_of(before.text.content) if before else None
        return with_newlines(self.text, newline) if newline else self.text


def _summary(made: Change) -> str:
    return f"{'Created' if made.kind == 'created' else 'Wrote'} {made.path}: +{made.added} -{made.removed}."

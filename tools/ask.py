"""A question to the user."""

from typing import ClassVar

from kcode.errors import ToolError
from kcode.tools.tool import Group, Output, Tool, Workspace
from kcode.visible import escaped


class Ask(Tool):
    """Ask the user what only they can decide."""

    name: ClassVar[str] = "ask"
    group: ClassVar[Group] = "read"

    question: str
    choices: tuple[str, ...] = ()

    def title(self) -> str:
        return f"Ask: {escaped(self.question)}"

    def target(self) -> str:
        return ""

    async def run(self, workspace: Workspace, call_id: str) -> Output:
        if not self.question.strip():
            raise ToolError("question is empty.")
        return Output(text=await workspace.ask_user(self.question, self.choices) or "(no answer)")

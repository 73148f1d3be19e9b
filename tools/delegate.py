"""A task for another model."""

from typing import ClassVar

from pydantic import Field

from kcode.errors import ToolError
from kcode.tools.tool import Assignment, Group, Output, Tool, Workspace
from kcode.visible import escaped


class Delegate(Tool):
    """Give a task to another model. Calls in one reply run side by side; what they change is merged. Returns summary,
    changes, checks, open points."""

    name: ClassVar[str] = "delegate"
    group: ClassVar[Group] = "delegate"

    mode: str
    message: str = Field(description="The whole task: it knows nothing else")
    files: tuple[str, ...] = Field((), description="Shown to it")
    todos: tuple[str, ...] = ()
    expected: str = Field("", description="What its result must hold")
    budget: float | None = Field(None, description="Dollars", gt=0)
    resume: str = Field("", description="Id of an earlier task")

    def title(self) -> str:
        return f"{self.mode}: {escaped(first_line(self.message))}"

    def target(self) -> str:
        return self.mode

    async def run(self, workspace: Workspace, call_id: str) -> Output:
        if not self.message.strip():
            raise ToolError("message is empty.")
        return await workspace.others.delegate(
            Assignment(
                mode=self.mode,
                message=self.message,
                files=self.files,
                todos=self.todos,
                expected=self.expected,
                budget=None if self.budget is None else int(self.budget * 1_000_000),
                resume=self.resume,
            ),
            call_id,
        )


def first_line(message: str, longest: int = 70) -> str:
    """What a task is called."""
    line = " ".join((message.strip().splitlines() or [""])[0].split())
    return line if len(line) <= longest else f"{line[: longest - 1].rstrip()}…"

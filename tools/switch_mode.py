"""Another mode for this conversation."""

from typing import ClassVar

from pydantic import Field

from kcode.tools.tool import Group, Output, Tool, Workspace


class SwitchMode(Tool):
    """Propose to go on in another mode, as from a finished plan to code."""

    name: ClassVar[str] = "switch_mode"
    group: ClassVar[Group] = "switch"

    mode: str
    reason: str = ""
    plan: str = Field("", description="Path of a file that holds all the next mode needs")

    def title(self) -> str:
        return f"Switch to {self.mode}"

    def target(self) -> str:
        return self.mode

    async def run(self, workspace: Workspace, call_id: str) -> Output:
        return Output(text=await workspace.others.switch(self.mode, self.reason, self.plan))

"""Another mode for this conversation."""

from typing import ClassVar

from pydantic import Field

from kcode.tools.tool import Group, Output, Tool, Workspace


class SwitchMode(Tool):
    """Propose another mode, as code when a plan is done."""

    name: ClassVar[str] = "switch_mode"
    group: ClassVar[Group] = "switch"

    mode: str
    reason: str = ""
    plan: str = Field("", description="File with all that it needs")

    def title(self) -> str:
        return f"Switch to {self.mode}"

    def target(self) -> str:
        return self.mode

    async def run(self, workspace: Workspace, call_id: str) -> Output:
        return Output(text=await workspace.others.switch(self.mode, self.reason, self.plan))

"""The tool that looks after a command in the background."""

from typing import ClassVar

from pydantic import Field

from kcode.tools.shell import job_output
from kcode.tools.tool import Group, Output, Tool, Workspace


class LookAfterJob(Tool):
    """New output and state of a background job."""

    name: ClassVar[str] = "job"
    group: ClassVar[Group] = "read"

    id: str
    wait: float = Field(0, ge=0, description="seconds to wait for its end")
    end: bool = False

    def title(self) -> str:
        return f"End job {self.id}" if self.end else f"Look at job {self.id}"

    def target(self) -> str:
        return self.id

    async def run(self, workspace: Workspace, call_id: str) -> Output:
        job = workspace.jobs.get(self.id)
        if self.end:
            await job.end()
        elif self.wait:
            await job.wait(min(self.wait, workspace.command_limit))
        return job_output(job)

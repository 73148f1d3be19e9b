"""The tool that runs a command."""

import signal
from functools import partial
from typing import ClassVar

from pydantic import Field

from kcode.processes.heard import Heard, Screen
from kcode.processes.jobs import Job
from kcode.processes.process import Ended, run
from kcode.tools.tool import Group, Output, Tool, Workspace
from kcode.visible import visible

EARLY = 1.0
"""Seconds in which a background command may fail, or say that it is ready, before the model goes on."""


class Shell(Tool):
    """Run a bash command in the workspace root. No stdin. Long output is cut in the middle."""

    name: ClassVar[str] = "shell"
    group: ClassVar[Group] = "command"

    command: str
    timeout: float | None = Field(None, gt=0, description="seconds")
    background: bool = Field(False, description="for servers, watchers: returns a job id")

    def title(self) -> str:
        return f"Run {visible(' '.join(self.command.split()))}"

    def target(self) -> str:
        return self.command

    async def preview(self, workspace: Workspace) -> str:
        return visible(self.command)

    async def run(self, workspace: Workspace, call_id: str) -> Output:
        show, around = partial(workspace.show_output, call_id), workspace.around(workspace.is_approved)
        if self.background:
            job = workspace.jobs.start(self.command, workspace.root, workspace.overflow, show, around)
            await job.wait(EARLY)
            return job_output(job)
        heard, screen = Heard(workspace.overflow), Screen(show)
        limit = min(self.timeout or workspace.command_limit, workspace.command_limit)
        # Who names a time has thought of a command that is slow to say something.
        silence = limit if self.timeout else workspace.command_silence
        try:
            ended = await run(
                self.command,
                workspace.root,
                heard.add,
                screen.add,
                limit=limit,
                silence=silence,
                around=around,
                stopped=workspace.jobs.count_stopped,
            )
        finally:
            screen.flush(final=True)
        text = heard.text()
        remarks = [*_remarks(ended), around.remark(text) if ended.code else ""]
        return Output(
            text=_with(text, [remark for remark in remarks if remark]),
            ok=ended.why == "exit" and ended.code == 0,
        )


def job_output(job: Job) -> Output:
    """What a job has said since the last look, and how it stands."""
    process = job.process
    if job.is_running:
        return Output(text=_with(job.heard.take(), [f"job {job.id} is running"]))
    code = -signal.SIGKILL if process.code is None else process.code
    remark = f"job {job.id} has ended: {_code(code)}, {process.seconds:.1f} s"
    return Output(text=_with(job.heard.take(), [remark]), ok=code == 0)


def _with(text: str, remarks: list[str]) -> str:
    text = text.strip("\n")
    if not remarks:
        return text or "[no output]"
    return f"{text}\n[{'; '.join(remarks)}]".lstrip("\n")


def _remarks(ended: Ended) -> list[str]:
    remarks = []
    match ended.why:
        case "time":
            remarks.append(f"ended at its time limit, {ended.seconds:.0f} s; for servers: background=true")
        case "silence":
            remarks.append(
                f"ended after {ended.seconds:.0f} s: silent for too long. If it is slow, set timeout"
            )
        case "exit":
            if ended.code:
                remarks.append(_code(ended.code))
            if ended.seconds >= 1:
                remarks.append(f"{ended.seconds:.1f} s")
    if ended.left and ended.why == "exit":
        processes = "process" if ended.left == 1 else "processes"
        remarks.append(f"{ended.left} {processes} left running by it ended too; to keep: background=true")
    return remarks


def _code(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"

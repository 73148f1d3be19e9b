"""Commands that run on in the background, until they end by themselves or with the session."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kcode.errors import ToolError
from kcode.processes.heard import Heard, Screen
from kcode.processes.process import CANCEL_GRACE, Process, start
from kcode.processes.sandbox import PLAIN, Surroundings

RUNNING = 8
"""How many may run at once."""
KEPT = 16
"""How many are known, the ended ones included."""


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    id: str
    command: str
    process: Process
    heard: Heard
    """What was said since the last look."""

    @property
    def is_running(self) -> bool:
        return not self.process.gone.done()

    async def wait(self, seconds: float) -> None:
        """Until it has ended, but no longer than that."""
        await asyncio.wait({self.process.gone}, timeout=seconds)

    async def end(self) -> None:
        await self.process.end(CANCEL_GRACE)


class Jobs:
    """The background commands of a session."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._started = 0
        self.stopped = 0
        """Processes that a cancel has ended, of commands that were waited for."""

    def count_stopped(self, processes: int) -> None:
        self.stopped += processes

    def start(
        self,
        command: str,
        folder: Path,
        overflow: Path,
        show: Callable[[str], None],
        around: Surroundings = PLAIN,
    ) -> Job:
        """ToolError when too many run already."""
        running = [job.id for job in self._jobs.values() if job.is_running]
        if len(running) >= RUNNING:
            raise ToolError(f"{RUNNING} jobs are running already ({', '.join(running)}): end one first.")
        heard = Heard(overflow)
        process = start(command, folder, heard.add, Screen(show).add, around=around)
        self._started += 1
        job = self._jobs[str(self._started)] = Job(str(self._started), command, process, heard)
        self._forget()
        return job

    def get(self, id: str) -> Job:
        """ToolError, with the known ones, when there is no such job."""
        if id not in self._jobs:
            raise ToolError(f"There is no job {id!r}; known: {', '.join(self._jobs) or 'none'}.")
        return self._jobs[id]

    async def close(self) -> None:
        """End them all."""
        await asyncio.gather(*(job.end() for job in self._jobs.values()))

    def _forget(self) -> None:
        ended = [job.id for job in self._jobs.values() if not job.is_running]
        for id in ended[: max(0, len(self._jobs) - KEPT)]:
            del self._jobs[id]

import asyncio
import time
from pathlib import Path

import pytest

from kcode.errors import ToolError
from kcode.processes.jobs import KEPT, RUNNING, Job, Jobs
from tests.tracing import Trace


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def begun(jobs: Jobs, command: str, folder: Path) -> Job:
    return jobs.start(command, folder, folder / "overflow", lambda text: None)


async def test_closing_ends_all_at_once(folder: Path, trace: Trace) -> None:
    jobs = Jobs()
    for _ in range(RUNNING):
        begun(jobs, f"trap '' TERM; (setsid sleep {trace} &); sleep {trace}; sleep {trace}", folder)
    await asyncio.sleep(0.4)
    began = time.monotonic()
    await jobs.close()
    assert time.monotonic() - began < 2  # 0.3 on a machine that is not busy
    assert not trace.alive()


async def test_only_so_many_run_at_once(folder: Path, trace: Trace) -> None:
    jobs = Jobs()
    for _ in range(RUNNING):
        begun(jobs, f"sleep {trace}", folder)
    with pytest.raises(ToolError, match=r"running already \(1, 2, 3, 4, 5, 6, 7, 8\)"):
        begun(jobs, "true", folder)
    await jobs.get("3").end()
    assert begun(jobs, "true", folder).id == "9"
    await jobs.close()


async def test_those_that_ended_long_ago_are_forgotten(folder: Path, trace: Trace) -> None:
    jobs = Jobs()
    running = begun(jobs, f"sleep {trace}", folder)
    for _ in range(KEPT + 2):
        await begun(jobs, "true", folder).wait(5)
    assert jobs.get(running.id).is_running and jobs.get(str(KEPT + 3)).process.code == 0
    with pytest.raises(ToolError, match="no job '2'"):
        jobs.get("2")
    await jobs.close()


async def test_a_flood_that_nobody_reads_costs_no_memory(folder: Path, trace: Trace) -> None:
    jobs = Jobs()
    job = begun(jobs, "yes | head -c 100000000; echo; echo last words", folder)
    await job.wait(30)
    assert job.heard.size > 100_000_000
    text = job.heard.take()
    assert len(text) < 8_400 and text.endswith("last words\n")


async def test_closing_when_nothing_was_started_does_nothing() -> None:
    await Jobs().close()

import asyncio
import json
import os
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from kcode.messages import ToolCall
from kcode.processes.jobs import Jobs
from kcode.tools.tool import Output, Workspace, installed_tools

Call = Callable[..., Awaitable[Output]]


@dataclass(frozen=True)
class Trace:
    """A number by which everything that a test's commands start is known: `sleep {trace}`."""

    number: str

    def __str__(self) -> str:
        return self.number

    def alive(self) -> list[str]:
        return [shown(process) for process in psutil.process_iter() if self._is_on(process)]

    def _is_on(self, process: psutil.Process) -> bool:
        try:
            is_marked = process.environ().get("TRACE") == self.number or self.number in process.cmdline()
        except psutil.Error:
            return False
        return is_marked and process.pid != os.getpid()


def shown(process: psutil.Process) -> str:
    try:
        return f"{process.pid} {process.status()} {process.cmdline()}"
    except psutil.Error:
        return f"{process.pid} has just ended"


@pytest.fixture
async def trace(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Trace]:
    """Nothing that the test has started is left when it ends: not a process, not a zombie, not a descriptor."""
    found = Trace(f"1000.{random.randrange(10**9):09}")
    monkeypatch.setenv("TRACE", found.number)
    descriptors = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
    children = set(psutil.Process().children(recursive=True))
    yield found
    until = time.monotonic() + 2
    while (left := found.alive()) and time.monotonic() < until:
        await asyncio.sleep(0.02)
    assert not left
    assert not [shown(child) for child in set(psutil.Process().children(recursive=True)) - children]
    if descriptors:
        assert len(os.listdir("/proc/self/fd")) <= descriptors


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    async def ask_user(question: str, choices: tuple[str, ...]) -> str:
        return f"{question} {'/'.join(choices)}"

    root = tmp_path / "work"
    root.mkdir()
    return Workspace(
        root=root.resolve(),
        also=(),
        overflow=tmp_path / "overflow",
        ask_user=ask_user,
        show_output=lambda call_id, text: None,
        jobs=Jobs(),
        command_limit=30.0,
        command_silence=30.0,
    )


@pytest.fixture
def root(workspace: Workspace) -> Path:
    return workspace.root


@pytest.fixture
def call(workspace: Workspace) -> Call:
    """`await call("read", path="a.py")`: the arguments go through JSON, as a model's do."""

    async def made(name: str, /, **arguments: Any) -> Output:
        tool = installed_tools().open(ToolCall(id="c1", name=name, arguments=json.dumps(arguments)))
        return await tool.run(workspace, "c1")

    return made

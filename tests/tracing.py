"""Whether what a test has started is gone when it ends."""

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest


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

"""What a checkpoint costs: the first look, a step with a command and one with an edit in the steady state, going back.

Bound: 300 ms for a step (both looks, before and after) in a folder of 10,000 files.
"""

import asyncio
import os
import random
import resource
import statistics
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from kcode.memory.checkpoints import Checkpoints
from kcode.memory.keeping import place_for

BOUND = 0.3
"""Seconds for a step at the first of SIZES."""
SIZES = (10_000, 100_000)
STEPS = 7


def fill(root: Path, count: int) -> int:
    """A tree of source files, ten in a folder; its bytes."""
    chance, size = random.Random(1), 0
    for number in range(count):
        folder = root / f"p{number // 1000}" / f"m{number // 10 % 100}"
        if number % 10 == 0:
            folder.mkdir(parents=True, exist_ok=True)
        text = f"def f{number}(x): return x + {number}\n" * chance.randint(5, 80)
        size += len(text)
        (folder / f"f{number}.py").write_text(text)
    return size


async def seconds(work: Callable[[], Awaitable[object]]) -> float:
    began = time.monotonic()
    await work()
    return time.monotonic() - began


async def step(checkpoints: Checkpoints, paths: list[Path] | None, change: Path, text: str) -> float:
    """What the checkpoint adds to a call that changes one file."""
    began = time.monotonic()
    async with checkpoints.around("main", paths):
        ready = time.monotonic()
        change.write_text(text)
        done = time.monotonic()
    return time.monotonic() - began - (done - ready)


async def measured(root: Path, file: Path, count: int) -> float:
    """Prints the figures of one size; the seconds of a step with a command."""
    checkpoints = Checkpoints(place_for(root, (), 10_000_000), "benchmark", file, 2_000_000_000, 14.0)
    first = root / "p0" / "m0" / "f0.py"
    began = await step(checkpoints, None, first, "begun\n")
    began_again = await step(
        checkpoints, None, first, "again\n"
    )  # what is younger than two seconds is read again
    time.sleep(2)
    await step(checkpoints, None, first, "settled\n")
    commands = [await step(checkpoints, None, first, f"{number}\n") for number in range(STEPS)]
    edits = [await step(checkpoints, [first], first, f"edited {number}\n") for number in range(STEPS)]
    plan = await checkpoints.plan_undo()
    assert plan is not None
    back = await seconds(lambda: checkpoints.carry_out(plan))
    size = file.stat().st_size
    checkpoints.close()
    command = statistics.median(commands)
    print(
        f"{count:7,} files  the first {began:7.2f} s, the next {began_again:.2f} s; it takes {size / 1e6:.1f} MB"
    )
    print(f"               a command {command * 1000:7.0f} ms a step (longest {max(commands) * 1000:.0f})")
    print(f"               an edit   {statistics.median(edits) * 1000:7.1f} ms a step")
    print(f"               undo      {back * 1000:7.1f} ms")
    return command


def git_status(root: Path) -> float:
    """For comparison: what git itself takes to look at the same files, warm."""
    environment = os.environ | {"GIT_CONFIG_GLOBAL": os.devnull}
    for arguments in (["init", "-q"], ["add", "-A"], ["status", "--porcelain"]):
        subprocess.run(["git", *arguments], cwd=root, env=environment, check=True, capture_output=True)
    began = time.monotonic()
    subprocess.run(
        ["git", "status", "--porcelain"], cwd=root, env=environment, check=True, capture_output=True
    )
    return time.monotonic() - began


def main() -> int:
    """1 when a step takes too long."""
    steps = {}
    for count in SIZES:
        with tempfile.TemporaryDirectory(prefix="kcode-checkpoints-") as base:
            root = Path(base).resolve() / "work"
            size = fill(root, count)
            steps[count] = asyncio.run(measured(root, Path(base) / "kept" / "x.sqlite3", count))
            status = git_status(root)
            print(f"               {size / 1e6:.0f} MB of text; git status {status * 1000:.0f} ms")
    print(f"memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000:.0f} MB at most")
    return 1 if steps[SIZES[0]] > BOUND else 0


if __name__ == "__main__":
    raise SystemExit(main())

"""Parsing in processes of its own: tree-sitter keeps Python's lock while it parses (with two threads it takes longer
than with one), and a grammar that crashes, or never ends, takes only its process with it.

A worker reads names from its standard input, divided by NUL, and answers each with a line: a key and tags, in JSON.
"""

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from kcode.memory.code.reading import data_of, dumped, key_of, tags_of
from kcode.processes.environment import clean_environment

log = logging.getLogger(__name__)

MOST_WORKERS = 4
LONG_FOR_ONE = 10
"""Seconds for one file, after which its worker ends."""
LONGEST_LINE = 1 << 24
FALSE_STARTS = 3
WORTH_A_SECOND = 200
"""Files for which another worker is started."""

Found = Callable[[str, str, str], Awaitable[None]]
"""Is told a file's name, the key of its content, and its tags as `dumped` wrote them."""


async def parse(root: Path, names: Sequence[str], found: Found) -> None:
    """Parse these files of `root`, until it is cancelled. A file that breaks its parser defines nothing."""
    count = max(1, min(MOST_WORKERS, os.cpu_count() or 1, len(names) // WORTH_A_SECOND))
    async with asyncio.TaskGroup() as group:
        for number in range(count):
            group.create_task(_share(root, names[number::count], found))


async def _share(root: Path, names: Sequence[str], found: Found) -> None:
    false_starts = 0
    while names and false_starts < FALSE_STARTS:
        try:
            done = await _worker(root, names, found)
        except OSError as error:
            log.warning("no process to parse in: %s", error)
            return
        if done < len(names):  # This one has ended the worker.
            log.warning("%s cannot be parsed", names[done])
            data = await asyncio.to_thread(data_of, root / names[done])
            await found(names[done], key_of(names[done], data), "[[],[]]")
        false_starts = false_starts + 1 if done == 0 else 0
        names = names[done + 1 :]


async def _worker(root: Path, names: Sequence[str], found: Found) -> int:
    """How many of the files it answered before it ended."""
    process = await asyncio.create_subprocess_exec(
        *_command(),
        str(root),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=clean_environment(),
        limit=LONGEST_LINE,
        start_new_session=True,
    )
    done = 0
    try:
        assert process.stdin and process.stdout
        process.stdin.write("\0".join(names).encode())
        process.stdin.close()
        async for line in process.stdout:
            key, tags = json.loads(line)
            await found(names[done], key, tags)
            done += 1
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return done


def _command() -> list[str]:
    """Python with the very modules that this process has, and nothing of the working folder."""
    path = [entry for entry in sys.path if Path(entry).is_absolute()]
    return [
        sys.executable,
        "-I",
        "-c",
        f"import sys; sys.path[:] = {path!r}; from {__name__} import work; work()",
    ]


def work() -> None:
    """What the worker does. Its parent may end at any time: then there is nobody to write to, and it ends, too."""
    root = Path(sys.argv[1])
    for name in sys.stdin.buffer.read().decode().split("\0"):
        if hasattr(signal, "alarm"):
            signal.alarm(LONG_FOR_ONE)
        data = data_of(root / name)
        sys.stdout.write(json.dumps([key_of(name, data), dumped(tags_of(name, data))]) + "\n")
        sys.stdout.flush()

"""Looking for a pattern in files: by ripgrep where it is, else by our own grep; the same answer by both."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kcode.errors import ToolError
from kcode.processes.environment import clean_environment
from kcode.tools.files import grep
from kcode.tools.files.hits import Hits

SECONDS = 20.0
ARGUMENTS = 200_000
"""Characters of file names on one command line."""
NO_REGEX = 2
"""Exit code of both, when they also say why."""
PIECE = 1 << 18
SPECIAL = "\\.^$|?*+()[]{}"


@dataclass(frozen=True, slots=True)
class Wanted:
    pattern: str
    context: int
    """Lines around each hit."""
    is_literal: bool = False


async def seek(
    wanted: Wanted, folder: Path, names: list[str], ripgrep: str | None, seconds: float = SECONDS
) -> Hits:
    """The hits in text files of a folder, as far as time allows. ToolError when the pattern is no regex."""
    hits = Hits()
    try:
        async with asyncio.timeout(seconds):
            if not (ripgrep and names and await _by_ripgrep(ripgrep, wanted, folder, names, hits)):
                await _by_grep(wanted, folder, names, hits)
    except TimeoutError:
        hits.is_stopped = True
    return hits


def escape(text: str) -> str:
    """As a regex for either engine."""
    return "".join("\\" + char if char in SPECIAL else char for char in text)


async def _by_ripgrep(program: str, wanted: Wanted, folder: Path, names: list[str], hits: Hits) -> bool:
    """False: the pattern is none for ripgrep. It may be one for Python, which can look around and back."""
    options = ["--no-config", "--json", "--crlf", "--no-mmap", "--no-messages", f"--context={wanted.context}"]
    options += ["--fixed-strings"] if wanted.is_literal else []
    for batch in _batches(names):
        command = [program, *options, "--", wanted.pattern, *batch]
        code, words = await _run(command, b"", folder, hits)
        if code == NO_REGEX and words:
            return False
        if hits.is_full:
            break
    return True


async def _by_grep(wanted: Wanted, folder: Path, names: list[str], hits: Hits) -> None:
    request = {"pattern": wanted.pattern, "literal": wanted.is_literal, "context": wanted.context}
    command = [sys.executable, "-I", "-S", grep.__file__]
    code, words = await _run(command, json.dumps(request | {"files": names}).encode(), folder, hits)
    if code == NO_REGEX:
        hint = f" For literal text, escape it: {escape(wanted.pattern)}"
        raise ToolError(f"{wanted.pattern!r} is no regex: {words}.{hint}")


def _batches(names: list[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for name in names:
        if size + len(name) > ARGUMENTS:
            yield batch
            batch, size = [], 0
        batch.append(name)
        size += len(name) + 1
    yield batch


async def _run(command: list[str], request: bytes, folder: Path, hits: Hits) -> tuple[int, str]:
    """Exit code and words of a grep, whose output goes to `hits` until they are full; it never lives on."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env=clean_environment(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdin and process.stderr
    try:
        _, words, _ = await asyncio.gather(
            _send(process.stdin, request), process.stderr.read(), _receive(process, hits)
        )
        return await process.wait(), words.decode(errors="replace").strip()
    finally:
        _kill(process)
        with suppress(TimeoutError):
            async with asyncio.timeout(1):
                await process.communicate()  # What is still in the pipes keeps them open.


async def _send(stream: asyncio.StreamWriter, request: bytes) -> None:
    with suppress(ConnectionError):  # It has ended already; its exit code says why.
        stream.write(request)
        await stream.drain()
        stream.close()
        await stream.wait_closed()


async def _receive(process: asyncio.subprocess.Process, hits: Hits) -> None:
    assert process.stdout
    while not hits.is_full and (data := await process.stdout.read(PIECE)):
        hits.feed(data)
    if hits.is_full:
        _kill(process)
        await process.stdout.read()


def _kill(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)

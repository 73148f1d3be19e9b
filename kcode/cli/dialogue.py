"""`--input-format stream-json`: what another program says to a session, a JSON object a line.

{"type": "say", "text": "fix the test"}   a prompt, or `/name …` for a command of the user's own; a model at work
    hears it before its next step
{"type": "answer", "id": "q1", "answer": "once", "words": ""}   to an approval (once, always, no) or a question
{"type": "cancel"}   stop at once; with "task": "1" that subtask alone (`say` takes a task, too)
{"type": "switch", "mode": "ask", "model": "provider/name"}
"""

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from kcode.events import MAIN, Effort
from kcode.messages import Record

LONGEST_LINE = 10_000_000


class Say(Record):
    type: Literal["say"]
    text: str = Field(min_length=1)
    task: str = MAIN


class Answer(Record):
    type: Literal["answer"]
    id: str
    answer: str
    words: str = ""


class Cancel(Record):
    type: Literal["cancel"]
    task: str = MAIN


class Switch(Record):
    type: Literal["switch"]
    mode: str
    model: str
    effort: Effort | None = None


Command = Annotated[Say | Answer | Cancel | Switch, Field(discriminator="type")]
any_command: TypeAdapter[Command] = TypeAdapter(Command)


async def commands(descriptor: int) -> AsyncIterator[Command]:
    """Until the other side closes. A line that is no command is named on standard error, and skipped."""
    async for line in _lines(descriptor):
        try:
            yield any_command.validate_json(line)
        except ValidationError as error:
            why = "; ".join(
                f"{'.'.join(map(str, e['loc']))}: {e['msg']}".lstrip(": ") for e in error.errors()
            )
            print(f"! A line on standard input is no command and is skipped: {why}", file=sys.stderr)


async def _lines(descriptor: int) -> AsyncIterator[bytes]:
    """A thread reads, since a file, a pipe and a terminal are waited for in different ways."""
    arrived: asyncio.Queue[bytes] = asyncio.Queue()
    threading.Thread(
        target=_read,
        args=(descriptor, asyncio.get_running_loop(), arrived),
        name="standard input",
        daemon=True,
    ).start()
    rest = b""
    while data := await arrived.get():
        *whole, rest = (rest + data).split(b"\n")
        for line in whole:
            if line.strip():
                yield line
        if len(rest) > LONGEST_LINE:
            rest = b""
    if rest.strip():
        yield rest


def _read(descriptor: int, loop: asyncio.AbstractEventLoop, arrived: "asyncio.Queue[bytes]") -> None:
    data = b"nothing yet"
    while data and not loop.is_closed():
        data = os.read(descriptor, 65536)
        try:
            loop.call_soon_threadsafe(arrived.put_nowait, data)
        except RuntimeError:  # the loop has ended meanwhile: nobody wants to know any more
            return

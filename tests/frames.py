"""A server that plays recorded frames: for the wires that the scripted provider does not speak."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

Frame = bytes | float
"""A piece of the body, or seconds to wait."""


@dataclass(slots=True)
class Server:
    """Answers every request with `frames`, and remembers what came."""

    url: str = ""
    frames: Sequence[Frame] = ()
    status: str = "200 OK"
    """'' hangs up without an answer."""
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "text/event-stream"})
    paths: list[str] = field(default_factory=list)
    heads: list[dict[str, str]] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a client went away before the last frame."""

    def play(self, *frames: Frame, **terms: Any) -> None:
        self.frames = frames
        self.status = terms.get("status", "200 OK")
        self.headers = {"content-type": "text/event-stream", **terms.get("headers", {})}

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request, and the end of the connection."""
        first, *rest = (await reader.readuntil(b"\r\n\r\n")).decode().strip().splitlines()
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in rest)}
        self.paths.append(first.split()[1])
        self.heads.append(headers)
        self.bodies.append(json.loads(await reader.readexactly(int(headers["content-length"]))))
        if not self.status:
            writer.transport.abort()
            return
        head = [f"HTTP/1.1 {self.status}", "connection: close", *map(": ".join, self.headers.items())]
        writer.write("\r\n".join([*head, "", ""]).encode())
        for frame in self.frames:
            if isinstance(frame, bytes):
                writer.write(frame)
            elif await _left_within(reader, frame):
                self.left.set()
                break
        writer.close()


async def _left_within(reader: asyncio.StreamReader, seconds: float) -> bool:
    try:
        return await asyncio.wait_for(reader.read(1), seconds) == b""
    except TimeoutError:
        return False


@asynccontextmanager
async def serving() -> AsyncIterator[Server]:
    played = Server()
    listening = await asyncio.start_server(played.answer, "127.0.0.1", 0)
    played.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield played
    finally:
        listening.close()


def sse(*events: dict[str, Any]) -> bytes:
    """Server-sent events, with the text as it is, as most servers write it."""
    return b"".join(f"data: {json.dumps(event, ensure_ascii=False)}\n\n".encode() for event in events)

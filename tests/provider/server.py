"""The server: a real one, on the loopback, in a thread of its own with its own event loop."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from kcode.scripted.anthropic import AnthropicWire
from kcode.scripted.cache import Clock
from kcode.scripted.exchange import Exchange
from kcode.scripted.invoice import Row
from kcode.scripted.openai import OpenAIWire
from kcode.scripted.scenario import Scenario
from kcode.scripted.state import Received, State
from kcode.scripted.wire import Wire

LARGEST_BODY = 1 << 30


class ScriptedProvider:
    """Plays a scenario over HTTP while its `with` block lasts (or between `start` and `close`).

    `url` is the base of the Anthropic wire, `url + "/v1"` that of the OpenAI wire. The lists are copies.
    """

    def __init__(self, scenario: Scenario | dict[str, Any] | str | Path, *, port: int = 0) -> None:
        self._state = State(Scenario.of(scenario))
        self._port = port
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self.url = ""

    def start(self) -> Self:
        """Returns when requests can come."""
        started: Future[str] = Future()
        self._thread = threading.Thread(
            target=self._run, args=(started,), name="scripted provider", daemon=True
        )
        self._thread.start()
        self.url = started.result()
        return self

    def close(self) -> None:
        """Ends every connection; what was seen can still be read."""
        if self._loop and self._thread:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()
            self._loop = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def scenario(self) -> Scenario:
        return self._state.scenario

    @property
    def requests(self) -> list[Received]:
        return list(self._state.requests)

    @property
    def invoice(self) -> list[Row]:
        return list(self._state.invoice)

    @property
    def total(self) -> int:
        """The sum of the invoice in micro-dollars; requests without a price count nothing."""
        return sum(row.micro_dollars or 0 for row in self.invoice)

    @property
    def mismatches(self) -> list[str]:
        """What did not go as the scenario expected, or broke the rules of the wire."""
        return list(self._state.mismatches)

    @property
    def clock(self) -> Clock:
        return self._state.clock

    def wait_for(self, n_requests: int, timeout: float = 5) -> list[Received]:
        """Waits until so many requests have come."""
        self._state.wait(lambda: len(self._state.requests) >= n_requests, timeout)
        return self.requests

    def wait_for_request(self, number: int, timeout: float = 5) -> Received:
        """Waits until the request with this number (from 1) has come."""
        return self.wait_for(number, timeout)[number - 1]

    def wait_for_first_byte(self, number: int, timeout: float = 5) -> Received:
        """Waits until the reply to this request has begun."""
        return self._wait_for_time("first_byte", number, timeout)

    def wait_for_hang_up(self, number: int, timeout: float = 5) -> Received:
        """Waits until the client of this request was seen to hang up; its bill is written by then."""
        return self._wait_for_time("hung_up", number, timeout)

    def wait_for_end(self, number: int, timeout: float = 5) -> Received:
        """Waits until this request is over, in whatever way."""
        return self._wait_for_time("ended", number, timeout)

    def _wait_for_time(self, name: str, number: int, timeout: float) -> Received:
        received = self.wait_for_request(number, timeout)
        self._state.wait(lambda: getattr(received, name) is not None, timeout)
        return received

    def _run(self, started: Future[str]) -> None:
        asyncio.run(self._serve(started))

    async def _serve(self, started: Future[str]) -> None:
        self._loop = asyncio.get_running_loop()
        # A timeout of 0 would be none at all.
        runner = web.AppRunner(self._app(), handler_cancellation=True, access_log=None, shutdown_timeout=0.01)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", self._port).start()
            started.set_result(f"http://127.0.0.1:{runner.addresses[0][1]}")
            await self._stop.wait()
        except OSError as error:
            started.set_exception(error)
        finally:
            self._state.is_closing = True
            await runner.cleanup()

    def _app(self) -> web.Application:
        app = web.Application(client_max_size=LARGEST_BODY)
        base = r"/{base:(?:api/)?(?:v1/)?}"
        app.router.add_post(base + "chat/completions", self._openai)
        app.router.add_post(base + "messages", self._anthropic)
        app.router.add_get(base + "models", self._models)
        return app

    async def _openai(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, OpenAIWire())

    async def _anthropic(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, AnthropicWire())

    async def _answer(self, request: web.Request, wire: Wire) -> web.StreamResponse:
        arrived = time.monotonic()
        raw = await request.read()
        received = self._received(request, wire, raw, arrived)
        self._state.requests.append(received)
        self._state.changed()
        return await Exchange(self._state, wire, request, received).answer()

    def _received(self, request: web.Request, wire: Wire, raw: bytes, arrived: float) -> Received:
        headers = {name.lower(): value for name, value in request.headers.items()}
        return Received(len(self._state.requests) + 1, wire.name, headers, raw, arrived)

    async def _models(self, request: web.Request) -> web.StreamResponse:
        wire: Wire = AnthropicWire() if "anthropic-version" in request.headers else OpenAIWire()
        asked = self._received(request, wire, b"", time.monotonic())
        if self.scenario.require_key not in (None, asked.key):
            refusal = wire.refusal("bad_key")
            return web.json_response(refusal.body, status=refusal.status)
        return web.json_response(wire.models(list(self.scenario.models or self.scenario.prices)))

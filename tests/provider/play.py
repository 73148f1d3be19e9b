"""The playing of one reply, with its faults, and its bill."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import time
from typing import NoReturn

from aiohttp import web

from kcode.scripted.answers import Answers
from kcode.scripted.asked import Asked
from kcode.scripted.faults import bend, is_due, is_free
from kcode.scripted.invoice import Row, Usage, micro_dollars
from kcode.scripted.reply import Reply, Sent, compose, cut, digest
from kcode.scripted.scenario import Fault, Step
from kcode.scripted.state import State
from kcode.scripted.wire import Bill

FOREVER = 1e6


class Performance:
    """Sends one reply. However that ends, it is billed once."""

    def __init__(
        self,
        state: State,
        answers: Answers,
        request: web.Request,
        asked: Asked,
        step: Step,
        fault: Fault | None,
    ) -> None:
        self.state = state
        self.answers = answers
        self.wire = answers.wire
        self.received = answers.received
        self.request = request
        self.asked = asked
        self.step = step
        self.fault = fault
        self.price = state.scenario.prices.get(asked.model)
        self.reply = self.made()
        self.sent = Sent(self.reply)
        owner = (self.wire.name, asked.model, self.received.key)
        self.found = state.cache.read(state.scenario.cache.kind_on(self.wire.name), owner, asked.blocks)
        self.is_settled = False
        self.is_cut_by_us = False

    def made(self) -> Reply:
        """The step as a reply, no longer than the client allows, and bent by the fault."""
        seed = digest(str(self.received.number), self.received.raw.decode(errors="replace"))
        reply = compose(self.step, self.state.scenario.values, self.asked.model, seed)
        if self.asked.max_tokens:
            reply = cut(reply, self.asked.max_tokens)
        return bend(reply, self.fault)

    async def play(self) -> web.StreamResponse:
        """Answers, and notes when the client leaves before the end."""
        try:
            if self.fault and self.fault.kind == "reset":
                await self.abort()
            await asyncio.sleep(self.step.first_delay)
            return await (self.stream() if self.asked.stream else self.single())
        except (asyncio.CancelledError, ConnectionError):
            self.settle(whole=False)
            if not (self.is_cut_by_us or self.state.is_closing):
                self.received.hung_up = time.monotonic()
            raise asyncio.CancelledError from None

    async def stream(self) -> web.StreamResponse:
        """The reply in events; the opening goes with the first delta, the bill is written before the end."""
        headers = {**self.answers.headers, "content-type": "text/event-stream; charset=utf-8"}
        response = web.StreamResponse(headers=headers)
        await response.prepare(self.request)
        self.received.status = response.status
        deltas = list(self.wire.deltas(self.reply))
        opening = self.wire.opening(self.reply, self.bill())
        for number, delta in enumerate(deltas):
            if await self.strikes(response, number):
                return await self.ended(response, whole=False)
            await asyncio.sleep(self.step.pace if number else 0)
            await response.write(opening + delta.data if number == 0 else delta.data)
            self.sent.add(delta.index, delta.size)
            if number == 0:
                self.begun()
        if await self.strikes(response, len(deltas), is_end=True):
            return await self.ended(response, whole=False)
        closing = self.wire.closing(self.reply, self.bill())
        if not deltas:
            self.begun()
            closing = opening + closing
        return await self.ended(response, closing)

    async def ended(
        self, response: web.StreamResponse, last: bytes = b"", *, whole: bool = True
    ) -> web.StreamResponse:
        self.settle(whole=whole)
        await response.write_eof(last)
        return response

    def begun(self) -> None:
        """The first token has left: what the request stored can be read by others."""
        self.received.first_byte = time.monotonic()
        self.state.cache.write(self.found)
        self.state.changed()

    async def strikes(self, response: web.StreamResponse, number: int, is_end: bool = False) -> bool:
        """Lets a fault in mid-stream happen when it is its turn; true when the stream ends with it."""
        fault = self.fault
        if fault is None or not is_due(fault, number, is_end):
            return False
        match fault.kind:
            case "reset_mid":
                # What was sent shall arrive: a reset throws away what still waits in the sender.
                await asyncio.sleep(0.01)
                await self.abort()
            case "stall":
                await asyncio.sleep(fault.seconds or FOREVER)
            case "keepalive_stall":
                await self.keep_alive(response, fault.seconds or FOREVER)
            case "malformed_sse":
                await response.write(b'data: {"id": "cut in the mid\n\n')
            case "error_event":
                self.settle(whole=False)
                await response.write(self.error_event(fault))
        return fault.kind in ("eof_mid", "error_event")

    def error_event(self, fault: Fault) -> bytes:
        kind = {429: "rate_limit", 500: "server_error"}.get(fault.status or 0, "overloaded")
        return self.wire.error_event(self.wire.refusal(kind, model=self.asked.model))

    async def keep_alive(self, response: web.StreamResponse, seconds: float) -> None:
        """Comments, and nothing else."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            await response.write(b": keep-alive\n\n")
            await asyncio.sleep(0.05)

    async def single(self) -> web.StreamResponse:
        """The reply in one piece. A fault in mid-stream strikes before the headers, or halves the body."""
        text = json.dumps(self.wire.whole(self.reply, self.bill()), ensure_ascii=False)
        match self.fault.kind if self.fault else None:
            case "stall" | "keepalive_stall":
                await asyncio.sleep((self.fault and self.fault.seconds) or FOREVER)
            case "reset_mid":
                await self.abort()
            case "error_event":
                self.settle(whole=False)
                return self.answers.refusal("overloaded")
            case "eof_mid" | "malformed_sse":
                self.settle(whole=False)
                return self.answers.plain(200, text[: len(text) // 2])
        self.sent.add_all()
        self.begun()
        self.settle(whole=True)
        return self.answers.plain(200, text)

    async def abort(self) -> NoReturn:
        """Ends the connection with a TCP reset."""
        self.is_cut_by_us = True
        self.settle(whole=False)
        if (transport := self.request.transport) is not None:
            linger = struct.pack("ii", 1, 0)
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            transport.abort()
        # The lost connection cancels us.
        await asyncio.sleep(FOREVER)
        raise asyncio.CancelledError

    def bill(self) -> Bill | None:
        """What the reply tells about its tokens and price, as if all of it will be sent."""
        scenario = self.state.scenario
        if not (scenario.report_usage and self.asked.wants_usage):
            return None
        everything = Sent(self.reply)
        everything.add_all()
        usage = self.usage(everything)
        cost = micro_dollars(usage, self.price) if scenario.openrouter_cost else None
        return Bill(usage, None if cost is None else cost / 1e6)

    def usage(self, sent: Sent) -> Usage:
        return self.found.usage.model_copy(update={"output": sent.output, "reasoning": sent.reasoning})

    def settle(self, *, whole: bool) -> None:
        """Writes the row of the invoice, once: the input, and the output that had been sent."""
        if self.is_settled or is_free(self.fault):
            return
        self.is_settled = True
        seen = self.received
        seen.usage = self.usage(self.sent)
        seen.micro_dollars = micro_dollars(seen.usage, self.price)
        self.state.invoice.append(
            Row(
                number=seen.number,
                wire=seen.wire,
                model=seen.model,
                lane=seen.lane,
                step=seen.step,
                usage=seen.usage,
                micro_dollars=seen.micro_dollars,
                whole=whole,
            )
        )

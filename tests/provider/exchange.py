"""One request, from its bytes to its answer: understand it, find its step, check it, play the reply."""

from __future__ import annotations

import json
import re
import time

from aiohttp import web

from kcode.scripted.answers import Answers
from kcode.scripted.asked import Asked, place, step_at
from kcode.scripted.faults import BODIES, ERRORS
from kcode.scripted.play import Performance
from kcode.scripted.scenario import Fault, Step
from kcode.scripted.state import Received, State
from kcode.scripted.wire import Json, Wire

LOST = Step(text="The scenario has no reply to this.")
MOST_MARKS = 4


class Refused(Exception):
    """The request is answered with an error of this kind."""

    def __init__(self, kind: str, message: str | None = None) -> None:
        super().__init__(message or kind)
        self.kind = kind
        self.message = message


class Exchange:
    """Answers one request; used once."""

    def __init__(self, state: State, wire: Wire, request: web.Request, received: Received) -> None:
        self.state = state
        self.scenario = state.scenario
        self.wire = wire
        self.request = request
        self.received = received
        self.answers = Answers(wire, received)

    async def answer(self) -> web.StreamResponse:
        """The response, whatever happens on the way to it."""
        try:
            body, asked = self.understood()
            step, fault = self.found(asked)
            if fault and fault.kind in ERRORS | BODIES:
                return self.answers.failure(fault)
            self.check(body, asked, step)
            return await Performance(self.state, self.answers, self.request, asked, step, fault).play()
        except Refused as refused:
            return self.answers.refusal(refused.kind, refused.message)
        finally:
            self.received.ended = time.monotonic()
            self.state.changed()

    def understood(self) -> tuple[Json, Asked]:
        """The request as read by its wire."""
        seen = self.received
        try:
            seen.body = json.loads(seen.raw)
            asked = self.wire.read(seen.body)
        except Exception as error:
            raise Refused("bad_request", f"We could not make sense of your request: {error!r}") from error
        seen.model = asked.model
        seen.prefix_blocks = tuple(asked.blocks)
        if self.scenario.require_key not in (None, seen.key):
            raise Refused("bad_key")
        return seen.body, asked

    def found(self, asked: Asked) -> tuple[Step, Fault | None]:
        """The step of the scenario, and the fault that waits there."""
        where = place(self.scenario.lanes, asked)
        if where:
            self.received.lane, self.received.step = where.lane, where.step
        fault = self.state.faults.take(self.received.number, where)
        self.received.fault = fault.kind if fault else None
        return step_at(self.scenario.lanes, where) or LOST, fault

    def check(self, body: Json, asked: Asked, step: Step) -> None:
        """Refuses what the real provider refuses, and what the scenario does not expect; notes both."""
        if problem := self.wire.flaw(body) or self.mark_flaw(asked) or self.surprise(asked, step):
            self.mismatch(problem)
            raise Refused("bad_request", problem)
        if step is LOST:
            place = f"lane {self.received.lane}, step {self.received.step}"
            self.mismatch(f"no reply for {place}: {asked.news[-200:]!r}")
        size = sum(block.tokens for block in asked.blocks)
        if self.scenario.window is not None and size > self.scenario.window:
            raise Refused("context_overflow")

    def mismatch(self, problem: str) -> None:
        self.state.mismatches.append(f"request {self.received.number}: {problem}")

    def surprise(self, asked: Asked, step: Step) -> str | None:
        """Says so when what the step expects is not there."""
        if step.expect is None or re.search(step.expect, asked.news):
            return None
        return f"The scenario expected {step.expect!r} in {asked.news[-2000:]!r}"

    def mark_flaw(self, asked: Asked) -> str | None:
        """The rules for cache marks, where marks mean something."""
        if self.scenario.cache.kind_on(self.wire.name) != "explicit":
            return None
        marks = [block.mark for block in asked.blocks if block.mark]
        if len(marks) > MOST_MARKS:
            return f"A maximum of 4 blocks with cache_control may be provided. Found {len(marks)}."
        if "5m" in marks and "1h" in marks[marks.index("5m") :]:
            return "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block."
        return None

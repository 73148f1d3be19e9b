"""The answers that are no stream: a reply in one piece, an error, or a body that makes no sense."""

from __future__ import annotations

import json

from aiohttp import web

from kcode.scripted.faults import retry_headers
from kcode.scripted.scenario import Fault
from kcode.scripted.state import Received
from kcode.scripted.wire import Wire


class Answers:
    """Makes the responses to one request, and notes their status."""

    def __init__(self, wire: Wire, received: Received) -> None:
        self.wire = wire
        self.received = received
        name = f"req_{received.number:06d}"
        self.headers = {"request-id": name, "x-request-id": name}

    def plain(self, status: int, text: str, kind: str = "application/json") -> web.Response:
        """A response with this body."""
        self.received.status = status
        return web.Response(status=status, text=text, content_type=kind, headers=self.headers)

    def refusal(self, kind: str, message: str | None = None, fault: Fault | None = None) -> web.Response:
        """An error in the wire's words, with the fault's own status and headers."""
        error = self.wire.refusal(kind, message, self.received.model)
        if fault:
            self.headers.update(retry_headers(fault))
        if fault and fault.echo_key:
            error.body["error"]["message"] += f" The key was {self.received.key}."
        status = fault.status if fault and fault.status else error.status
        return self.plain(status, json.dumps(error.body))

    def failure(self, fault: Fault) -> web.Response:
        """The answer of a fault that leaves no reply."""
        if fault.kind == "html":
            return self.plain(200, "<!doctype html><html><body><h1>Welcome</h1></body></html>", "text/html")
        if fault.kind == "not_json":
            return self.plain(fault.status or 400, "upstream said no", "text/plain")
        if fault.kind == "empty":
            return self.plain(200, "", "text/event-stream")
        return self.refusal(fault.kind, fault=fault)

"""What the provider knows: its scenario, its cache, its books, and every request it has seen."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from kcode.scripted.blocks import Block, shared
from kcode.scripted.cache import Cache, Clock
from kcode.scripted.faults import Faults
from kcode.scripted.invoice import Row, Usage
from kcode.scripted.scenario import Scenario

NOTHING = Usage()


@dataclass(slots=True, eq=False)
class Received:
    """One request and what became of it. All times are of `time.monotonic()`.

    `first_byte`: when the first piece of the reply (not the headers) left. `hung_up`: when the client was
    seen to leave before the end. `usage`, `micro_dollars`: what was billed, 0 for an error, None unpriced.
    """

    number: int
    wire: str
    headers: dict[str, str]
    raw: bytes
    arrived: float
    body: dict[str, Any] = field(default_factory=dict)
    model: str = ""
    status: int | None = None
    first_byte: float | None = None
    ended: float | None = None
    hung_up: float | None = None
    fault: str | None = None
    lane: int | None = None
    step: int | None = None
    usage: Usage = NOTHING
    micro_dollars: int | None = 0
    prefix_blocks: tuple[Block, ...] = ()

    @property
    def key(self) -> str:
        """The key it came with."""
        return self.headers.get("x-api-key") or self.headers.get("authorization", "").removeprefix("Bearer ")


def shared_prefix(earlier: Received, later: Received) -> float:
    """The share of the earlier request's bytes with which the later request begins.

    The bytes are those of tools, system and messages in the provider's order, without cache marks.
    """
    return shared(earlier.prefix_blocks, later.prefix_blocks)


class State:
    """Written by the server's thread alone, read by any; `wait` sleeps until something holds."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.clock = Clock()
        self.cache = Cache(scenario.cache, self.clock)
        self.faults = Faults(scenario.faults)
        self.requests: list[Received] = []
        self.invoice: list[Row] = []
        self.mismatches: list[str] = []
        self.is_closing = False
        self._changed = threading.Condition()

    def changed(self) -> None:
        """Tells those who wait to look again."""
        with self._changed:
            self._changed.notify_all()

    def wait(self, holds: Callable[[], bool], timeout: float) -> None:
        """Returns when it holds, or raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(holds, timeout):
                raise TimeoutError(f"waited {timeout} s; {len(self.requests)} requests have come")

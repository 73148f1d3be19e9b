"""What a request asks, the same for both wires, and the place in the scenario it belongs to.

The place is found from the request alone: a client that retries, or was killed and resumes, gets the right
step.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from kcode.scripted.blocks import Block
from kcode.scripted.scenario import Lane, Step


@dataclass(frozen=True, slots=True)
class Turn:
    """A message: what its author said, and what his tools did."""

    role: Literal["user", "assistant"]
    text: str = ""
    results: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as the provider understands it."""

    model: str
    stream: bool
    system: str
    turns: Sequence[Turn]
    blocks: Sequence[Block]
    max_tokens: int | None = None
    wants_usage: bool = True

    @property
    def news(self) -> str:
        """What was said, and what the tools did, since the last reply."""
        ends = [i for i, turn in enumerate(self.turns, start=1) if turn.role == "assistant"]
        return "\n".join(f"{turn.results}\n{turn.text}" for turn in self.turns[max(ends, default=0) :])


@dataclass(frozen=True, slots=True)
class Place:
    """A step of a lane."""

    lane: int
    step: int


def place(lanes: Sequence[Lane], asked: Asked) -> Place | None:
    """The latest prompt that some lane knows decides; the replies after it count the steps."""
    for at in range(len(asked.turns) - 1, -1, -1):
        turn = asked.turns[at]
        if turn.role == "user" and turn.text:
            for number, lane in enumerate(lanes):
                if re.search(lane.match, turn.text) and re.search(lane.match_system or "", asked.system):
                    return Place(number, sum(later.role == "assistant" for later in asked.turns[at:]))
    return None


def step_at(lanes: Sequence[Lane], where: Place | None) -> Step | None:
    """The step of a place; None when the lane has ended before."""
    if where is None or where.step >= len(lanes[where.lane].steps):
        return None
    return lanes[where.lane].steps[where.step]

"""A request as it is reported."""

from dataclasses import dataclass
from typing import Literal

from kcode.events import SpendState
from kcode.messages import Usage

State = Literal["reserved"] | SpendState


@dataclass(frozen=True, slots=True)
class Row:
    id: str
    session: str
    task: str
    mode: str
    model: str
    provider: str
    purpose: str
    root: str
    repository: str
    reads: str | None
    """What of its input was new: `prompt`, or names of tools; None: an old row that does not tell."""
    parent: str | None
    """Id of the attempt before, when this is another try."""
    state: State
    charged: int | None
    """Micro-dollars; the provider's own word wins over our arithmetic. None: unknown, or still under way."""
    started: float
    """Seconds since 1970."""
    calculated: int | None
    """Micro-dollars by our arithmetic alone."""
    usage: Usage

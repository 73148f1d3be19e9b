"""What is shown of a session, block by block: values, with texts as they came. Whoever shows them makes them safe."""

from dataclasses import dataclass, field
from typing import Literal

from kcode.messages import Change, Todo
from kcode.spend.total import Total

State = Literal["writing", "waiting", "asking", "running", "ok", "failed", "stopped"]
Tone = Literal["info", "warning", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    key: int = field(compare=False)
    """Stays the same while the block changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said(Base):
    """By the user."""

    text: str
    images: int = 0
    mode: str = ""
    model: str = ""
    """Who hears it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replied(Base):
    """By the model."""

    text: str
    is_open: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Thought(Base):
    text: str
    is_open: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Base):
    name: str
    title: str
    state: State
    written: int = 0
    """Characters of arguments, while the model writes them."""
    output: str = ""
    """The end of what a running command has said; see `tail`."""
    result: str = ""
    changes: tuple[Change, ...] = ()
    todos: tuple[Todo, ...] | None = None
    images: int = 0
    began: float | None = None
    ended: float | None = None
    """Seconds since the epoch; None: nobody has said when."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked(Base):
    """A question of the model to the user."""

    text: str
    choices: tuple[str, ...] = ()
    answer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subtask(Base):
    task: str
    mode: str
    model: str
    title: str = ""
    doing: str = ""
    """Its newest call, while it runs."""
    outcome: str = ""
    """Empty while it runs."""
    total: Total = field(default_factory=Total)
    result: str = ""
    """What its parent hears."""
    began: float | None = None
    ended: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice(Base):
    text: str
    tone: Tone = "info"
    details: str = ""
    is_retry: bool = False
    is_switch: bool = False
    """Of mode or model: only the last of several in a row is worth a line."""


Block = Said | Replied | Thought | Call | Asked | Subtask | Notice

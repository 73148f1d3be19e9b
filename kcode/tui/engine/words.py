"""What the engine tells the screen besides events, and what the screen asks of whoever opens sessions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from kcode.events import Effort, Event, Listener
from kcode.messages import Image
from kcode.settings import PermissionMode, Settings

if TYPE_CHECKING:  # the agent is not needed for the first frame
    from kcode.agent.session import Session
    from kcode.llm.catalog import ModelFacts
    from kcode.modes.choice import Models
    from kcode.modes.mode import Mode


@dataclass(frozen=True, slots=True)
class Wish:
    """A session that the user wants to be in."""

    kind: Literal["asked", "new", "resume", "fork", "demo"] = "asked"
    """`asked`: as the command line says."""
    session: str = ""
    """Its id, for `resume` and `fork`."""
    model: str | None = None
    """`provider/name`, chosen on the screen because the settings lead to none."""
    budget: int | None = None
    """Micro-dollars, that of the session before, for `new`."""
    purse: str = ""
    """Whose budget that is, in which all that was spent before counts."""


class Started(Protocol):
    """A session that is ready for its first prompt."""

    @property
    def session(self) -> Session: ...
    @property
    def settings(self) -> Settings: ...
    @property
    def notices(self) -> list[str]: ...
    @property
    def put_away(self) -> ExitStack: ...


@dataclass(frozen=True, slots=True)
class Door:
    """What the command line lends to the screen."""

    open: Callable[[Wish, Listener], Started]
    """The session, with the listener told all that happens from its first event on; KcodeError when it cannot be."""
    report: Callable[[Exception], str]
    """Writes a bug down; where to, as the rest of a sentence."""
    root: Path
    """The folder that is worked in."""
    keep: Callable[[str, str], None]
    """Writes one of the user's settings; KcodeError when that cannot be."""
    worded: Callable[[str], str]
    """The text of a task that kcode words itself, by its name: `init`, `review`."""
    prompt: str = ""
    """What to say first."""
    images: tuple[Image, ...] = ()
    """What goes with it."""
    max_time: float | None = None
    """Seconds that the work on a prompt may take."""
    demo: Callable[[], int] | None = None
    """Shows the program without any key, on a screen of its own; None where this already is that."""
    keeps_sessions: bool = True
    asks_trust: bool = True
    """Whether to ask about what the folder brings."""


@dataclass(frozen=True, slots=True)
class Opened:
    session: str
    root: Path
    past: tuple[Event, ...]
    notices: tuple[str, ...]
    modes: Mapping[str, Mode]
    settings: Settings
    models: Models
    """Of the modes of this session: a copy, in which the screen notes what it hears and what the user picks."""
    times: tuple[float, ...] = ()
    """When each of the past events happened, in seconds since the epoch; empty when nobody knows."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Mode and model of the next request, and what is known of the model."""

    mode: str
    model: str
    effort: Effort | None
    facts: ModelFacts | None
    """None: the name leads to no model."""


@dataclass(frozen=True, slots=True)
class Permitted:
    """What happens without asking from now on."""

    mode: PermissionMode
    sandbox: str = ""
    """What commands run in: `bubblewrap, no network`; "": nothing."""


@dataclass(frozen=True, slots=True)
class Working:
    """Whether the model, or a command of the user's, is at work."""

    is_working: bool
    is_warming_up: bool = field(default=False, compare=False)
    """LiteLLM is still being loaded."""


@dataclass(frozen=True, slots=True)
class Queued:
    """What the user said and the model has not been told yet."""

    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GivenBack:
    """Queued messages that nobody will hear, since the work was stopped."""

    text: str


@dataclass(frozen=True, slots=True)
class NotOpened:
    text: str
    exit_code: int
    wants_key: bool = False


@dataclass(frozen=True, slots=True)
class Broke:
    """The engine died of a bug; what to do."""

    text: str


Word = Opened | Chosen | Permitted | Working | Queued | GivenBack | NotOpened | Broke
Told = Event | Word

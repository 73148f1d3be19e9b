"""Which model a mode talks to, and how hard that thinks: resolved here alone, anew for each request.

The first that has a word on the mode: the session's picks (`-m code=…`, the picker), `-m` for all modes,
`[models]` in the settings, the mode's own file, `[models] default`, the model that the session began with, a
provider whose key is there. Nothing carries over from the mode before, nor from a task to its subtasks.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from kcode.events import Effort
from kcode.llm.catalog import model_with_key
from kcode.settings import Settings

if TYPE_CHECKING:  # the screen chooses before it needs the tools
    from kcode.modes.mode import Mode

EVERY = ""
"""In place of a mode: every one without a word of its own."""


@dataclass(frozen=True, slots=True)
class Choice:
    model: str
    """`provider/name`."""
    effort: Effort | None
    """None: the model's own."""


@dataclass(slots=True)
class Models:
    """Settings and mode files are what is saved; picks hold for this session and are written nowhere."""

    settings: Settings
    modes: "Mapping[str, Mode]"
    picks: dict[str, str] = field(default_factory=dict)
    """Mode -> `provider/model`."""
    efforts: dict[str, Effort] = field(default_factory=dict)
    """Mode -> effort, picked likewise."""
    first: str = ""
    """The model that the session began with; "" before it does."""

    def for_mode(self, mode: str) -> Choice:
        """NoKey when nobody named a model and no provider has a key."""
        return Choice(self.named(mode) or model_with_key(self.settings), self.effort(mode))

    def begin(self, mode: str) -> Choice:
        """For the mode that a session begins in: its model is that of all whom nobody has named one for."""
        choice = self.for_mode(mode)
        self.first = choice.model
        return choice

    def named(self, mode: str) -> str:
        """The model, as far as anybody named one; "" otherwise."""
        return (
            self.picks.get(mode)
            or self.picks.get(EVERY)
            or self.settings.models.get(mode)
            or (self.modes[mode].model if mode in self.modes else None)
            or self.settings.models.get("default")
            or self.first
        )

    def small(self, mode: str) -> str:
        """The model for what is no step of a conversation: summaries, drafts, titles; else that of the mode."""
        return self.picks.get("small") or self.settings.models.get("small") or self.for_mode(mode).model

    def effort(self, mode: str) -> Effort | None:
        return (
            self.efforts.get(mode)
            or self.efforts.get(EVERY)
            or self.settings.effort.get(mode)
            or (self.modes[mode].effort if mode in self.modes else None)
            or self.settings.effort.get("default")
        )

    def copy(self) -> "Models":
        """One whose picks are its own."""
        return replace(self, picks=dict(self.picks), efforts=dict(self.efforts))

    def pick(self, mode: str, model: str, effort: Effort | None = None) -> None:
        """For this mode, in this session; an effort of None leaves it to settings and mode."""
        self.picks[mode] = model
        self.efforts = {key: value for key, value in self.efforts.items() if key != mode}
        if effort is not None:
            self.efforts[mode] = effort

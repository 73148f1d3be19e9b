"""What a command of the screen may reach, and what a command is."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from textual.app import App
from textual.content import Content
from textual.widget import Widget

from kcode.spend.meter import Meter
from kcode.tui.engine.engine import Engine
from kcode.tui.engine.state import State
from kcode.tui.engine.words import Door
from kcode.tui.keymap import Keymap
from kcode.tui.lists.choices import Choice

if TYPE_CHECKING:  # it offers the commands
    from kcode.tui.bottom import Bottom


class Desk(Protocol):
    """The talk, as its commands see it."""

    bottom: "Bottom"

    @property
    def app(self) -> "App[Any]": ...
    @property
    def door(self) -> Door: ...
    @property
    def engine(self) -> Engine: ...
    @property
    def meter(self) -> Meter: ...
    @property
    def state(self) -> State: ...
    @property
    def root(self) -> Path:
        """The folder that is worked in."""

    @property
    def keymap(self) -> Keymap: ...
    @property
    def commands(self) -> "Sequence[Command]": ...

    def notice(self, text: str, *, is_bad: bool = False) -> None:
        """A sentence for the user, that passes."""

    def pick(
        self, title: str, rows: Sequence[Choice], then: Callable[[Choice], None], keys: str = ""
    ) -> None:
        """Let the user choose a row, in the slot above the prompt; nothing happens when none is chosen."""

    def ask(self, title: str, text: str, about: str, then: Callable[[str], None]) -> None:
        """Let the user change a line of text; nothing happens when he leaves it."""

    def say(self, text: str) -> None:
        """As if the user had sent it."""

    def take_keys(self, said: Mapping[str, str]) -> None:
        """Other keys from now on."""

    def show_tasks(self) -> None:
        """The tree of tasks, or no longer."""

    def search(self) -> None:
        """Let the user look for something in the talk."""

    def view(self, title: str, content: "Content | Widget") -> None:
        """A page of text over the talk, until Esc."""

    def work(self, work: Coroutine[Any, Any, None]) -> None:
        """Go on with it beside the screen; a KcodeError in it becomes a notice."""

    def answer_text(self) -> str:
        """The last words of the model, as Markdown."""

    def plain(self) -> str:
        """The whole talk as plain text."""

    def write(self, text: str) -> None:
        """Put it into the prompt."""

    def draft(self) -> str:
        """What is in the prompt, chips unfolded."""

    def leave(self) -> None:
        """End the program."""


Deed = Callable[[Desk, str], None]
"""Does it; the text is what was said after the command's name."""


@dataclass(frozen=True, slots=True)
class Command:
    name: str
    help: str
    does: Deed
    synonyms: tuple[str, ...] = ()
    key: str = ""
    """Name of the key that does the same, in the keymap."""
    needs: str = ""
    """What must be said after the name, for people; "" when nothing must."""
    takes: str = ""
    """What may be said after it."""

"""What a command of the screen may reach, and what a command is."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from textual.app import App
from textual.content import Content
from textual.widget import Widget

from kcode.spend.meter import Meter
from kcode.tui.engine.engine import Engine
from kcode.tui.engine.state import State
from kcode.tui.engine.words import Door
from kcode.tui.keymap import Keymap
from kcode.tui.lists.choices import Choice
from kcode.tui.lists.fuzzy import ranked


class Draft(Protocol):
    """The prompt, as commands see it."""

    @property
    def text(self) -> str: ...
    @property
    def pasted(self) -> dict[str, str]:
        """Chip -> the text that it stands for."""

    def rewrite(self, text: str) -> None:
        """Another text in its place, in one edit that can be taken back."""


class Drafts(Protocol):
    """What lies below the talk, as commands see it."""

    @property
    def prompt(self) -> Draft: ...
    @property
    def is_enhancing(self) -> bool: ...
    def enhancing(self, stop: Callable[[], object]) -> AbstractContextManager[None]:
        """The prompt says so meanwhile, and Esc stops it."""

    async def at_leisure(self) -> None:
        """When nothing else waits for the user's word."""

    def compare(self, old: str, new: str, then: Callable[[], None]) -> None:
        """Show both; `then`, if the user takes the new one."""


class Desk(Protocol):
    """The talk, as its commands see it."""

    @property
    def bottom(self) -> Drafts: ...

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


def offered(word: str, known: Sequence[Command]) -> list[Command]:
    """Those that fit what was typed so far, the best first; all for nothing."""
    if not word:
        return list(known)
    names: dict[str, Command] = {}
    for command in known:
        for name in (command.name, *command.synonyms):
            names.setdefault(name, command)
    beginning = [name for name in names if name.startswith(word.lower())]
    beginning.sort(key=lambda name: name in names[name].synonyms)
    others = [name for name in ranked(word, names) if name not in beginning]
    return list(dict.fromkeys(names[name] for name in (*beginning, *others)))

"""What can be written at the cursor: commands after `/`, files after `@`, in a list above the prompt."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import PurePosixPath
from time import monotonic

from textual.containers import Vertical
from textual.message import Message

from kcode.tui.desk import Command, offered
from kcode.tui.input.prompt import Wanted
from kcode.tui.keymap import Keymap
from kcode.tui.lists.choices import Choice, Choices
from kcode.tui.lists.fuzzy import ranked
from kcode.tui.text.safe import one_line

STALE = 10.0
"""Seconds after which the list of files is read again, when it is wanted."""


class Files:
    """The files of the folder and the folders that they are in (those end with a `/`), as git sees them."""

    def __init__(self, listed: Callable[[], Awaitable[list[str]]]) -> None:
        self._listed = listed
        self._names: list[str] = []
        self._read = -STALE
        self._reading: asyncio.Task[None] | None = None

    async def matching(self, query: str) -> list[str]:
        """The best matches, searched for in a thread. The first call waits for the list."""
        if monotonic() - self._read > STALE and self._reading is None:
            self._reading = asyncio.create_task(self._read_again())
        if not self._names and self._reading is not None:
            await self._reading
        return await asyncio.to_thread(ranked, query, self._names)

    async def _read_again(self) -> None:
        try:
            names = await self._listed()
            self._names = await asyncio.to_thread(_with_folders, names)
        finally:
            self._read, self._reading = monotonic(), None


def _with_folders(names: Iterable[str]) -> list[str]:
    folders: dict[str, None] = {}
    listed = list(names)
    for name in listed:
        for parent in PurePosixPath(name).parents:
            folder = f"{parent}/"
            if folder in folders or folder == "./":
                break
            folders[folder] = None
    return [*folders, *listed]


class Completions(Vertical):
    """A sibling of the prompt that never takes the focus: the prompt hands it the keys while it is open."""

    DEFAULT_CSS = """
    Completions {
        height: auto; display: none; padding: 0 2; background: $background;
        &.-open { display: block; }
    }
    """

    class Picked(Message):
        """`text` takes the place of the word; with `is_final` the command is to be run at once."""

        def __init__(self, text: str, is_final: bool = False) -> None:
            super().__init__()
            self.text = text
            self.is_final = is_final

    class Opened(Message):
        def __init__(self, is_open: bool) -> None:
            super().__init__()
            self.is_open = is_open

    def __init__(self, files: Files) -> None:
        super().__init__()
        self._files = files
        self._wanted: Wanted | None = None
        self._list = Choices()
        self.keymap = Keymap()
        self.commands: Sequence[Command] = ()
        """All that can be said after a `/`."""

    def compose(self) -> Iterable[Choices]:
        yield self._list

    @property
    def is_open(self) -> bool:
        return self.has_class("-open")

    def want(self, wanted: Wanted | None) -> None:
        """Look for this; None closes the list."""
        self._wanted = wanted
        if wanted is None:
            self._show(())
        elif wanted.kind == "command":
            self._show([_choice(command, self.keymap) for command in offered(wanted.word, self.commands)])
        else:
            self.run_worker(self._find(wanted), group="files", exclusive=True)

    def steer(self, key: str) -> None:
        match key:
            case "up" | "ctrl+p":
                self._list.move(-1)
            case "down" | "ctrl+n":
                self._list.move(1)
            case "tab" | "enter":
                self._pick(is_final=key == "enter")
            case "escape":
                self._show(())
            case _:
                pass

    def on_choices_chosen(self, event: Choices.Chosen) -> None:
        event.stop()
        self._pick(is_final=False)

    async def _find(self, wanted: Wanted) -> None:
        found = await self._files.matching(wanted.word)
        if wanted == self._wanted:
            self._show([_file(name) for name in found])

    def _pick(self, is_final: bool) -> None:
        choice, wanted = self._list.chosen, self._wanted
        self._show(())
        if choice is None or wanted is None:
            return
        if wanted.kind == "command":
            self.post_message(self.Picked(f"/{choice.id} ", is_final and not choice.detail))
        else:
            self.post_message(self.Picked(_mention(choice.id)))

    def _show(self, rows: Sequence[Choice]) -> None:
        was_open = self.is_open
        self._list.show(rows)
        self.set_class(bool(rows), "-open")
        if was_open != bool(rows):
            self.post_message(self.Opened(bool(rows)))


def _choice(command: Command, keymap: Keymap) -> Choice:
    """`detail` holds what the command wants said after its name."""
    key = f"  {keymap.shown(command.key)}" if command.key else ""
    return Choice(command.name, f"/{command.name}", f"{command.help}{key}", detail=command.needs)


def _file(name: str) -> Choice:
    return Choice(name, one_line(name))


def _mention(name: str) -> str:
    """A folder is gone into further; a name with blanks stays one word."""
    if " " in name:
        return f'@"{name}" '
    return f"@{name}" if name.endswith("/") else f"@{name} "

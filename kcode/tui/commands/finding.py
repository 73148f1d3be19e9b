"""Lists to find something in: all commands, and what was said before."""

from collections.abc import Sequence

from kcode.tui.desk import Command, Desk
from kcode.tui.lists.choices import Choice
from kcode.tui.text.safe import one_line


def show_palette(desk: Desk) -> None:
    """All commands; one that needs a word is written into the prompt."""
    commands = {command.name: command for command in reversed(desk.commands)}
    rows = [_row(desk, command) for command in desk.commands if commands[command.name] is command]

    def picked(row: Choice) -> None:
        command = commands[row.id]
        if command.needs:
            desk.write(f"/{command.name} ")
        else:
            command.does(desk, "")

    desk.pick("Commands", rows, picked)


def recall(desk: Desk, said: Sequence[str]) -> None:
    """What was said before, the newest first; it goes into the prompt."""
    texts = list(dict.fromkeys(reversed(said)))
    rows = [Choice(text, one_line(text)) for text in texts]
    desk.pick("What you said before", rows, lambda row: desk.write(row.id))


def _row(desk: Desk, command: Command) -> Choice:
    key = desk.keymap.shown(command.key)
    others = " ".join(command.synonyms)
    return Choice(command.name, f"/{command.name}", f"{command.help}   {key}".rstrip(), looked_up_by=others)

"""The user's own commands: Markdown files whose text becomes the prompt."""

from pathlib import Path

from kcode import trust
from kcode.errors import BadInput, KcodeError
from kcode.memory.commands import OwnCommand, expand, load_commands
from kcode.tui.commands.choosing import switch_mode, take_model
from kcode.tui.desk import Command, Desk
from kcode.tui.text.safe import one_line


def own_commands(root: Path, *, is_safe_mode: bool) -> tuple[list[Command], list[str]]:
    """What can be typed here besides what kcode brings, and a sentence for each file that is none."""
    try:
        is_trusted = not is_safe_mode and trust.is_trusted(root)
    except BadInput:
        is_trusted = False
    commands, complaints = load_commands(root, is_trusted)
    return [_command(own) for own in commands.values()], complaints


def _command(own: OwnCommand) -> Command:
    def does(desk: Desk, arguments: str) -> None:
        _take(desk, own)
        desk.say(expand(own, arguments))

    help = f"{one_line(own.description)} ({one_line(own.source)})"
    return Command(own.name, help, does, takes=one_line(own.hint))


def _take(desk: Desk, own: OwnCommand) -> None:
    """Its mode and model, as far as they are there."""
    opened, chosen = desk.state.opened, desk.state.chosen
    if opened is None or chosen is None:
        raise BadInput("No session is open yet.")
    if own.mode and own.mode not in opened.modes:
        desk.notice(f"/{own.name} wants the mode {own.mode}, which is not here; it goes on without.")
    elif own.mode and own.mode != chosen.mode:
        switch_mode(desk, own.mode)
    if own.model:
        try:
            take_model(desk, own.mode if own.mode and own.mode in opened.modes else chosen.mode, own.model)
        except KcodeError as error:
            desk.notice(str(error), is_bad=True)

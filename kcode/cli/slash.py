"""`kcode run "/name arguments"`: the user's own commands, where there is no screen to type them at."""

import difflib
import sys
from dataclasses import replace
from pathlib import Path

from kcode import trust
from kcode.cli.options import RunOptions
from kcode.cli.prompt_text import Text
from kcode.cli.start import folder
from kcode.errors import BadInput
from kcode.memory.commands import OwnCommand, called, expand, load_commands, waiting
from kcode.modes.load import load_modes
from kcode.modes.places import all_places
from kcode.visible import visible

NEAR = 0.75


def expanded(options: RunOptions, text: Text) -> tuple[RunOptions, Text]:
    """What a command stands for: its text with the arguments in place, and its mode and model unless the user has named
    others. Words that call none stay as they are. BadInput for a slip, and for a command of a folder without trust."""
    call = called(text.words)
    if call is None:
        return options, text
    root = folder(options.cd or Path())
    is_trusted = not options.safe_mode and trust.is_trusted(root)
    commands, complaints = load_commands(root, is_trusted)
    for complaint in complaints:
        _warn(complaint)
    name, arguments = call
    command = commands.get(name)
    if command is None:
        _refuse_slip(name, root, is_trusted, commands)
        return options, text
    words = expand(command, arguments)
    return _with_wishes(options, command, root), text.model_copy(update={"words": words})


def _refuse_slip(name: str, root: Path, is_trusted: bool, commands: dict[str, OwnCommand]) -> None:
    """A slip of the finger must not cost money."""
    if not is_trusted and name in {path.stem.lower() for path in waiting(root)}:
        raise BadInput(f"/{name} is a command of {root}, which is not trusted. Read it, then: kcode trust")
    if near := difflib.get_close_matches(name, commands, 1, NEAR):
        raise BadInput(f"There is no command /{name}. Did you mean /{near[0]}?")


def _with_wishes(options: RunOptions, command: OwnCommand, root: Path) -> RunOptions:
    mode = command.mode
    if mode and mode not in load_modes(all_places(root, options.safe_mode))[0]:
        _warn(f"/{command.name} wants the mode {mode}, which is not here; it goes on without.")
        mode = None
    models = options.models or ((command.model,) if command.model else ())
    return replace(options, mode=options.mode or mode, models=models)


def _warn(words: str) -> None:
    print(f"! {visible(words)}", file=sys.stderr)

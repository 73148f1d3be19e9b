"""`kcode modes`: who a model can be."""

from pathlib import Path

import click

from kcode.cli.start import mode_folders
from kcode.errors import BadInput
from kcode.modes.mode import Mode, load_modes
from kcode.visible import visible


@click.group(
    help="Who a model can be: list, show. Your own are Markdown files in the config folder's modes/."
)
def command() -> None:
    pass


@command.command("list")
def list_modes() -> None:
    """Every mode with what it may do."""
    for mode in _modes().values():
        limits = ", ".join(sorted(mode.groups)) + (f"; edits only {mode.edits}" if mode.edits else "")
        click.echo(visible(f"{mode.name:<14} {mode.when_to_use or mode.title}  [{limits}]"))


@command.command()
@click.argument("name")
def show(name: str) -> None:
    """The whole mode, and where it is from."""
    modes = _modes()
    if name not in modes:
        raise BadInput(f"There is no mode {name!r}. The modes are: {', '.join(modes)}.")
    mode = modes[name]
    click.echo(visible(f"{mode.title} ({mode.source})\n\n{mode.prompt}"))


def _modes() -> dict[str, Mode]:
    modes, complaints = load_modes(mode_folders(Path.cwd().resolve(), safe_mode=False))
    for complaint in complaints:
        click.echo(f"! {visible(complaint)}", err=True)
    return dict(sorted(modes.items()))

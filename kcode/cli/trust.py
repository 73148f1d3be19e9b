"""`kcode trust`: the folders whose own settings, modes and commands may take effect."""

from pathlib import Path

import click

from kcode import settings, trust
from kcode.errors import BadInput
from kcode.memory.commands import waiting
from kcode.modes.places import brought


@click.command("trust")
@click.argument("folder", default=".", type=click.Path(path_type=Path))
@click.option("--list", "is_list", is_flag=True, help="The folders that are trusted.")
@click.option("--revoke", is_flag=True, help="Trust FOLDER no longer.")
def command(folder: Path, is_list: bool, revoke: bool) -> None:
    """Let what FOLDER brings take effect: its settings, modes and commands. It is this folder unless one is named."""
    if is_list:
        for trusted, since in trust.trusted_folders().items():
            click.echo(f"{trusted}  since {since}")
    elif revoke:
        if not trust.revoke(folder):
            raise BadInput(f"{folder.resolve()} is not trusted. The list: kcode trust --list")
        click.echo(f"{folder.resolve()} is trusted no longer.")
    else:
        path = trust.trust(folder)
        click.echo(f"{path} is trusted. It brings: {', '.join(_brought(path)) or 'nothing yet'}.")


def _brought(root: Path) -> list[str]:
    """What takes effect by trust, as file names; read it before, or revoke."""
    found = [settings.project_file(root), *brought(root), *waiting(root)]
    return [file.relative_to(root).as_posix() for file in found if file.is_file()]

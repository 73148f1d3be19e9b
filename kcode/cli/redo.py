"""`kcode redo`: take back an undo."""

from pathlib import Path

import click

from kcode.cli.undo import Wish, go_back, how_to, where


@click.command("redo")
@how_to
@where
def command(folder: str, session: str | None, **how: bool) -> None:
    """Take back the last undo."""
    nothing = "There is no undo to take back, or work went on since."
    go_back(Wish(Path(folder), session, **how), lambda kept: kept.plan_redo(), nothing)

"""`kcode checkpoints`: the files as they were before kcode changed some."""

from pathlib import Path

import click

from kcode import settings
from kcode.cli.undo import NOTHING, Wish, go_back, how_to, line_of, opened, run, show_turns, where
from kcode.memory import keeping
from kcode.memory.checkpoints import Checkpoints, Plan
from kcode.visible import size_of, visible


@click.group(help="The files as they were before kcode changed some: list, show, restore, prune.")
def command() -> None:
    pass


@command.command("list")
@where
def list_checkpoints(folder: str, session: str | None) -> None:
    """What can be gone back to, the newest first, and what all of it takes on the disk."""
    show_turns(Wish(Path(folder), session))
    files = keeping.folder()
    size = size_of(sum(file.stat().st_size for file in files.glob("*.sqlite3")))
    click.echo(f"All that is kept, of every folder: {size} in {files}")


@command.command()
@click.argument("checkpoint", type=int)
@where
def show(checkpoint: int, folder: str, session: str | None) -> None:
    """What going back to it would change now, line by line."""

    async def both(kept: Checkpoints) -> tuple[Plan | None, dict[str, str]]:
        plan = await kept.plan_undo(checkpoint)
        return plan, await kept.differences(plan) if plan else {}

    with opened(Wish(Path(folder), session)) as kept:
        plan, differences = run(kept, both)
    for file in plan.files if plan else ():
        click.echo(line_of(file))
        for line in differences.get(file.path, "").splitlines():
            click.echo(f"    {visible(line)}")


@command.command()
@click.argument("checkpoint", type=int)
@how_to
@where
def restore(checkpoint: int, folder: str, session: str | None, **how: bool) -> None:
    """The same as `kcode undo CHECKPOINT`."""
    go_back(Wish(Path(folder), session, **how), lambda kept: kept.plan_undo(checkpoint), NOTHING)


@command.command()
@click.option("--days", type=float, help="Forget what is older; 0: all of it. Else as the settings say.")
def prune(days: float | None) -> None:
    """Make room: forget old checkpoints, of every folder."""
    chosen = settings.load([settings.user_file()]).checkpoints
    keep = chosen.keep_days if days is None else days
    freed = keeping.tidy(keeping.folder(), None, keep, chosen.total, now=True)
    click.echo(f"{size_of(max(0, freed))} were freed.")

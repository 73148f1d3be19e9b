"""`kcode worktrees`: the git worktrees that tasks of kcode work in, and how their work comes back."""

import asyncio
import json
from pathlib import Path

import click

from kcode import settings
from kcode.agent.worktrees import Conflict, Worktree, Worktrees
from kcode.errors import BadInput, KcodeError
from kcode.processes.git import GitError
from kcode.spend.table import table
from kcode.visible import visible


@click.group(help="Copies of the folder that tasks worked in; `kcode -w NAME` works in one.")
def command() -> None:
    pass


@command.command("list")
@click.option("--all", "everywhere", is_flag=True, help="Of every repository, not only this one.")
@click.option("--json", "as_json", is_flag=True)
def list_worktrees(everywhere: bool, as_json: bool) -> None:
    """Those that are kept, and how many files differ in each."""
    found = [w for w in _worktrees().all() if everywhere or _is_of(w, Path.cwd().resolve())]
    changes = asyncio.run(_changes(found))
    if as_json:
        rows = [w.model_dump() | {"name": w.name, "changes": c} for w, c in zip(found, changes, strict=True)]
        click.echo(json.dumps(rows, indent=2))
        return
    if not found:
        click.echo("No worktree of kcode is kept here. `kcode -w NAME` makes one.")
    lines = [[w.name, _counted(c), w.title or "", str(w.folder)] for w, c in zip(found, changes, strict=True)]
    for line in table(lines, frozenset({0, 1, 2, 3})):
        click.echo(visible(line))


@command.command()
@click.argument("name")
def merge(name: str) -> None:
    """Bring its changes into the folder that it was taken from, and remove it."""
    worktree = _found(name)
    try:
        changed = asyncio.run(_worktrees().merge(worktree))
    except Conflict as conflict:
        raise KcodeError(
            f"Nothing was merged, both sides changed: {', '.join(conflict.files)}. They stand with markers in "
            f"{worktree.folder}: mend them there (`kcode -w {worktree.name}` can), then merge again."
        ) from None
    except GitError as error:
        raise KcodeError(f"{worktree.name} was not merged: {error}") from None
    click.echo(f"Merged {worktree.name} into {worktree.source}: {_counted(changed)}.")
    for path in changed:
        click.echo(f"  {visible(path)}")


@command.command()
@click.argument("names", nargs=-1, required=True)
@click.option("-y", "--yes", is_flag=True, help="Even if its changes were not merged.")
def remove(names: tuple[str, ...], yes: bool) -> None:
    """Delete worktrees and their branches."""
    found = [_found(name) for name in names]
    for worktree, changes in zip(found, asyncio.run(_changes(found)), strict=True):
        if changes and not yes:
            raise BadInput(
                f"{worktree.name} has changes in {_counted(changes)} that were not merged. Merge it, or remove "
                "it all the same with --yes."
            )
    for worktree in found:
        asyncio.run(_worktrees().remove(worktree))
        click.echo(f"Removed {worktree.name}.")


def _worktrees() -> Worktrees:
    return Worktrees(settings.Worktrees())


def _is_of(worktree: Worktree, folder: Path) -> bool:
    return any(folder.is_relative_to(top) for top in (worktree.source, worktree.top))


def _found(name: str) -> Worktree:
    """By its name, or the end of it, of this repository before others."""
    known = sorted(_worktrees().all(), key=lambda w: not _is_of(w, Path.cwd().resolve()))
    exact = [w for w in known if w.name == name] or [w for w in known if w.name.endswith(name)]
    if exact:
        return exact[0]
    names = ", ".join(w.name for w in known) or "none is kept"
    raise BadInput(f"There is no worktree {name!r}. There are: {names}.")


async def _changes(worktrees: list[Worktree]) -> list[tuple[str, ...]]:
    return [await _changes_of(worktree) for worktree in worktrees]


async def _changes_of(worktree: Worktree) -> tuple[str, ...]:
    try:
        return await _worktrees().changes(worktree)
    except GitError as error:
        return (f"({error})",)


def _counted(paths: tuple[str, ...]) -> str:
    return f"{len(paths)} file{'' if len(paths) == 1 else 's'}"

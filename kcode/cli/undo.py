"""`kcode undo`: take back what a session did to files, without opening it; and what `redo` and `checkpoints` share."""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from kcode import settings
from kcode.errors import BadInput
from kcode.memory import keeping, log
from kcode.memory.checkpoints import Checkpoints, Plan, Turn
from kcode.memory.undoing import Act, Putback
from kcode.visible import escaped, visible

T = TypeVar("T")
WORDS: dict[Act, str] = {
    "create": "bring back",
    "delete": "delete",
    "change": "change back",
    "mode": "permissions back",
}
NOTHING = "Nothing is left to undo: kcode has changed no file here that is not as it was before."


@dataclass(frozen=True, slots=True)
class Wish:
    """What all of these commands are asked."""

    folder: Path
    session: str | None
    dry_run: bool = False
    yes: bool = False
    force: bool = False


def where(command: Callable[..., Any]) -> Callable[..., Any]:
    command = click.option("-C", "--cd", "folder", default=".", help="The folder, if not this one.")(command)
    return click.option("--session", help="Of this session (how its id begins), not the last one here.")(
        command
    )


def how_to(command: Callable[..., Any]) -> Callable[..., Any]:
    command = click.option("-n", "--dry-run", is_flag=True, help="Only show what would happen.")(command)
    command = click.option("-y", "--yes", is_flag=True, help="Do not ask.")(command)
    return click.option(
        "--force", is_flag=True, help="Also files that somebody else has changed since: their changes go."
    )(command)


@click.command("undo")
@click.argument("checkpoint", type=int, required=False)
@click.option("--list", "is_list", is_flag=True, help="What can be undone.")
@how_to
@where
def command(checkpoint: int | None, is_list: bool, folder: str, session: str | None, **how: bool) -> None:
    """Take back what the last prompt did to files: edits, and what commands created, changed or deleted.

    Again: the prompt before. With the number of a CHECKPOINT (--list): all since then. What you have changed yourself
    stays. `kcode redo` takes the undo back.
    """
    if is_list:
        show_turns(Wish(Path(folder), session))
        return
    go_back(Wish(Path(folder), session, **how), lambda kept: kept.plan_undo(checkpoint), NOTHING)


def show_turns(wish: Wish) -> None:
    with opened(wish) as kept:
        turns = run(kept, lambda kept: kept.turns())
        click.echo(f"Session {kept.session} in {escaped(str(kept.place.root))}")
    for turn in reversed(turns):
        click.echo(_turn(turn))


def _turn(turn: Turn) -> str:
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(turn.at))
    return f"{turn.id:>5}  {when}  {visible(turn.title)[:70]}{'  (undone)' if turn.is_undone else ''}"


def go_back(wish: Wish, planned: Callable[[Checkpoints], Awaitable[Plan | None]], nothing: str) -> None:
    with opened(wish) as kept:
        plan = run(kept, planned)
        if plan is None or not plan.files:
            click.echo(nothing)
            return
        verb = "Undo" if plan.kind == "undo" else "Redo"
        click.echo(f"{verb}: {visible(plan.title) or 'a task'}")
        for file in plan.files:
            click.echo(line_of(file, forced=wish.force))
        if wish.dry_run:
            return
        if not wish.force and not plan.restored:
            raise BadInput(
                "Nothing was done: every file has been changed by somebody else. --force takes those back."
            )
        _must_be_meant(wish)
        with _told(kept.session) as tell:
            done = run(kept, lambda kept: kept.carry_out(plan, wish.force))
            tell(done)
    _say_what_became(done)


def _must_be_meant(wish: Wish) -> None:
    if wish.yes:
        return
    if not sys.stdin.isatty():
        raise BadInput("Nothing was done: nobody is there to say yes. If it is meant: -y.")
    click.confirm("Go on?", abort=True)


def _say_what_became(done: Plan) -> None:
    back = "`kcode redo` takes it back" if done.kind == "undo" else "`kcode undo` takes it back"
    click.echo(f"Done: {len(done.restored)} of {len(done.files)}. {back}.")
    for file in done.conflicts:
        click.echo(line_of(file))


def line_of(file: Putback, forced: bool = False) -> str:
    is_left = file.conflict and not (forced and file.now is not None)
    what = "left alone" if is_left else WORDS[file.act]
    why = f"  ({file.conflict})" if file.conflict else ""
    return f"  {what:16} {escaped(file.path)}{why}"


@contextmanager
def opened(wish: Wish) -> Iterator[Checkpoints]:
    """The checkpoints of the last session here, or of the one that is named; here or in a folder above."""
    here = wish.folder.expanduser().resolve()
    for root in (here, *here.parents):
        file = keeping.file_for(root)
        sessions = [id for id in keeping.sessions_in(file) if id.startswith(wish.session or "")]
        if sessions:
            break
    else:
        named = f" by a session {wish.session}" if wish.session else ""
        raise BadInput(
            f"Nothing was kept in {here}{named}: kcode has changed no files there, or it is long ago."
        )
    chosen = settings.load([settings.user_file()]).checkpoints
    place = keeping.place_for(root, (), chosen.largest_file)
    kept = Checkpoints(place, sessions[-1], file, chosen.total, chosen.keep_days)
    try:
        yield kept
    finally:
        kept.close()


def run(kept: Checkpoints, work: Callable[[Checkpoints], Awaitable[T]]) -> T:
    async def body() -> T:
        return await work(kept)

    return asyncio.run(body())


@contextmanager
def _told(session: str) -> Iterator[Callable[[Plan], None]]:
    """What is done goes into the session's file, so that the model hears of it when the session is gone on with.
    BadInput when another kcode has the session open: it must not work on while files change under its hands."""
    path = log.session_path(session)
    if not path.is_file():
        yield lambda done: None
        return
    file = log.SessionLog(path)
    try:
        yield lambda done: file.append(done.told())
    finally:
        file.close()

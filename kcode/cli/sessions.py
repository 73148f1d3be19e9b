"""`kcode sessions`: what was worked on, and what became of it."""

import json
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import get_args

import click

from kcode.cli import deleting, importing
from kcode.errors import BadInput
from kcode.events import Event, MessageAdded, TaskEnded
from kcode.memory import log, sessions
from kcode.memory.export import Form, exported, form_of
from kcode.messages import Prompt, Reply, ToolResult
from kcode.spend.receipt import Receipt
from kcode.spend.table import table
from kcode.visible import visible

LONGEST_TITLE = 60


@click.group(help="List, search, show, export, fork and delete sessions; `kcode -r ID` goes on with one.")
def command() -> None:
    pass


@command.command("list")
@click.option("--search", metavar="WORDS", help="Those in whose name or messages all of these occur.")
@click.option("--all", "everywhere", is_flag=True, help="Of every folder, not only this one.")
@click.option("--limit", default=20, show_default=True, help="How many of the newest.")
@click.option("--json", "as_json", is_flag=True)
def list_sessions(search: str | None, everywhere: bool, limit: int, as_json: bool) -> None:
    """The newest sessions of this folder."""
    here = str(Path.cwd().resolve())
    found = sessions.listed(None if everywhere else here, (search or "").split())
    shown = list(islice(found, max(limit, 0)))
    if as_json:
        rows = [info.model_dump(mode="json") | {"found": place} for info, place in shown]
        click.echo(json.dumps(rows, indent=2))
    elif not shown and search:
        click.echo(
            f"Nothing was found{'' if everywhere else ' in the sessions of this folder (--all: elsewhere)'}."
        )
    elif not shown:
        click.echo(f"No session was begun {'yet' if everywhere else f'in {here} yet (--all: elsewhere)'}.")
    else:
        for line in _lines_of(shown, everywhere):
            click.echo(visible(line))


@command.command()
@click.argument("id")
def show(id: str) -> None:
    """What was said and done, and what it cost."""
    entries, bad = log.read_log(log.find_session(id))
    receipt = _receipt(entries)
    for entry in entries:
        for line in _lines(entry.event):
            click.echo(visible(line))
    if bad:
        click.echo(f"({bad} lines could not be read)")
    click.echo(f"── {visible(receipt.line())}")


@command.command()
@click.argument("id")
@click.argument("name", nargs=-1, required=True)
def rename(id: str, name: tuple[str, ...]) -> None:
    """Call it something else."""
    path, title = log.find_session(id), " ".join(" ".join(name).split())
    if not title:
        raise BadInput("Say what to call it: kcode sessions rename ID the login bug")
    sessions.rename(path, title)
    click.echo(f"{path.stem} is now called {visible(title)}.")


@command.command()
@click.argument("id")
def fork(id: str) -> None:
    """A copy to go on with; both spend of the same budget."""
    copy = sessions.fork(log.find_session(id))
    click.echo(f"{copy.stem}\nGo on with it: kcode -r {copy.stem}")


@command.command()
@click.argument("id")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="A file instead of the terminal.")
@click.option(
    "--format", "form", type=click.Choice(get_args(Form)), help="Else as the file's name says, or Markdown."
)
def export(id: str, output: Path | None, form: Form | None) -> None:
    """The whole session as Markdown, as one page of HTML, or as JSON; without keys."""
    path = log.find_session(id)
    entries, _ = log.read_log(path)
    text = exported(entries, form or form_of(output.name if output else ""), path.stem)
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8", errors="replace")
    except OSError as error:
        raise BadInput(f"{output} cannot be written: {error.strerror}.") from None
    click.echo(f"Written: {output}", err=True)


@command.command("receipt")
@click.argument("id")
@click.option("--markdown", is_flag=True, help="A table for the text of a pull request.")
def show_receipt(id: str, markdown: bool) -> None:
    """What it cost, what was changed, what was checked."""
    path = log.find_session(id)
    receipt = _receipt(log.read_log(path)[0])
    info = sessions.session_info(path)
    click.echo(receipt.markdown(info.title if info else "") if markdown else visible(receipt.line()))


@command.command()
@click.argument("ids", nargs=-1, required=True)
@click.option("-y", "--yes", is_flag=True, help="Also worktrees with changes that were not merged.")
def delete(ids: tuple[str, ...], yes: bool) -> None:
    """Remove sessions for good, with checkpoints and worktrees. What they cost stays in the ledger."""
    paths = [log.find_session(id) for id in ids]
    deleting.check(paths, yes)
    for path in paths:
        click.echo(visible(deleting.delete(path)))


command.add_command(importing.import_tasks)


def _lines_of(shown: Sequence[tuple[sessions.SessionInfo, str]], everywhere: bool) -> list[str]:
    rows = []
    for info, place in shown:
        title = " ".join(info.title.split())[:LONGEST_TITLE] or "(nothing was said)"
        about = [f"{title}  “{place}”" if place and place not in title else title]
        about += [info.root] if everywhere else []
        rows.append(
            [
                info.id,
                age(time.time() - info.updated),
                info.mode,
                str(info.total),
                info.outcome,
                "  ".join(about),
            ]
        )
    return table(rows, frozenset({0, 2, 4, 5}))


def age(seconds: float) -> str:
    """`now`, `5 min`, `3 h`, `12 d`."""
    if seconds < 60:
        return "now"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.0f} d"


def _receipt(entries: Sequence[log.Entry]) -> Receipt:
    """Of a session; the time is that from its first event to its last."""
    receipt = Receipt(took=entries[-1].at - entries[0].at if entries else 0.0)
    for entry in entries:
        receipt(entry.event)
    return receipt


def _lines(event: Event) -> list[str]:
    match event:
        case MessageAdded(message=Prompt() as prompt):
            return ["", *(f"> {line}" for line in prompt.text.splitlines())]
        case MessageAdded(message=Reply() as reply):
            return [reply.text] * bool(reply.text) + [
                f"• {call.name} {call.arguments}" for call in reply.calls
            ]
        case MessageAdded(message=ToolResult() as result):
            return [f"  {'' if result.ok else '✗ '}{line}" for line in result.text.splitlines()[:8]]
        case TaskEnded() if event.outcome != "done":
            return [f"[{event.outcome}] {event.text}"]
        case _:
            return []

"""`kcode sessions`: what was worked on, and what became of it."""

import json
import shutil
import time
from pathlib import Path

import click

from kcode.events import Event, MessageAdded, TaskEnded
from kcode.memory import log
from kcode.messages import Prompt, Reply, ToolResult
from kcode.spend.receipt import Receipt
from kcode.visible import visible


@click.group(help="List, show, export and delete sessions; `kcode -r ID` goes on with one.")
def command() -> None:
    pass


@command.command("list")
@click.option("--all", "everywhere", is_flag=True, help="Of every folder, not only this one.")
@click.option("--limit", default=20, show_default=True, help="How many of the newest.")
@click.option("--json", "as_json", is_flag=True)
def list_sessions(everywhere: bool, limit: int, as_json: bool) -> None:
    """The newest sessions of this folder."""
    here = str(Path.cwd().resolve())
    infos = (log.session_info(path) for path in log.newest_first())
    shown = [info for info in infos if info and (everywhere or info.root == here)][:limit]
    if as_json:
        click.echo(json.dumps([info.model_dump(mode="json") for info in shown], indent=2))
        return
    if not shown:
        click.echo(f"No session was begun {'yet' if everywhere else f'in {here} yet (--all: elsewhere)'}.")
    for info in shown:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(info.updated))
        where = f"  {info.root}" if everywhere else ""
        click.echo(f"{info.id}  {when}  {visible(info.title)[:60]}{where}")


@command.command()
@click.argument("id")
def show(id: str) -> None:
    """What was said and done, and what it cost."""
    events, bad = log.load_events(log.find_session(id))
    receipt = Receipt()
    for event in events:
        receipt(event)
        for line in _lines(event):
            click.echo(visible(line))
    if bad:
        click.echo(f"({bad} lines could not be read)")
    click.echo(f"── {receipt.total} · {receipt.steps} steps")


@command.command()
@click.argument("id")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="A file instead of the terminal.")
def export(id: str, output: Path | None) -> None:
    """Every event as JSON, with the time of each."""
    entries, _ = log.read_log(log.find_session(id))
    text = json.dumps([entry.model_dump(mode="json") for entry in entries], indent=2)
    if output is None:
        click.echo(text)
    else:
        output.write_text(text + "\n", encoding="utf-8")


@command.command()
@click.argument("ids", nargs=-1, required=True)
def delete(ids: tuple[str, ...]) -> None:
    """Remove sessions for good. What they cost stays in the ledger."""
    for path in [log.find_session(id) for id in ids]:
        log.SessionLog(path).close()  # refuses one that another kcode has open
        path.unlink()
        shutil.rmtree(path.with_suffix(""), ignore_errors=True)
        click.echo(f"Deleted {path.stem}.")


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

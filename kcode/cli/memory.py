"""`kcode memory`: what is kept about the project between sessions, whether it still holds, and what it costs."""

import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path

import click

from kcode import settings
from kcode.cli import bank_state
from kcode.cli.options import RunOptions, TaskCommand
from kcode.cli.start import folder
from kcode.cli.study import study
from kcode.errors import BadInput, ToolError
from kcode.files.diff import diff
from kcode.memory import bank, proposals, writing
from kcode.memory.freshness import stale
from kcode.memory.proposals import Proposal
from kcode.visible import visible

HELP = {"help_option_names": ["-h", "--help"]}


@click.group("memory")
def command() -> None:
    """What is kept about this project between sessions: init, status, show, remember, update."""


def _init(options: RunOptions) -> int:
    """Study the repository and begin its memory bank in .kcode/memory/. Further words go to the model, too."""
    root = folder(options.cd or Path())
    if found := bank.find(root):
        raise BadInput(
            f"There is a memory bank in {found.home} already, and it is used. Bring it up to date: kcode memory update"
        )
    code = study(options, "memory_init", [f"{bank.OWN}/**"])
    if found := bank.find(root):
        click.echo(
            f"── {len(found.topics)} topics; the index costs {found.block().tokens} tokens a request",
            err=True,
        )
    return code


def _update(options: RunOptions) -> int:
    """Show the proposals that wait, and let a model correct the topics that are stale. -y takes every proposal."""
    root = folder(options.cd or Path())
    found = bank.find(root)
    waiting = proposals.kept(root)
    for proposal in waiting:
        _decide(root, proposal, is_yes=options.yolo)
    if found is None:
        if not waiting:
            raise BadInput("There is no memory bank here. Begin one: kcode memory init")
        return 0
    reasons = "\n".join(f"- {one.topic}.md: {one.reason}" for one in asyncio.run(stale(found)))
    if not reasons and not options.prompt:
        click.echo("No topic is stale.")
        return 0
    values = {"folder": found.home, "stale": reasons or "(none)"}
    return study(options, "memory_update", [f"{found.home}/**"], **values)


command.add_command(TaskCommand("init", _init, help=_init.__doc__, context_settings=HELP))
command.add_command(TaskCommand("update", _update, help=_update.__doc__, context_settings=HELP))


@command.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
def status(as_json: bool) -> None:
    """On, stale or off; each topic with its tokens; what it costs a request, and what it has cost lately."""
    root = folder(Path())
    state = asyncio.run(bank_state.of(root, settings.load([settings.user_file()])))
    if as_json:
        click.echo(json.dumps(asdict(state), indent=1))
    else:
        for line in bank_state.lines(state):
            click.echo(visible(line))


@command.command()
@click.argument("topic", required=False)
def show(topic: str | None) -> None:
    """A topic, or the index as every request has it."""
    kept = bank.of(folder(Path()))
    if topic is None:
        click.echo(visible(kept.block().text if kept.topics else "There is no memory bank here."))
    else:
        click.echo(visible(kept.topic(topic).text))


@command.command()
@click.argument("text", nargs=-1, required=True)
def remember(text: tuple[str, ...]) -> None:
    """Write something down, dated: in the topic that it begins with (`tech: …`), else in the notes."""
    made = writing.remember(folder(Path()), " ".join(text))
    click.echo(visible(f"{made.path}\n{made.diff}"), nl=False)


def _decide(root: Path, proposal: Proposal, *, is_yes: bool) -> None:
    """Shown as a diff; written on a yes, forgotten on a no, kept where nobody is there."""
    try:
        draft = writing.draft(root / proposal.path, proposal.text, proposal.old)
    except ToolError as error:
        click.echo(
            visible(f"{proposal.path} ({proposal.date}): {error} The proposal is dropped:\n{proposal.text}")
        )
        proposals.forget(root, proposal)
        return
    click.echo(
        visible(f"{proposal.path} ({proposal.date})\n{''.join(diff(draft.text, draft.after))}"), nl=False
    )
    if not is_yes and not sys.stdin.isatty():
        click.echo("Nobody is there to accept it: it is kept. -y takes all.")
        return
    if is_yes or click.confirm("Remember it?", default=True):
        writing.write(draft, root)
    proposals.forget(root, proposal)

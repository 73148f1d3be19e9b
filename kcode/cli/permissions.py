"""`kcode permissions`: what would happen to a command, and why."""

import shlex
from pathlib import Path

import click

from kcode.agent.permissions import STRICTNESS, Permissions
from kcode.cli.options import PERMISSION_MODES, RunOptions
from kcode.cli.start import settings_for
from kcode.processes.jobs import Jobs
from kcode.tools.tool import Workspace
from kcode.visible import visible


@click.group(help="What would be allowed, asked or denied here: check.")
def command() -> None:
    pass


@command.command()
@click.option("--permission-mode", type=click.Choice(PERMISSION_MODES))
@click.argument("words", nargs=-1, required=True, metavar="-- COMMAND…")
def check(permission_mode: str | None, words: tuple[str, ...]) -> None:
    """The decision on a shell command, the parts that were seen in it, and what decided on each."""
    root = Path.cwd().resolve()
    chosen, notices = settings_for(root, RunOptions(permission_mode=permission_mode))  # type: ignore[arg-type]
    for notice in notices:
        click.echo(f"! {notice}", err=True)
    line = words[0] if len(words) == 1 else shlex.join(words)
    judged = Permissions(chosen.permissions, sandbox=chosen.sandbox).explain(line, _workspace(root))
    strictest = max((one.decision for one in judged), key=lambda one: STRICTNESS[one.verdict])
    click.echo(strictest.verdict)
    for one in judged:
        click.echo(f"  {one.decision.verdict:<6} {visible(one.part)}  ({one.decision.reason})")


def _workspace(root: Path) -> Workspace:
    async def nobody(question: str, choices: tuple[str, ...]) -> str:
        raise AssertionError("nothing is run, so nothing is asked")

    return Workspace(
        root=root,
        also=(),
        overflow=root,
        ask_user=nobody,
        show_output=lambda _call, _text: None,
        jobs=Jobs(),
        command_limit=1,
        command_silence=1,
    )

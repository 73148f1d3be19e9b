"""`kcode tools`: what a model may call, what each costs in every request, and one call by hand."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import click

from kcode import paths
from kcode.agent.approvals import Approvals
from kcode.agent.permissions import Permissions
from kcode.cli.options import PERMISSION_MODES, RunOptions
from kcode.cli.start import folder, permissions_for, settings_for, surroundings_for
from kcode.errors import BadInput, KcodeError, NeedsApproval, ToolError
from kcode.events import ApprovalAsked, Event
from kcode.messages import ToolCall
from kcode.processes.jobs import Jobs
from kcode.settings import PermissionMode, Settings
from kcode.tools.tool import Output, Tool, Workspace, installed_tools
from kcode.visible import visible

BYTES_PER_TOKEN = 4
"""Near enough for English and JSON; a tokenizer would take seconds to load."""


@click.group("tools")
def command() -> None:
    """The tools that a model may call."""


@command.command("list")
def list_tools() -> None:
    """Each tool with its group and about how many tokens it costs in every request."""
    costs = {name: _tokens(schema) for name, schema in _schemas().items()}
    for name, tool in installed_tools().items():
        description = _schemas()[name]["function"]["description"]
        click.echo(
            f"{name:<10} {tool.group:<9} {costs[name]:>5}  {description.partition('. ')[0].rstrip('.')}"
        )
    click.echo(f"{'all':<20} {sum(costs.values()):>5}  tokens, about")


@command.command()
@click.argument("name")
def show(name: str) -> None:
    """The schema of one tool, as a model gets it."""
    if name not in _schemas():
        raise BadInput(f"There is no tool {name!r}. The tools are: {', '.join(_schemas())}.")
    click.echo(json.dumps(_schemas()[name], indent=2, ensure_ascii=False))


@command.command()
@click.argument("name")
@click.argument("arguments", default="{}", metavar="[JSON]")
@click.option("--permission-mode", type=click.Choice(PERMISSION_MODES), help="What happens without asking.")
@click.option("-y", "--yolo", is_flag=True, help="Ask nothing; deny rules hold.")
def run(name: str, arguments: str, permission_mode: PermissionMode | None, yolo: bool) -> int:
    """Run one tool in this folder, as a model would: kcode tools run read '{"path": "README.md"}'"""
    root = folder(Path.cwd())
    options = RunOptions(permission_mode=permission_mode, yolo=yolo)
    chosen, _ = settings_for(root, options)
    try:
        tool = installed_tools().open(ToolCall(id="by-hand", name=name, arguments=arguments))
        output = asyncio.run(_attempt(tool, root, chosen, permissions_for(chosen, options)))
    except ToolError as error:
        raise KcodeError(str(error)) from None
    click.echo(output.text)
    return 0 if output.ok else 1


async def _attempt(tool: Tool, root: Path, chosen: Settings, permissions: Permissions) -> Output:
    """The call, approved and done. ToolError when it may not or cannot be done, NeedsApproval when nobody is there."""
    approvals = Approvals(permissions, someone_answers=True)
    overflow = paths.state_dir() / "output"
    workspace = Workspace(
        root=root,
        also=(),
        overflow=overflow,
        ask_user=_ask,
        show_output=lambda call_id, text: None,
        jobs=Jobs(),
        command_limit=chosen.timeouts.command,
        command_silence=chosen.timeouts.command_silence,
        around=lambda is_approved: surroundings_for(chosen, permissions, overflow)(root, is_approved),
        hides=lambda tool, path: permissions.hides(tool, path, root),
    )

    def tell(event: Event) -> None:
        if isinstance(event, ApprovalAsked):
            approvals.answer(event.id, "once" if _allows(event) else "no")

    try:
        await approvals.check(tool, "by-hand", "by-hand", workspace, tell)
        return await tool.run(workspace, "by-hand")
    finally:
        await workspace.jobs.close()


def _allows(asked: ApprovalAsked) -> bool:
    if not sys.stdin.isatty():
        raise NeedsApproval(
            f"{asked.title}: {asked.reason}, and nobody is there to ask. Add --permission-mode auto."
        )
    click.echo(visible(asked.preview), err=True)
    return click.confirm(f"{visible(asked.title)} ({asked.reason}) – run it?", err=True)


async def _ask(question: str, choices: tuple[str, ...]) -> str:
    if not sys.stdin.isatty():
        raise ToolError("Nobody is there to answer.")
    hint = f" ({' / '.join(map(visible, choices))})" if choices else ""
    answer: str = click.prompt(f"{visible(question)}{hint}", err=True)
    return answer


def _schemas() -> dict[str, dict[str, Any]]:
    return {schema["function"]["name"]: schema for schema in installed_tools().schemas()}


def _tokens(schema: dict[str, Any]) -> int:
    return len(json.dumps(schema, ensure_ascii=False, separators=(",", ":")).encode()) // BYTES_PER_TOKEN

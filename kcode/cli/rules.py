"""`kcode rules`: what the project and the user tell every model, what each part costs, and which of it counts."""

import asyncio
import json
from pathlib import Path
from typing import Any

import click

from kcode.cli.start import folder
from kcode.errors import BadInput
from kcode.files.listing import files_of
from kcode.memory.block import Block
from kcode.memory.choices import choices, choose
from kcode.memory.places import NESTED
from kcode.memory.project import Project
from kcode.memory.rules import Rule, judged, nested_in
from kcode.visible import visible


@click.group("rules")
def command() -> None:
    """Rules for models, from AGENTS.md to Cursor's: list, show, on, off."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON list, for programs.")
def list_rules(as_json: bool) -> None:
    """Every rules file that was found here: its tokens, when it counts, and if not, why."""
    project = Project(folder(Path()))
    rules = everywhere(project)
    if as_json:
        click.echo(json.dumps([_record(rule) for rule in rules], indent=1))
        return
    for rule in rules:
        click.echo(visible(line(rule)))
    if not rules:
        click.echo("No rules here. Begin with `kcode init`, which writes AGENTS.md.")
    for block in (block for block in project.blocks if block.name != "rules"):
        click.echo(visible(_also(block)))
    click.echo(f"{sum(block.tokens for block in project.blocks):>7,}  tokens in every request, about")


@command.command()
@click.argument("name")
def show(name: str) -> None:
    """The text of one, as models read it."""
    click.echo(visible(_named(name).text))


@command.command()
@click.argument("name")
def on(name: str) -> None:
    """Let it count from the next session on. Kept in kcode's own data, not in the repository."""
    choose(folder(Path()), _named(name).name, True)


@command.command()
@click.argument("name")
def off(name: str) -> None:
    """Leave it out from the next session on."""
    choose(folder(Path()), _named(name).name, False)


def everywhere(project: Project) -> list[Rule]:
    """Those that hold from the start, and those of the folders below."""
    names = asyncio.run(files_of(project.root))
    folders = sorted({(project.root / name).parent for name in names if Path(name).name in NESTED})
    nested = [rule for one in folders if one != project.root for rule in nested_in(project.root, one)]
    return [*project.rules, *judged(nested, choices(project.root))]


def line(rule: Rule) -> str:
    """`on    412  AGENTS.md  in every request`."""
    state = "off" if rule.off else "on "
    return f"{state} {rule.block.tokens:>6,}  {rule.name:<40} {rule.off or rule.when}"


def _also(block: Block) -> str:
    return f"on  {block.tokens:>6,}  {block.name + ' (' + block.source + ')':<40} in every request"


def _record(rule: Rule) -> dict[str, Any]:
    return {
        "name": rule.name,
        "family": rule.family,
        "tokens": rule.block.tokens,
        "on": not rule.off,
        "why_off": rule.off,
        "when": rule.when,
    }


def _named(name: str) -> Rule:
    rules = everywhere(Project(folder(Path())))
    for rule in rules:
        if name in (rule.name, f"./{rule.name}"):
            return rule
    known = ", ".join(rule.name for rule in rules) or "none"
    raise BadInput(f"There is no rules file {name!r} here. There are: {known}.")

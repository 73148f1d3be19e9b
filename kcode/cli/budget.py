"""`kcode budget`: what may be spent, and what of it is gone."""

import json
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple, get_args

import click

from kcode import paths, settings, trust
from kcode.cli.config import forget, keep
from kcode.cli.options import Dollars
from kcode.errors import Scope
from kcode.spend.ledger import Ledger
from kcode.spend.limits import SCOPES, set_amounts
from kcode.spend.money import dollars
from kcode.spend.repository import repository_of
from kcode.spend.table import table
from kcode.visible import visible

HEAD = ["scope", "budget", "used", "left", "", "of"]
scope_argument = click.argument("scope", type=click.Choice(get_args(Scope)))


class Line(NamedTuple):
    scope: Scope
    limit: int | None
    """Micro-dollars; None: no limit."""
    used: int | None
    """None for scopes that are a session's own."""


@click.group(
    invoke_without_command=True, help="Hard limits of what is spent; without one, nothing is limited."
)
@click.pass_context
def command(context: click.Context) -> None:
    if context.invoked_subcommand is None:
        context.invoke(show, as_json=False)


@command.command()
@click.option("--json", "as_json", is_flag=True, help="For programs; money in whole micro-dollars.")
def show(as_json: bool) -> None:
    """The budgets that hold in this folder, and what of them is left."""
    lines = _lines()
    if as_json:
        click.echo(json.dumps([line._asdict() for line in lines], indent=2))
        return
    body = [_cells(line) for line in lines]
    click.echo(visible("\n".join(table([HEAD, *body], frozenset({0, 4, 5})))))
    if all(line.limit is None for line in lines):
        click.echo("Nothing is limited. Set one: kcode budget set day 5")


@command.command("set")
@scope_argument
@click.argument("amount", type=Dollars())
def set_amount(scope: Scope, amount: Decimal) -> None:
    """Limit SCOPE to AMOUNT dollars, from the next session on; a running one is told `/budget`."""
    keep(f"budget.{scope}", str(amount))
    click.echo(f"{SCOPES[scope].capitalize()}: {dollars(int(amount * 1_000_000))}.")


@command.command()
@scope_argument
def off(scope: Scope) -> None:
    """Lift the limit of SCOPE."""
    was_set = forget(f"budget.{scope}")
    click.echo(f"{SCOPES[scope].capitalize()}: no limit{'' if was_set else ', as before'}.")


def _lines() -> list[Line]:
    root = Path.cwd()
    files = [settings.user_file(), *([settings.project_file(root)] if trust.is_trusted(root) else [])]
    amounts = set_amounts(settings.load(files).budget)
    repository = repository_of(str(root))
    with closing(Ledger(paths.data_dir() / "ledger.sqlite3")) as ledger:
        used: dict[str, int] = {
            "day": ledger.used_of("day"),
            "month": ledger.used_of("month"),
            "repository": ledger.used_of("repository", repository=repository),
        }
    return [Line(scope, amounts.get(scope), used.get(scope)) for scope in SCOPES]


def _cells(line: Line) -> list[str]:
    limit = "off" if line.limit is None else dollars(line.limit)
    used = "" if line.used is None else dollars(line.used)
    left = share = ""
    if line.limit is not None and line.used is not None:
        left = dollars(max(line.limit - line.used, 0))
        gone = min(line.used / line.limit, 1.0) if line.limit else 1.0
        share = f"{'█' * round(gone * 10):10} {gone:4.0%}"
    return [line.scope, limit, used, left, share, SCOPES[line.scope]]

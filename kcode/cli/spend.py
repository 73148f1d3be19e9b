"""`kcode spend`: what was spent, from the ledger; what it would have been; what comes."""

from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import get_args

import click

from kcode import paths, settings
from kcode.errors import BadInput
from kcode.spend import forecast, period, report, whatif
from kcode.spend.ledger import Ledger
from kcode.spend.repository import repository_of
from kcode.spend.row import Row
from kcode.visible import visible


@click.command(help="What was spent on requests to models: by all kcodes of yours, from the ledger.")
@click.option("--by", type=click.Choice(get_args(report.By)), default="model", show_default=True)
@click.option("--since", metavar="WHEN", help="today, yesterday, month, 7d, 2026-11 or 2026-11-01.")
@click.option("--until", metavar="WHEN", help="The same; a day or month is taken whole.")
@click.option("--session", metavar="ID", help="Of one session; the beginning of its id is enough.")
@click.option("--here", is_flag=True, help="Only of the repository of this folder.")
@click.option("--what-if", metavar="MODEL", help="What the same requests had cost with that model.")
@click.option(
    "--forecast", "looks_ahead", is_flag=True, help="What a prompt here, and this month, will cost."
)
@click.option("--json", "form", flag_value="json", help="For programs; money in whole micro-dollars.")
@click.option("--csv", "form", flag_value="csv", help="For spreadsheets.")
def command(
    by: report.By,
    since: str | None,
    until: str | None,
    session: str | None,
    here: bool,
    what_if: str | None,
    looks_ahead: bool,
    form: str | None,
) -> None:
    now = datetime.now()
    repository = repository_of(str(Path.cwd()))
    if form == "csv" and (what_if or looks_ahead):
        raise click.UsageError("--csv is for the report alone.")
    if form and looks_ahead:
        raise click.UsageError("--forecast is told in words.")
    target = _target(what_if) if what_if else None
    start = period.since(since, now) if since else None
    end = period.until(until, now) if until else None
    with closing(Ledger(paths.data_dir() / "ledger.sqlite3")) as ledger:
        if ledger.note:
            click.echo(f"! {ledger.note}", err=True)
        rows = [row for row in ledger.rows(start, end, session) if not here or row.repository == repository]
    if not rows and not form:
        is_narrowed = since or until or session or here
        click.echo("Nothing was spent in that time." if is_narrowed else "Nothing was spent yet.")
    elif looks_ahead:
        _say(forecast.as_text(rows, repository, now))
    elif target:
        found = whatif.repriced(rows, target, _caches(rows))
        _say([whatif.as_json(found)] if form else whatif.as_text(found))
    elif form == "json":
        click.echo(report.as_json(rows, by))
    elif form == "csv":
        click.echo(report.as_csv(rows, by), nl=False)
    else:
        _say(report.as_text(rows, by))


def _say(lines: Iterable[str]) -> None:
    click.echo(visible("\n".join(lines)))


def _target(model: str) -> whatif.Target:
    """BadInput when its price is unknown."""
    from kcode.llm.catalog import Catalog  # pydantic's models of it all: only when they are wanted

    facts = Catalog(settings.load([settings.user_file()])).model(model)
    if facts.price is None:
        near = [id for id in Catalog().suggest(model) if id != facts.id]
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        raise BadInput(
            f'The price of {facts.id} is unknown.{hint} Give it: [prices."{facts.id}"] in the settings.'
        )
    return whatif.Target(facts.id, facts.price, facts.cache)


def _caches(rows: Sequence[Row]) -> dict[str, whatif.CacheKind]:
    """How the providers of the models that were asked cache; a provider that nobody knows any more, by itself."""
    from kcode.llm.catalog import Catalog

    catalog = Catalog(settings.load([settings.user_file()]))
    found: dict[str, whatif.CacheKind] = {}
    for model in {row.model for row in rows}:
        try:
            found[model] = catalog.model(model).cache
        except BadInput:
            found[model] = "automatic"
    return found

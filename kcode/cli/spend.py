"""`kcode spend`: what was spent, from the ledger."""

from contextlib import closing
from datetime import datetime
from typing import get_args

import click

from kcode import paths
from kcode.spend import period, report
from kcode.spend.ledger import Ledger
from kcode.visible import visible


@click.command(help="What was spent on requests to models: by all kcodes of yours, from the ledger.")
@click.option("--by", type=click.Choice(get_args(report.By)), default="model", show_default=True)
@click.option("--since", metavar="WHEN", help="today, yesterday, month, 7d, 2026-11 or 2026-11-01.")
@click.option("--until", metavar="WHEN", help="The same; a day or month is taken whole.")
@click.option("--session", metavar="ID", help="Of one session; the beginning of its id is enough.")
@click.option("--json", "form", flag_value="json", help="For programs; money in whole micro-dollars.")
@click.option("--csv", "form", flag_value="csv", help="For spreadsheets.")
def command(
    by: report.By, since: str | None, until: str | None, session: str | None, form: str | None
) -> None:
    now = datetime.now()
    start = period.since(since, now) if since else None
    end = period.until(until, now) if until else None
    with closing(Ledger(paths.data_dir() / "ledger.sqlite3")) as ledger:
        if ledger.note:
            click.echo(f"! {ledger.note}", err=True)
        rows = ledger.rows(start, end, session)
    if form == "json":
        click.echo(report.as_json(rows, by))
    elif form == "csv":
        click.echo(report.as_csv(rows, by), nl=False)
    elif rows:
        click.echo(visible("\n".join(report.as_text(rows, by))))
    else:
        click.echo(
            "Nothing was spent in that time." if since or until or session else "Nothing was spent yet."
        )

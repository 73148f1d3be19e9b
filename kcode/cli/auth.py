"""`kcode auth`: the keys of providers. They are never printed."""

import sys
from collections.abc import Sequence

import click
from pydantic import SecretStr

from kcode import keys, settings
from kcode.errors import BadInput, KcodeError
from kcode.llm.catalog import Catalog
from kcode.llm.providers import Provider
from kcode.spend.table import table


@click.group(help="Keys of providers: kept in the system's keyring, or found in the environment.")
def command() -> None:
    pass


@command.command()
@click.argument("provider", required=False)
@click.option("--in-file", is_flag=True, help="In a plain file that only you can read, where no keyring is.")
def login(provider: str | None, in_file: bool) -> None:
    """Keep a key: typed unseen, or piped in (`echo $KEY | kcode auth login openai`)."""
    catalog = _catalog()
    row = _row(catalog, provider or _chosen(list(catalog.providers())))
    if not in_file and (trouble := keys.keyring_trouble()):
        raise KcodeError(keys.not_kept(row.name, trouble, row.key_names))
    value = _typed(row)
    place = keys.store_key(row.name, value, in_file=in_file)
    key = keys.Key(value=value, source=place)
    click.echo(f"The key of {row.title} ({key.hint}) is kept in {_where(place)}.")
    found = catalog.key_of(row)
    if found and found.value != value:
        click.echo(f"! It is not used: {found.source} goes before it.", err=True)


@command.command()
@click.argument("provider")
def logout(provider: str) -> None:
    """Forget a key that kcode keeps."""
    catalog = _catalog()
    row = _row(catalog, provider)
    places = keys.delete_key(row.name)
    for place in places:
        click.echo(f"The key of {row.title} is gone from {_where(place)}.")
    if not places:
        click.echo(f"No key of {row.title} was kept.")
    if found := catalog.key_of(row):
        click.echo(f"! There is still one: {found.source}.", err=True)


@command.command("list")
def list_keys() -> None:
    """Which providers have a key, and where it is from."""
    catalog = _catalog()
    found = [(row, key) for row in catalog.providers() if (key := catalog.key_of(row))]
    rows = [[row.name, key.source, key.hint] for row, key in found]
    for line in table(rows, frozenset({0, 1, 2})) or ["No key was found. Keep one: kcode auth login"]:
        click.echo(line)
    if trouble := keys.keyring_trouble():
        click.echo(f"! This machine's keyring cannot be used: {trouble}.", err=True)


def _catalog() -> Catalog:
    return Catalog(settings.load([settings.user_file()]))


def _row(catalog: Catalog, name: str) -> Provider:
    rows = {row.name: row for row in catalog.providers()}
    if name not in rows:
        raise BadInput(f"There is no provider {name!r}. Known are {', '.join(rows)}.")
    return rows[name]


def _chosen(rows: Sequence[Provider]) -> str:
    if not sys.stdin.isatty():
        raise BadInput("Say whose key it is: echo $KEY | kcode auth login PROVIDER")
    names = [row.name for row in rows if not row.is_local]
    return str(click.prompt("Whose key", type=click.Choice(names)))


def _typed(row: Provider) -> SecretStr:
    if sys.stdin.isatty():
        where = f" (from {row.keys_at})" if row.keys_at else ""
        text = click.prompt(
            f"Key of {row.title}{where}, unseen", hide_input=True, default="", show_default=False
        )
    else:
        text = sys.stdin.readline()
    text = text.strip()
    if not text or len(text.split()) > 1:
        raise BadInput("That is no key: nothing was kept. A key is one word without blanks.")
    return SecretStr(text)


def _where(place: keys.Place) -> str:
    return "the keyring" if place == "keyring" else str(keys.keys_file())

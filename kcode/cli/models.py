"""`kcode models`: what can be asked, how much it reads at once, and what it costs."""

import json
from collections.abc import Iterable
from datetime import date
from typing import Any
from urllib.parse import urlsplit

import click

from kcode import settings
from kcode.errors import BadInput, KcodeError
from kcode.llm.catalog import Catalog, ModelFacts
from kcode.llm.providers import LISTS
from kcode.llm.servers import Server, ask_servers
from kcode.spend import listed
from kcode.spend.money import tokens
from kcode.spend.table import table
from kcode.visible import visible

HEAD = ["model", "window", "input", "output", "cached", "tools", "images", "cache", "price from"]
FETCH_TIME, LONGEST_LIST = 30.0, 50_000_000
"""Seconds, bytes."""
LEFT = frozenset({0, 5, 6, 7, 8})


@click.command(help="Models with their windows and prices. QUERY: words that are in the name.")
@click.argument("query", nargs=-1)
@click.option("--provider", metavar="NAME", help="Only of this provider.")
@click.option(
    "--local", is_flag=True, help="Ask the servers on this machine (Ollama, LM Studio, vLLM, your own)."
)
@click.option(
    "--refresh", is_flag=True, help="Fetch the prices that OpenRouter lists; nothing else does that."
)
@click.option("--json", "as_json", is_flag=True, help="For programs; prices in dollars per million tokens.")
@click.option("--limit", type=click.IntRange(1), default=40, show_default=True, help="At most so many.")
def command(
    query: tuple[str, ...], provider: str | None, local: bool, refresh: bool, as_json: bool, limit: int
) -> None:
    catalog = Catalog(settings.load([settings.user_file()]))
    if refresh:
        for line in _refresh(catalog):
            click.echo(visible(line), err=True)
    names = {row.name for row in catalog.providers()}
    if provider is not None and provider not in names:
        raise BadInput(f"There is no provider {provider!r}. Known are {', '.join(sorted(names))}.")
    named = {word.partition("/")[0].lower() for word in query} | {provider}
    servers = ask_servers(row for row in catalog.providers() if row.is_local and (local or row.name in named))
    found = _found(catalog, " ".join(query), provider, servers, only_local=local)
    if as_json:
        click.echo(json.dumps([_data(facts) for facts in found[:limit]], indent=2))
        return
    for line in _lines(catalog, " ".join(query), found, limit):
        click.echo(visible(line))
    for line in _about(servers):
        click.echo(visible(line), err=True)


def _refresh(catalog: Catalog) -> Iterable[str]:
    """Fetches the lists of the providers that have one, without a key. KcodeError when one cannot be had."""
    for name, address in LISTS.items():
        base = next((row.base_url for row in catalog.providers() if row.name == name), None) or address
        url = f"{base.rstrip('/')}/models"
        try:
            count = listed.keep(name, urlsplit(url).hostname or url, date.today().isoformat(), _fetched(url))
        except (OSError, ValueError) as error:
            raise KcodeError(f"The prices of {name} could not be fetched from {url}: {error}.") from None
        yield f"{count} prices of {name} were fetched from {url}."


def _fetched(url: str) -> dict[str, Any]:
    import urllib.request

    if not url.startswith(("https://", "http://")):
        raise ValueError("it is no address of the web")
    asked = urllib.request.Request(url, headers={"Accept": "application/json", "User-Agent": "kcode"})  # noqa: S310
    with urllib.request.urlopen(asked, timeout=FETCH_TIME) as answer:  # noqa: S310
        found = json.loads(answer.read(LONGEST_LIST))
    if not isinstance(found, dict):
        raise ValueError("it is no list of models")
    return found


def _found(
    catalog: Catalog, query: str, provider: str | None, servers: Iterable[Server], *, only_local: bool
) -> list[ModelFacts]:
    """What the servers hold, then what the map knows."""
    words = query.lower().split()
    windows = {id: window for server in servers for id, window in server.models.items()}
    held = [id for id in windows if all(word in id.lower() for word in words)]
    known = [] if only_local else [id for id in catalog.search(query, provider) if id not in windows]
    facts = [catalog.model(id) for id in (*held, *known)]
    return [one.model_copy(update={"window": one.window or windows.get(one.id)}) for one in facts]


def _lines(catalog: Catalog, query: str, found: list[ModelFacts], limit: int) -> Iterable[str]:
    if not found:
        near = catalog.suggest(query) if query else []
        yield "No model was found." + (f" Near: {', '.join(near)}." if near else "")
        return
    yield from table([HEAD, *map(_cells, found[:limit])], LEFT)
    if len(found) > limit:
        yield f"… and {len(found) - limit} more: narrow the query, or --limit {len(found)}."
    yield f"Prices in dollars per million tokens; {catalog.map.source}, installed {catalog.map.date}."
    told = {(price.source, price.date) for facts in found[:limit] if (price := facts.price)}
    for source, day in sorted(told):
        if source not in (catalog.map.source, "settings", "local"):
            yield f"{source}, {day}."
    yield "?: unknown. +: dearer with much input, or cheaper at night."


def _cells(facts: ModelFacts) -> list[str]:
    price = facts.price
    more = "+" if price and (price.tiers or price.off_peak) else ""
    return [
        facts.id,
        tokens(facts.window) if facts.window else "?",
        f"{price.input}{more}" if price else "?",
        f"{price.output}{more}" if price else "?",
        f"{price.cached}{more}" if price else "?",
        _yes(facts.calls_tools),
        _yes(facts.takes_images),
        facts.cache,
        price.source.partition(" ")[0].rstrip(":") if price else "",
    ]


def _yes(fact: bool | None) -> str:
    return {True: "yes", False: "no", None: "?"}[fact]


def _about(servers: Iterable[Server]) -> Iterable[str]:
    for server in servers:
        if server.trouble:
            yield f"! {server.provider.title} at {server.provider.base_url}: {server.trouble}"


def _data(facts: ModelFacts) -> dict[str, object]:
    return facts.model_dump(mode="json", exclude={"headers"})

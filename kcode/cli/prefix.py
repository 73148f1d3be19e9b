"""`kcode doctor --prefix`: what of each request was the same as before, and what the provider's cache made of it."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from kcode import paths, settings
from kcode.errors import BadInput, KcodeError
from kcode.llm.catalog import Catalog, ModelFacts
from kcode.llm.fingerprint import Fingerprint
from kcode.llm.misses import WORDS, Asked, Miss, explained
from kcode.llm.watch import readable
from kcode.memory import log
from kcode.spend.ledger import Ledger
from kcode.spend.money import dollars, tokens
from kcode.spend.table import table
from kcode.spend.trace import Trace


@dataclass(frozen=True, slots=True)
class Line:
    """One request."""

    task: str
    purpose: str
    mode: str
    model: str
    blocks: int
    bytes: int
    shared: float | None
    """The share of the bytes of the request before, of the same task or else of the same model, with which this one
    begins; None: there is none."""
    input: int
    cached: int
    micro_dollars: int | None
    cause: str | None
    missed: int
    extra: int | None
    """Micro-dollars that the miss cost."""


def report(prefix: str, root: Path, as_json: bool) -> str:
    """Of the session whose id begins so, or of the last one in this folder. BadInput when there is none."""
    path = log.find_session(prefix) if prefix else log.last_session(root)
    if path is None:
        raise BadInput(f"No session was begun in {root} yet. `kcode sessions list --all` shows the others.")
    ledger = Ledger(paths.data_dir() / "ledger.sqlite3")
    try:
        traces = ledger.traces(path.stem)
    finally:
        ledger.close()
    lines = list(lines_of(traces, Catalog(settings.load([settings.user_file()]))))
    if as_json:
        return json.dumps([asdict(line) for line in lines], indent=1)
    return "\n".join([f"Session {path.stem}", *written(lines)])


def lines_of(traces: Sequence[Trace], catalog: Catalog) -> Iterator[Line]:
    befores: dict[str, Asked] = {}
    prints: dict[str, Fingerprint] = {}
    for trace, print, now in readable(traces):
        miss = _miss(befores.get(trace.task), now, trace, catalog) if now else None
        other = befores[trace.task].print if trace.task in befores else prints.get(trace.model)
        yield Line(
            task=trace.task,
            purpose=trace.purpose,
            mode=trace.mode,
            model=trace.model,
            blocks=len(print.blocks),
            bytes=print.bytes,
            shared=other.shared_bytes(print) / other.bytes if other and other.bytes else None,
            input=trace.usage.input,
            cached=trace.usage.cached,
            micro_dollars=trace.charged,
            cause=miss.cause if miss else None,
            missed=miss.tokens if miss else 0,
            extra=miss.micro_dollars if miss else None,
        )
        if now:
            befores[trace.task] = now
            prints[trace.model] = print


def written(lines: Sequence[Line]) -> Iterator[str]:
    if not lines:
        yield "No request was made."
        return
    head = ["#", "task", "mode", "model", "blocks", "bytes", "same", "input", "from cache", "cost", ""]
    rows = [[str(number), *_cells(line)] for number, line in enumerate(lines, start=1)]
    yield from table([head, *rows], left=frozenset({1, 2, 3, 10}))
    whole, cached = sum(line.input for line in lines), sum(line.cached for line in lines)
    extra = sum(line.extra or 0 for line in lines)
    share = f"{cached / whole:.0%}" if whole else "nothing"
    yield f"{share} of {tokens(whole)} tokens came from the cache; misses cost {dollars(extra)}."


def _cells(line: Line) -> list[str]:
    more = f" +{dollars(line.extra)}" if line.extra else ""
    why = f"{WORDS[line.cause]}{more}" if line.cause in WORDS else ""
    return [
        line.task,
        line.mode if line.purpose == "chat" else line.purpose,
        line.model,
        str(line.blocks),
        f"{line.bytes:,}",
        "" if line.shared is None else f"{line.shared:.0%}",
        f"{line.input:,}",
        f"{line.cached / line.input:.0%}" if line.input else "",
        dollars(line.micro_dollars),
        why,
    ]


def _miss(before: Asked | None, now: Asked, trace: Trace, catalog: Catalog) -> Miss | None:
    facts = _facts(trace.model, catalog)
    if facts is None:
        stores = now.usage.stored + now.usage.stored_1h > 0
        return explained(before, now, "explicit" if stores else "automatic", None, trace.price)
    return explained(before, now, facts.cache, facts.cache_min_tokens, trace.price)


def _facts(model: str, catalog: Catalog) -> ModelFacts | None:
    """None for a model of a provider that is no longer in the settings."""
    try:
        return catalog.model(model)
    except KcodeError:
        return None

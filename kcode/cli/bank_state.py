"""The state of the memory bank: on, stale or off; and its price, as it is expected and as it was."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from kcode.cli.start import DEFAULT_MODE
from kcode.errors import BadInput
from kcode.llm.catalog import Catalog
from kcode.memory import bank, log, proposals
from kcode.memory.account import Account
from kcode.memory.freshness import stale
from kcode.messages import Usage
from kcode.modes.choice import Models
from kcode.settings import Settings
from kcode.spend.money import dollars, tokens
from kcode.spend.prices import PriceRow, cost


@dataclass(frozen=True, slots=True)
class TopicState:
    name: str
    tokens: int
    stale: str
    """Why; "" when it is not."""


@dataclass(frozen=True, slots=True)
class Lately:
    """The last session of the folder."""

    session: str
    requests: int
    topics: dict[str, int]
    """Tokens of those that were read."""
    micro_dollars: int | None


@dataclass(frozen=True, slots=True)
class State:
    state: Literal["on", "stale", "off"]
    folder: str
    topics: tuple[TopicState, ...]
    index: int
    """Tokens in every request."""
    model: str
    first: int | None
    """Micro-dollars of the index in the first request of a task."""
    further: int | None
    """In each further one, from the cache."""
    proposals: int
    lately: Lately | None


async def of(root: Path, chosen: Settings) -> State:
    found = bank.find(root)
    waiting = len(proposals.kept(root))
    if found is None or not chosen.memory.use:
        return State("off", found.home if found else "", (), 0, "", None, None, waiting, None)
    reasons = {one.topic: one.reason for one in await stale(found)}
    topics = tuple(TopicState(one.name, one.tokens, reasons.get(one.name, "")) for one in found.topics)
    account, session = Account(partial(_price, chosen)), log.last_session(root)
    for event in log.load_events(session)[0] if session else ():
        account(event)
    model = _model(chosen) or account.model
    price = _price(chosen, model)
    size = found.block().tokens
    return State(
        "stale" if reasons else "on",
        found.home,
        topics,
        size,
        model,
        cost(price, Usage(fresh=size)) if price else None,
        cost(price, Usage(cached=size)) if price else None,
        waiting,
        _lately(session, account),
    )


def lines(state: State) -> Iterator[str]:
    """For people."""
    if state.state == "off":
        yield f"off: {'memory.use is false' if state.folder else 'no memory bank here; begin one: kcode memory init'}"
    else:
        yield f"{state.state}: {state.folder}, {len(state.topics)} topics"
        width = max(len(topic.name) for topic in state.topics)
        for topic in state.topics:
            why = f"   stale: {topic.stale}" if topic.stale else ""
            yield f"  {topic.name:<{width}} {tokens(topic.tokens):>6}{why}"
        yield (
            f"the index: {state.index} tokens in every request; {dollars(state.first)} with the first of a task, "
            f"{dollars(state.further)} with each further one ({state.model or 'no model is set'})"
        )
        whole = sum(topic.tokens for topic in state.topics)
        yield f"the topics: read when they matter; {tokens(whole)} tokens if all of them are"
    if state.lately:
        yield _last_session(state.lately)
    if state.proposals:
        yield f"{state.proposals} proposals wait: kcode memory update"


def _last_session(lately: Lately) -> str:
    read = ", ".join(f"{name} {tokens(size)}" for name, size in lately.topics.items()) or "no topic"
    return (
        f"the last session ({lately.session}): {lately.requests} requests, read {read}; "
        f"memory was about {dollars(lately.micro_dollars)} of it"
    )


def _model(chosen: Settings) -> str:
    """Of the first mode; "" when nobody has named one and no key is there."""
    try:
        return Models(chosen, {}).for_mode(DEFAULT_MODE).model
    except BadInput:
        return ""


def _price(chosen: Settings, model: str) -> PriceRow | None:
    try:
        return Catalog(chosen).model(model).price
    except BadInput:
        return None


def _lately(session: Path | None, account: Account) -> Lately | None:
    if session is None:
        return None
    return Lately(session.stem, account.requests, dict(account.topics), account.micro_dollars)

"""A session that plays a scenario: the real program, over real HTTP, against the scripted provider."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

from kcode.agent.session import Session
from kcode.cli.options import RunOptions
from kcode.cli.start import Started, start
from kcode.events import BaseEvent, Event
from kcode.messages import Message
from kcode.scripted import ScriptedProvider

WireName = Literal["anthropic", "openai"]
WIRES: tuple[WireName, WireName] = ("anthropic", "openai")
Told = TypeVar("Told", bound=BaseEvent)
NAME = "model-1"
MODEL = f"scripted/{NAME}"
DOLLARS = {"input": "3", "output": "15", "cached": "0.30", "stored": "3.75", "stored_1h": "6"}
"""Per million tokens, told to both sides: the provider bills by it, kcode by its settings."""


def scenario(*steps: dict[str, Any], match: str = "", **more: Any) -> dict[str, Any]:
    """One lane, and prices."""
    return {"lanes": [{"match": match, "steps": list(steps)}], "prices": {NAME: DOLLARS}} | more


def say(text: str, **more: Any) -> dict[str, Any]:
    return {"text": text} | more


def call(name: str, /, **arguments: Any) -> dict[str, Any]:
    return {"calls": [{"name": name, "arguments": arguments}]}


def calls(*several: dict[str, Any]) -> dict[str, Any]:
    return {"calls": [one for step in several for one in step["calls"]]}


def settings_for(provider: ScriptedProvider, wire: WireName = "anthropic") -> tuple[str, ...]:
    """What --set says so that kcode reaches the provider, with prices, and without waiting between retries."""
    base = provider.url if wire == "anthropic" else f"{provider.url}/v1"
    prices = ", ".join(f"{name}={value}" for name, value in DOLLARS.items())
    return (
        f'providers.scripted={{wire="{wire}", base_url="{base}", key="none"}}',
        f'prices."{MODEL}"={{{prices}}}',
        "retry.first_wait=0.01",
        'sandbox.mode="off"',
    )


def options_for(
    provider: ScriptedProvider, root: Path, wire: WireName = "anthropic", **more: Any
) -> RunOptions:
    plain = RunOptions(cd=root, models=(MODEL,), permission_mode="auto", set=settings_for(provider, wire))
    return replace(plain, set=(*plain.set, *more.pop("set", ())), **more)


@dataclass(slots=True)
class Play:
    provider: ScriptedProvider
    started: Started
    events: list[Event] = field(default_factory=list)

    @property
    def session(self) -> Session:
        return self.started.session

    @property
    def messages(self) -> list[Message]:
        return self.session.task.conversation.messages

    def told(self, kind: type[Told]) -> list[Told]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def billed(self) -> int:
        """Micro-dollars, by kcode's ledger."""
        return self.started.ledger.total(self.session.id).micro_dollars


@contextmanager
def playing(
    script: dict[str, Any],
    root: Path,
    wire: WireName = "anthropic",
    *,
    someone_answers: bool = False,
    **more: Any,
) -> Iterator[Play]:
    with ScriptedProvider(script) as provider:
        started = start(options_for(provider, root, wire, **more), someone_answers)
        with started.put_away:
            play = Play(provider, started)
            started.session.listen(play.events.append)
            yield play

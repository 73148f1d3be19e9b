"""Requests straight to the client, over real HTTP against the scripted provider, without a session around them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from kcode import settings
from kcode.events import BaseEvent, Event
from kcode.llm.catalog import Catalog
from kcode.llm.client import Client
from kcode.llm.request import Request
from kcode.messages import Message, Prompt, Reply
from kcode.scripted import ScriptedProvider
from kcode.settings import Settings
from kcode.spend.ledger import Ledger

WireName = Literal["anthropic", "openai"]
Told = TypeVar("Told", bound=BaseEvent)
NAME = "model-1"
MODEL = f"scripted/{NAME}"
DOLLARS = {"input": "3", "output": "15", "cached": "0.30", "stored": "3.75", "stored_1h": "6"}
"""Per million tokens, told to both sides: the provider bills by it, kcode by its settings."""


def script(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    """One lane for every prompt, and prices."""
    return {"lanes": [{"match": "", "steps": list(steps)}], "prices": {NAME: DOLLARS}} | more


@dataclass(slots=True)
class Asking:
    provider: ScriptedProvider
    client: Client
    events: list[Event] = field(default_factory=list)

    async def ask(self, *messages: Message | str, **more: Any) -> Reply:
        said = tuple(Prompt(text=m) if isinstance(m, str) else m for m in messages or ("go",))
        return await self.client.ask(asked(said, **more), self.events.append)

    def told(self, kind: type[Told]) -> list[Told]:
        return [event for event in self.events if isinstance(event, kind)]


def asked(messages: Sequence[Message], **more: Any) -> Request:
    plain: dict[str, Any] = {"session": "s", "root": "", "task": "main", "mode": "code", "model": MODEL}
    plain |= {"system": "Be brief.", "messages": tuple(messages), "max_tokens": 4000}
    return Request(**plain | more)


def settings_of(provider: ScriptedProvider, wire: WireName = "anthropic", *more: str) -> Settings:
    base = provider.url if wire == "anthropic" else f"{provider.url}/v1"
    prices = ", ".join(f"{name}={value}" for name, value in DOLLARS.items())
    plain = (
        f'providers.scripted={{wire="{wire}", base_url="{base}", key="none"}}',
        f'prices."{MODEL}"={{{prices}}}',
        "retry.first_wait=0.01",
    )
    return settings.load([], (*plain, *more))


@contextmanager
def asking(
    played: dict[str, Any], ledger: Path, *more: str, wire: WireName = "anthropic"
) -> Iterator[Asking]:
    """`more`: further settings, as --set takes them; URL in them is the provider's."""
    with ScriptedProvider(played) as provider:
        chosen = settings_of(provider, wire, *(one.replace("URL", provider.url) for one in more))
        book = Ledger(ledger)
        try:
            yield Asking(provider, Client(chosen, Catalog(chosen), book))
        finally:
            book.close()

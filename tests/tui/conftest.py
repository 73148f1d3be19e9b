"""The whole app with a real session, against the scripted provider."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot

from kcode.cli.options import RunOptions
from kcode.cli.screen import door_for
from kcode.llm import transport
from kcode.scripted import ScriptedProvider
from kcode.tui.app import KcodeApp
from kcode.tui.engine.engine import Engine
from tests.tui.screen import shown, until, until_shown

MODEL = "scripted/demo-model"
OTHER = "scripted/small-model"
PRICES = {
    "demo-model": {"input": "3", "output": "15", "cached": "0.3", "stored": "3.75"},
    "small-model": {"input": "1", "output": "5", "cached": "0.1", "stored": "1.25"},
}

Lane = dict[str, Any]


@dataclass
class Run:
    """The app under test, what it shows, and the provider that it talks to."""

    pilot: Pilot[int]
    app: KcodeApp
    provider: ScriptedProvider
    root: Path

    @property
    def screen(self) -> str:
        return shown(self.app)

    async def type(self, text: str, *keys: str) -> None:
        """As a terminal sends what is pasted; then the keys, Enter by default."""
        self.app.screen.post_message(events.Paste(text))
        await self.pilot.press(*(keys or ["enter"]))

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def sees(self, text: str, seconds: float = 20) -> str:
        return await until_shown(self.pilot, text, seconds)

    async def until(self, condition: Callable[[], object], seconds: float = 20) -> None:
        await until(self.pilot, condition, seconds)

    async def ready(self) -> None:
        await self.until(lambda: self.app.talk.state.opened)

    async def rests(self) -> None:
        await self.until(lambda: not self.app.talk.state.is_working)


Start = Callable[..., AbstractAsyncContextManager[Run]]


@pytest.fixture(scope="session", autouse=True)
def litellm_is_loaded() -> None:
    transport.start_import()


def scripted_options(url: str, root: Path, **more: Any) -> RunOptions:
    own = more.pop("set", ())
    settings = [
        f'providers.scripted={{wire="anthropic", base_url="{url}", key="none"}}',
        "retry.first_wait=0.05",
        'sandbox.mode="off"',
    ]
    for name, price in PRICES.items():
        table = ", ".join(f"{kind}={amount}" for kind, amount in price.items())
        settings.append(f'prices."scripted/{name}"={{{table}}}')
    return RunOptions(cd=root, models=more.pop("models", (MODEL,)), set=(*settings, *own), **more)


@pytest.fixture
def play() -> Iterator[Callable[..., ScriptedProvider]]:
    """Starts a scripted provider; all are ended with the test."""
    playing: list[ScriptedProvider] = []

    def started(*lanes: Lane, **more: Any) -> ScriptedProvider:
        provider = ScriptedProvider({"lanes": list(lanes), "prices": PRICES, **more}).start()
        playing.append(provider)
        return provider

    yield started
    for provider in playing:
        provider.close()


@pytest.fixture
def start(play: Callable[..., ScriptedProvider], repository: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")

    @asynccontextmanager
    async def started(
        *lanes: Lane,
        size: tuple[int, int] = (120, 40),
        scenario: dict[str, Any] | None = None,
        said: str = "",
        **options: Any,
    ) -> AsyncIterator[Run]:
        provider = play(*lanes, **(scenario or {}))
        door = replace(door_for(scripted_options(provider.url, repository, **options)), prompt=said)
        engine = Engine(door)
        app = KcodeApp(door, engine)
        app.talk.bottom.prompt.cursor_blink = False
        try:
            async with app.run_test(size=size) as pilot:
                yield Run(pilot, app, provider, repository)
        finally:
            engine.close()

    return started


def lane(match: str, *steps: dict[str, Any]) -> Lane:
    return {"match": match, "steps": list(steps)}

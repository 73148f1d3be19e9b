"""What a person reads on the screen, and an app to look at one widget in."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, TypeVar

from textual.app import App, ComposeResult
from textual.message import Message
from textual.pilot import Pilot
from textual.widget import Widget

M = TypeVar("M", bound=Message)


def shown(app: App[Any]) -> str:
    """The screen as text, without the blanks at the ends of lines."""
    strips = app.screen._compositor.render_strips(app.size)
    return "\n".join(strip.text.rstrip() for strip in strips)


class Frame(App[None]):
    """Holds widgets and remembers their messages."""

    def __init__(self, *widgets: Widget, css: str = "") -> None:
        super().__init__()
        self.animation_level = "none"
        self._inside = widgets
        self.heard: list[Message] = []
        self.stylesheet.add_source(css)

    def compose(self) -> ComposeResult:
        yield from self._inside

    def heard_of(self, kind: type[M]) -> list[M]:
        return [message for message in self.heard if isinstance(message, kind)]

    async def _on_message(self, message: Message) -> None:
        self.heard.append(message)
        await super()._on_message(message)


async def until(pilot: Pilot[Any], condition: Callable[[], object], seconds: float = 10) -> None:
    """Waits for something to come true on the screen; fails with the screen when it does not."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"Not in {seconds} s:\n{shown(pilot.app)}")
        await asyncio.sleep(0.02)
        await pilot.pause()


async def until_shown(pilot: Pilot[Any], text: str, seconds: float = 10) -> str:
    await until(pilot, lambda: text in shown(pilot.app), seconds)
    return shown(pilot.app)

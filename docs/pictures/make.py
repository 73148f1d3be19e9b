"""The pictures of the README, made by the running program: `make pictures`.

Every scene is the real app, or the real command, with a real session in the sample repository of `kcode demo`, against
the scripted provider. `python -m docs.pictures.make NAME...` makes only some; `--to FOLDER` puts them elsewhere.
"""

import argparse
import asyncio
import os
import pty
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.segment import Segment
from rich.text import Text
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input

from docs.pictures.paint import DARK, LIGHT, Look, save
from kcode.cli import demo
from kcode.cli.options import RunOptions
from kcode.cli.screen import door_for
from kcode.llm import transport
from kcode.scripted import ScriptedProvider
from kcode.scripted.scenario import Scenario
from kcode.tui.app import KcodeApp
from kcode.tui.approval.ask import GRACE, PAUSE
from kcode.tui.engine.engine import Engine
from tests.tui.screen import until, until_shown

HERE = Path(__file__).parent
ALLOWED = 'permissions.allow=["command(python -m *)"]'
COLUMNS = 121
"""Of the terminal of `kcode run`."""
PATIENCE = 60
"""Seconds for a scene to get there, on a busy machine."""
SETTLED = 0.6
"""Seconds until every part of the screen shows what happened; the meter is painted at a pace of its own."""
LARGEST = 150_000
"""Bytes of a picture that everybody loads who looks at the repository."""

Shot = Callable[..., None]


@asynccontextmanager
async def app(
    size: tuple[int, int], scenario: Scenario | None = None, **more: Any
) -> AsyncIterator[tuple[Pilot[int], KcodeApp]]:
    """The app in the sample repository, as far as the first session; by default with the demo's model."""
    with ScriptedProvider(scenario or demo.scenario()) as provider:
        engine = Engine(door_for(options(provider.url, **more), demo=lambda: 0))
        screen = KcodeApp(engine._door, engine)
        screen.talk.bottom.prompt.cursor_blink = False
        try:
            async with screen.run_test(size=size) as pilot:
                yield pilot, screen
        finally:
            await asyncio.to_thread(engine.close)


def options(url: str, **more: Any) -> RunOptions:
    plain = demo.options(Path.home() / "shop", url, "anthropic")
    own = more.pop("set", ())
    return replace(plain, prompt=(), ephemeral=False, set=(*plain.set, *own), **more)


async def say(pilot: Pilot[int], text: str) -> None:
    pilot.app.screen.post_message(events.Paste(text))
    await pilot.press("enter")


async def approve(pilot: Pilot[int]) -> None:
    await until_shown(pilot, "Allow this?", PATIENCE)
    await asyncio.sleep(max(GRACE, PAUSE) + 0.3)
    await pilot.pause()


async def settled(pilot: Pilot[int]) -> None:
    """All is painted, and no cursor blinks."""
    for box in pilot.app.screen.query(Input):
        box.cursor_blink = False
    await pilot.pause(SETTLED)


async def task_done(pilot: Pilot[int], screen: KcodeApp) -> None:
    await until(pilot, lambda: screen.talk.state.opened)
    await say(pilot, demo.PROMPT)
    await until_shown(pilot, "6 steps", PATIENCE)
    await until(pilot, lambda: not screen.talk.state.is_working)
    await settled(pilot)


async def task(shot: Shot, size: tuple[int, int] = (120, 42)) -> None:
    budget = Decimal(2)
    async with app(size, permission_mode="edits", max_budget_usd=budget, set=(ALLOWED,)) as (pilot, screen):
        await task_done(pilot, screen)
        shot(screen)


async def task_small(shot: Shot) -> None:
    await task(shot, (60, 20))


async def task_large(shot: Shot) -> None:
    await task(shot, (200, 60))


async def approval(shot: Shot, size: tuple[int, int] = (120, 36)) -> None:
    async with app(size, permission_mode="ask", set=(ALLOWED,)) as (pilot, screen):
        await until(pilot, lambda: screen.talk.state.opened)
        await say(pilot, demo.PROMPT)
        await approve(pilot)
        shot(screen)
        await pilot.press("escape")


async def approval_small(shot: Shot) -> None:
    await approval(shot, (60, 20))


PARTS = {
    "architect": "Write docs/usage.md for the command line",
    "ask": "Find every place that rounds a price",
    "code": "Run the tests of the discounts",
}
ORCHESTRA = {
    "lanes": [
        {
            "match": "Prepare release",
            "steps": [
                {
                    "text": "Three things are independent of each other, so I give them to three tasks at once.",
                    "calls": [
                        {"name": "delegate", "arguments": {"mode": mode, "message": text}}
                        for mode, text in PARTS.items()
                    ],
                },
                {"text": "All is ready for 1.0."},
            ],
        },
        {
            "match": "usage.md for",
            "steps": [
                {
                    "text": "I read the code first.",
                    "calls": [{"name": "read", "arguments": {"path": "shop/cart.py"}}],
                },
                {"text": "The shop has a cart, and a cart has a total. " * 60, "chunk": 4, "pace": 0.1},
            ],
        },
        {
            "match": "tests of the discounts",
            "steps": [
                {"calls": [{"name": "shell", "arguments": {"command": "python -m unittest -v; sleep 30"}}]}
            ],
        },
        {"match": "rounds a price", "steps": [{"text": "`shop/cart.py:12` and `shop/discount.py:4`."}]},
    ],
}


async def tasks(shot: Shot) -> None:
    """Tasks that were delegated, in the middle of their work."""
    scenario = demo.scenario().model_copy(update={"lanes": Scenario.of(ORCHESTRA).lanes})
    async with app((130, 34), scenario, mode="orchestrator", permission_mode="auto") as (pilot, screen):
        await until(pilot, lambda: screen.talk.state.opened)
        await say(pilot, "Prepare release 1.0: the documentation, the tests, and look for rounding of prices")
        await until_shown(pilot, "2 running of 3", PATIENCE)
        await until_shown(pilot, "The shop has a cart", PATIENCE)
        await pilot.pause(3)
        shot(screen)
        await pilot.press("escape")


async def page(shot: Shot, command: str, seen: str, *keys: str) -> None:
    async with app((120, 36), permission_mode="edits", set=(ALLOWED,)) as (pilot, screen):
        await task_done(pilot, screen)
        await say(pilot, command)
        await until_shown(pilot, seen)
        await pilot.press(*keys)
        await settled(pilot)
        shot(screen)


async def models(shot: Shot) -> None:
    os.environ["ANTHROPIC_API_KEY"] = "none: nothing is sent there"
    await page(shot, "/model", "The model of Code", *"sonnet", "down", "down")


async def cost(shot: Shot) -> None:
    await page(shot, "/cost", "By purpose")


async def context(shot: Shot) -> None:
    await page(shot, "/context", "system prompt")


async def help(shot: Shot) -> None:
    await page(shot, "/help", "/permissions")


async def light(shot: Shot) -> None:
    async with app((120, 36), permission_mode="edits", set=(ALLOWED,)) as (pilot, screen):
        screen.theme = "light"
        await task_done(pilot, screen)
        shot(screen, look=LIGHT)


async def first_run(shot: Shot, size: tuple[int, int] = (110, 24)) -> None:
    async with app(size, models=()) as (pilot, screen):
        await until_shown(pilot, "Which model")
        await settled(pilot)
        shot(screen)


async def first_run_small(shot: Shot) -> None:
    await first_run(shot, (60, 20))


async def welcome(shot: Shot) -> None:
    async with app((120, 36), permission_mode="ask") as (pilot, screen):
        await until(pilot, lambda: screen.talk.state.opened)
        await settled(pilot)
        shot(screen)


async def headless(shot: Shot) -> None:
    """`kcode run`, as a terminal shows it."""
    with ScriptedProvider(demo.scenario()) as provider:
        plain = options(provider.url)
        settings = [word for setting in (*plain.set, ALLOWED) for word in ("--set", setting)]
        arguments = ["run", "-m", demo.MODEL, "--permission-mode", "edits", *settings, demo.PROMPT]
        output = await asyncio.to_thread(on_a_terminal, [sys.executable, "-m", "kcode", *arguments])
    typed = Text.assemble(("$ ", "dim"), (f'kcode run "{demo.PROMPT}"', "bold"))
    lines = [typed, *(Text.from_ansi(line) for line in output.strip("\r\n").split("\r\n"))]
    shot([line for text in lines for line in wrapped(text, COLUMNS)])


def on_a_terminal(arguments: Sequence[str]) -> str:
    ours, its = pty.openpty()
    process = subprocess.Popen(arguments, stdin=its, stdout=its, stderr=its, cwd=Path.home() / "shop")
    os.close(its)
    pieces = bytearray()
    try:
        while piece := os.read(ours, 4096):
            pieces += piece
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    if process.wait():
        raise SystemExit(f"kcode run failed:\n{pieces.decode()}")
    return pieces.decode()


def wrapped(text: Text, columns: int) -> list[list[Segment]]:
    """As a terminal does it: wherever the line ends."""
    console = Console(color_system="truecolor", force_terminal=True)
    return [list(part.render(console)) for part in text.divide(range(columns, len(text), columns))]


SCENES: dict[str, Callable[[Shot], Coroutine[Any, Any, None]]] = {
    "task": task,
    "approval": approval,
    "models": models,
    "first-run": first_run,
    "headless": headless,
    "tasks": tasks,
}
"""Those of the README."""
MORE: dict[str, Callable[[Shot], Coroutine[Any, Any, None]]] = {
    "welcome": welcome,
    "cost": cost,
    "context": context,
    "help": help,
    "light": light,
    "task-60x20": task_small,
    "task-200x60": task_large,
    "approval-60x20": approval_small,
    "first-run-60x20": first_run_small,
}
"""To look at while the screen is worked on."""


def shooter(file: Path) -> Shot:
    def shot(what: KcodeApp | Sequence[Sequence[Segment]], look: Look = DARK) -> None:
        if isinstance(what, KcodeApp):
            save(
                what.screen._compositor.render_strips(what.size), what.size.width, file, "kcode · shop", look
            )
        else:
            save(what, COLUMNS, file, "shop", look)

    return shot


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "names", nargs="*", help=f"of {', '.join(SCENES | MORE)}; those of the README by default"
    )
    parser.add_argument("--to", type=Path, default=HERE)
    arguments = parser.parse_args()
    transport.start_import()
    for name in arguments.names or SCENES:
        file = arguments.to / f"{name}.png"
        with tempfile.TemporaryDirectory() as home:
            live_in(Path(home))
            asyncio.run((SCENES | MORE)[name](shooter(file)))
        size = file.stat().st_size
        print(f"{file}: {size // 1000} kB{' - too large' if size > LARGEST else ''}")


def live_in(home: Path) -> None:
    """The sample repository at ~/shop, and nothing of whoever makes the pictures."""
    for name in [name for name in os.environ if name.endswith("_API_KEY") or name == "NO_COLOR"]:
        del os.environ[name]
    os.environ.update(
        HOME=str(home),
        KCODE_HOME=str(home / "kcode"),
        PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        PYTHON_KEYRING_BACKEND="keyring.backends.fail.Keyring",
        TERM="xterm-256color",
        COLORTERM="truecolor",
        TEXTUAL_ANIMATIONS="none",
        PYTEST_DISABLE_PLUGIN_AUTOLOAD="1",
    )
    demo.make_repository(home / "shop")


if __name__ == "__main__":
    main()

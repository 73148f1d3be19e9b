"""The door to the screen: from options to sessions, when there is a terminal."""

import gc
import os
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from importlib.resources import files
from pathlib import Path

from kcode.cli import bug, prompt_text
from kcode.cli.config import keep
from kcode.cli.options import RunOptions
from kcode.events import Listener
from kcode.tui import terminal
from kcode.tui.engine.words import Door, Started, Wish


def screen(options: RunOptions, demo: Callable[[], int] | None = None, note: str = "") -> int:
    """The exit code. Ask `terminal.trouble` first. `demo` shows the program without any key, on its own screen;
    `note` is what the user should know of every session."""
    if terminal.is_remote():
        os.environ.setdefault("TEXTUAL_FPS", "30")  # read when Textual is imported
    gc.disable()  # until the first frame: all that is made until then stays
    from kcode.tui.run import run_screen  # Textual

    return run_screen(door_for(options, demo, note))


def door_for(options: RunOptions, demo: Callable[[], int] | None = None, note: str = "") -> Door:
    is_said = options.prompt or options.files or options.images
    said = prompt_text.read(options) if is_said else prompt_text.Text(words="")
    return Door(
        open=lambda wish, listener: opened(options, wish, listener, note),
        report=lambda error: bug.keep(bug.describe(error)),
        root=(options.cd or Path.cwd()).expanduser().absolute(),
        keep=keep,
        worded=lambda name: files("kcode.cli").joinpath("tasks", f"{name}.md").read_text("utf-8").strip(),
        prompt=said.words,
        images=said.images,
        max_time=options.max_time,
        demo=demo,
        keeps_sessions=not options.ephemeral,
        asks_trust=not options.safe_mode,
    )


def opened(options: RunOptions, wish: Wish, listener: Listener, note: str = "") -> Started:
    from kcode.cli.start import start  # the agent: after the first frame, and not in the screen's thread

    started = start(wished(options, wish), someone_answers=True, listeners=[listener])
    started.notices += [note] if note else []
    return started


def wished(options: RunOptions, wish: Wish) -> RunOptions:
    """The options of the command line, as far as they hold for the session that is wanted."""
    if wish.model is not None:
        options = replace(options, models=(*options.models, wish.model))
    if wish.budget is not None:
        options = replace(options, max_budget_usd=Decimal(wish.budget) / 1_000_000, purse=wish.purse)
    match wish.kind:
        case "asked" | "demo":
            return options
        case "new":
            return replace(options, continue_last=False, resume=None, fork=False, name=None)
        case "resume" | "fork":
            is_fork = wish.kind == "fork"
            # What the session has wins over what the first one was begun with.
            return replace(
                options,
                continue_last=False,
                resume=wish.session,
                fork=is_fork,
                name=None,
                mode=None,
                models=(),
                effort=None,
                max_budget_usd=None,
                purse="",
            )

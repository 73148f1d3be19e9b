"""What commands do besides choosing and showing."""

import asyncio
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kcode import trust
from kcode.errors import BadInput
from kcode.memory import log
from kcode.memory.export import exported, form_of
from kcode.tui.desk import Desk
from kcode.tui.engine.words import Wish

COPIERS = (["pbcopy"], ["wl-copy"], ["xclip", "-selection", "clipboard"], ["xsel", "-b", "-i"], ["clip.exe"])
COPY_TIME = 2.0
"""Seconds."""


def new_session(desk: Desk, _: str = "") -> None:
    """The old one is kept; its budget goes on, with all that was spent of it."""
    meter, opened = desk.meter, desk.state.opened
    purse = meter.purse or (opened.session if opened else "")
    desk.engine.open(Wish("new", budget=meter.budget, purse=purse))


def fork_session(desk: Desk, _: str = "") -> None:
    if desk.state.opened is None or not desk.door.keeps_sessions:
        raise BadInput("This session is not kept in a file, so it cannot be forked.")
    desk.engine.open(Wish("fork", desk.state.opened.session))


def rename_session(desk: Desk, name: str) -> None:
    if not name:
        raise BadInput("Say what to call it: /rename the login bug")
    desk.engine.rename(name)
    desk.notice(f"This session is now called {name}.")


def condense(desk: Desk, how: str = "") -> None:
    match how.strip().lower():
        case "":
            desk.engine.condense()
        case "undo":
            desk.engine.uncondense()
        case "results":
            desk.engine.drop_results()
        case _:
            raise BadInput("Say /compact, /compact results (only old long ones go), or /compact undo.")


def trust_folder(desk: Desk, _: str = "") -> None:
    root = desk.root
    if trust.is_trusted(root):
        desk.notice(f"{root} is trusted already. `kcode trust` takes it back.")
        return
    trust.trust(root)
    desk.notice("This folder is trusted: what it brings takes effect with the next session (/new).")


def export_talk(desk: Desk, name: str) -> None:
    """Into a file beside the project's: HTML or JSON when its name says so, else Markdown."""
    session = desk.state.opened.session if desk.state.opened else ""
    try:
        file = desk.root / Path(name or f"kcode-{session or 'session'}.md").expanduser()
        is_there = file.exists()
    except (OSError, RuntimeError, ValueError) as error:
        raise BadInput(f"{name} cannot be written: {error}.") from None
    if is_there:
        raise BadInput(f"{file} is there already. Name another file: /export NAME")
    desk.work(_export(desk, file, session))


async def _export(desk: Desk, file: Path, session: str) -> None:
    path = log.session_path(session) if session else None
    if path and path.is_file():
        text = await asyncio.to_thread(_exported, path, file.name)
    else:
        text = desk.plain() + "\n"
    try:
        file.write_text(text, encoding="utf-8", errors="replace")
    except (OSError, ValueError) as error:
        raise BadInput(f"{file} cannot be written: {error}.") from None
    desk.notice(f"Written: {file}")


def _exported(path: Path, name: str) -> str:
    return exported(log.read_log(path)[0], form_of(name), path.stem)


def copy_answer(desk: Desk, _: str = "") -> None:
    text = desk.answer_text()
    if not text:
        raise BadInput("There is no answer to copy yet.")
    desk.work(_copy(desk, text))


async def _copy(desk: Desk, text: str) -> None:
    """By OSC 52, which works over ssh, and by a program of the desktop, which works everywhere else."""
    desk.app.copy_to_clipboard(text)
    await asyncio.to_thread(_by_program, text)
    desk.notice(f"Copied: {len(text):,} characters.")


def _by_program(text: str) -> None:
    for command in COPIERS:
        if shutil.which(command[0]):
            try:
                subprocess.run(
                    command, input=text.encode(), timeout=COPY_TIME, check=False, capture_output=True
                )
            except (OSError, subprocess.TimeoutExpired):
                continue
            return


def edit_prompt(desk: Desk, text: str = "") -> None:
    """Write it in $VISUAL or $EDITOR."""
    command = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
    handle, name = tempfile.mkstemp(prefix="kcode-", suffix=".md")
    file = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as draft:
            draft.write(text or desk.draft())
        with _aside(desk):
            ended = subprocess.run([*command, name], check=False)
        if ended.returncode:
            raise BadInput(f"{command[0]} ended with {ended.returncode}: the draft is as it was.")
        desk.write(file.read_text(encoding="utf-8", errors="replace").rstrip("\n"))
    except (OSError, ValueError) as error:
        raise BadInput(f"{command[0]} cannot be run ({error}). Name an editor in $EDITOR.") from None
    finally:
        file.unlink(missing_ok=True)


def show_in_pager(desk: Desk, _: str = "") -> None:
    command = shlex.split(os.environ.get("PAGER") or "less")
    with _aside(desk):
        try:
            subprocess.run(command, input=desk.plain().encode(), check=False)
        except OSError as error:
            raise BadInput(f"{command[0]} cannot be run ({error}). Name a pager in $PAGER.") from None


@contextmanager
def _aside(desk: Desk) -> Iterator[None]:
    """The terminal belongs to another program. BadInput where that cannot be."""
    from textual.app import SuspendNotSupported

    try:
        with desk.app.suspend():
            yield
    except SuspendNotSupported:
        raise BadInput("No other program can be shown in this terminal.") from None


def show_tasks(desk: Desk, _: str = "") -> None:
    desk.show_tasks()


def search(desk: Desk, _: str = "") -> None:
    desk.search()


def leave(desk: Desk, _: str = "") -> None:
    desk.leave()

"""What the model is told besides the conversation: the system prompt, the project block, and the state of things.

The first two are the same bytes for all modes and tasks; whatever changes goes into the notes of the newest prompt.
"""

import platform
from collections.abc import Iterable
from datetime import date
from functools import cache
from importlib.resources import files
from pathlib import Path

from kcode.messages import Todo
from kcode.modes.mode import Mode
from kcode.processes.git import GitError, git, is_repository

CHANGES_SHOWN = 10


@cache
def system_prompt() -> str:
    return files("kcode.agent").joinpath("system.md").read_text("utf-8").strip()


def place(root: Path) -> str:
    """The lines that hold for the whole session."""
    return f"Folder: {root}\nSystem: {platform.system()} {platform.machine()}"


def today() -> str:
    return f"Date: {date.today().isoformat()}"


def mode_text(mode: Mode, modes: Iterable[Mode] = (), rules: str = "") -> str:
    """Who the model is now, with the rules for that. `{modes}` in its prompt stands for the list of the others."""
    others = (
        f"- {one.name}: {one.when_to_use}" for one in modes if one.name != mode.name and one.when_to_use
    )
    text = f"Mode: {mode.title}. {mode.prompt.replace('{modes}', chr(10).join(others))}"
    return f"{text}\n{rules}" if rules else text


def open_todos(todos: tuple[Todo, ...]) -> str:
    """The list, unless all is done."""
    if all(todo.state == "done" for todo in todos):
        return ""
    return "\n".join(["Todos:", *(f"- [{todo.state}] {todo.text}" for todo in todos)])


async def git_state(root: Path) -> str:
    """Branch and changed files, short; a sentence when it is no repository."""
    if not await is_repository(root):
        return "Git: no repository"
    try:
        status = await git(root, "status", "--porcelain=v1", "--branch", "--untracked-files=normal")
    except GitError as error:
        return f"Git: {error}"
    head, *changes = status.splitlines()
    shown = [f"  {line}" for line in changes[:CHANGES_SHOWN]]
    if len(changes) > CHANGES_SHOWN:
        shown.append(f"  and {len(changes) - CHANGES_SHOWN} more")
    branch = head.removeprefix("## ")
    return "\n".join([f"Git: {branch}, {'changed:' if changes else 'clean'}", *shown])

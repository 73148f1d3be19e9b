"""`kcode import`, `kcode sessions import`: what other programs left behind; first only told, then taken."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from kcode.errors import BadInput
from kcode.memory import log, rules, skills, task_folders
from kcode.modes.places import projects, users
from kcode.visible import visible

EDITORS = ("Code", "Code - Insiders", "VSCodium", "Cursor", "Windsurf")
EXTENSIONS = {
    "Roo Code": "rooveterinaryinc.roo-cline",
    "Kilo Code": "kilocode.kilo-code",
    "Cline": "saoudrizwan.claude-dev",
}
KEYS = {
    "Claude Code": ("~/.claude/.credentials.json", "anthropic"),
    "opencode": ("~/.local/share/opencode/auth.json", "PROVIDER"),
    "Codex": ("~/.codex/auth.json", "openai"),
    "Kilo": ("~/.local/share/kilo/auth.json", "PROVIDER"),
}
"""Where others keep keys: they are never read, since they were given to that program."""
WRITE = "Nothing was written. To do it: add --write"


@click.command("import")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--write", "is_meant", is_flag=True, help="Do it; else it is only said.")
def import_tasks(folder: Path, is_meant: bool) -> None:
    """Turn task folders of Roo, Kilo 5 and Cline into sessions. FOLDER: one, or one with some; it is only read."""
    tasks = task_folders.found(folder.expanduser())
    if not tasks:
        raise BadInput(f"There is no task in {folder}: a task is a folder with {task_folders.HISTORY}.")
    if take(tasks, is_meant) and not is_meant:
        _say(WRITE)


def take(tasks: Sequence[Path], is_meant: bool) -> int:
    """Says what becomes of each; how many were, or would be, taken."""
    count = 0
    for path in tasks:
        try:
            task = task_folders.read(path, Path.cwd().resolve())
        except BadInput as error:
            _say(f"! {path.name} is skipped: {error}")
            continue
        if log.session_path(task.id).exists():
            _say(f"  {path.name}  is there already: {task.id}")
            continue
        count += 1
        _say(
            f"+ {path.name}  {task.messages} messages  {task.title[:60]}{f'  → {task.id}' if is_meant else ''}"
        )
        for complaint in task.complaints:
            _say(f"    ! {complaint}")
        if is_meant:
            _keep(task)
    return count


def _keep(task: task_folders.TaskFolder) -> None:
    path = log.session_path(task.id)
    file = log.SessionLog(path)
    try:
        for entry in task.entries:
            file.append(entry.event, entry.at)
    finally:
        file.close()
    last = task.entries[-1].at
    os.utime(path, (last, last))  # lists show the newest first


@click.command(
    help="What Kilo, Roo, Cline, Claude Code, opencode and Codex left here, and what becomes of it."
)
@click.option("--write", "is_meant", is_flag=True, help="Take the tasks over; else it is only said.")
def command(is_meant: bool) -> None:
    here = Path.cwd().resolve()
    for line in (*_modes(here), *_rules(here), *_keys()):
        _say(line)
    count = 0
    for program, folder in _storages():
        tasks = task_folders.found(folder)
        _say(f"tasks of {program}: {len(tasks)} in {folder}")
        count += take(tasks, is_meant) if is_meant else len(tasks)
    if count and not is_meant:
        _say(f"--write turns the {count} tasks into sessions; one alone: kcode sessions import FOLDER")


def _modes(here: Path) -> Iterator[str]:
    for place in (*users(), *projects(here)):
        if place.kind != "own" and place.path.exists():
            yield f"modes: {place.path}: used as they are; files of your own of them: kcode modes import"


def _rules(here: Path) -> Iterator[str]:
    if found := rules.found(here):
        yield f"rules: {', '.join(rule.name for rule in found)}: read where they lie (kcode rules)"
    if known := skills.found(here):
        yield f"skills: {', '.join(skill.name for skill in known)}: read where they lie"


def _keys() -> Iterator[str]:
    for program, (place, provider) in KEYS.items():
        file = Path(place).expanduser()
        if file.exists():
            yield f"keys of {program}: {file}: not read. Give kcode one: kcode auth login {provider}"


def _storages() -> Iterator[tuple[str, Path]]:
    """Where the extensions of editors keep what they did."""
    home = Path.home()
    for base in (home / ".config", home / "Library/Application Support", home / "AppData/Roaming"):
        for editor in EDITORS:
            for program, extension in EXTENSIONS.items():
                folder = base / editor / "User/globalStorage" / extension
                if (folder / "tasks").is_dir():
                    yield f"{program} ({editor})", folder


def _say(text: str) -> None:
    click.echo(visible(text))

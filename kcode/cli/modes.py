"""`kcode modes`: who a model can be."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import click

from kcode import paths, settings, trust
from kcode.errors import BadInput, KcodeError
from kcode.memory import rules
from kcode.modes.choice import Models
from kcode.modes.load import load_modes, read
from kcode.modes.mode import GRANTED, Mode, mode_named
from kcode.modes.places import Place, all_places, not_trusted, place_of, projects, users
from kcode.modes.written import new_text, written
from kcode.spend.table import table
from kcode.visible import visible

LONGEST_PATTERN = 24
"""Characters of one in the list."""


@click.group(help="Who a model can be, and what it may do. Your own are Markdown files: see `new`.")
def command() -> None:
    pass


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def list_modes(as_json: bool) -> None:
    """Every mode with its model and what it may do."""
    modes, models = _known()
    if as_json:
        _say(json.dumps([_data(mode, models) for mode in modes.values()], indent=2, ensure_ascii=False))
        return
    rows = [["mode", "model", "may use", "from", "title"]]
    for mode in modes.values():
        source = f"{_shown(mode.source)}{' (modified)' if mode.overrides else ''}{' !' if mode.notes else ''}"
        rows.append(
            [mode.name, models.named(mode.name) or "-", _limits(mode, shortened=True), source, mode.title]
        )
    for line in table(rows, frozenset(range(5))):
        _say(line)
    if any(mode.notes for mode in modes.values()):
        _say("!: there is something to know; `kcode modes show NAME` says it.")


@command.command()
@click.argument("name")
def show(name: str) -> None:
    """The whole mode, and where it is from."""
    modes, models = _known()
    mode = mode_named(modes, name)
    effort = models.effort(name)
    facts = {
        "from": mode.source + (" (in place of the built-in one)" if mode.overrides else ""),
        "may use": _limits(mode),
        "model": (models.named(name) or "that of the first provider with a key")
        + (f", effort {effort}" if effort else ""),
        "then": ", ".join(models.settings.fallbacks(name)),
        "use": mode.when_to_use,
        "rules": ", ".join(rule.name for rule in rules.found(Path.cwd().resolve()) if rule.mode == name),
        "about": mode.description if mode.description != mode.when_to_use else "",
    }
    _say(f"{mode.title} ({mode.name})")
    for key, value in facts.items():
        if value:
            _say(f"  {key:<8} {value}")
    for note in mode.notes:
        _say(f"  ! {note}")
    _say(f"\n{mode.prompt}")


@command.command()
@click.argument("name")
@click.option("--project", is_flag=True, help="In this folder's .kcode/modes, instead of your own.")
def new(name: str, project: bool) -> None:
    """Write a mode to begin with."""
    if not re.fullmatch(r"[A-Za-z0-9][\w-]*", name):
        raise BadInput(f"{name!r} is no name of a mode: letters, digits, hyphens.")
    file = _folder(project) / f"{name}.md"
    if file.exists():
        raise BadInput(f"{file} is there already. Edit it, or take another name.")
    _write(file, new_text(name))
    _say(f"{file} is written: say in it who the model is. Then: kcode --mode {name}")
    if project and not trust.is_trusted(Path.cwd()):
        _say("It takes effect when you trust this folder: kcode trust")


@command.command("import")
@click.argument("path", required=False, type=click.Path(path_type=Path))
@click.option("--write", "is_meant", is_flag=True, help="Do it; else it is only said.")
@click.option("--force", is_flag=True, help="Write over modes of the same name.")
@click.option("--project/--user", "into", default=None, help="Where to; else where they are from.")
def import_modes(path: Path | None, is_meant: bool, force: bool, into: bool | None) -> None:
    """Turn modes of Roo, Kilo and opencode into kcode's own files. PATH: a file or folder; else all that are found.

    They work as they are, without this: it is for those who leave the other program behind.
    """
    count, known = 0, load_modes()[0]
    for place in _to_import(path):
        found = read(place, known)
        for mode in found.modes:
            is_project = place.path.resolve().is_relative_to(Path.cwd()) if into is None else into
            count += _imported(
                mode, _folder(is_project) / f"{mode.name.replace('/', '-')}.md", is_meant, force
            )
        for complaint in found.complaints:
            _say(f"! {complaint}")
    if count and not is_meant:
        _say("Nothing was written. To do it: add --write")
    elif not count:
        _say("There is nothing to import.")


def _to_import(path: Path | None) -> list[Place]:
    if path is None:
        return [place for place in (*users(), *projects(Path.cwd())) if place.kind != "own"]
    if not path.exists():
        raise BadInput(f"{path} is not there.")
    return [place_of(path)] if path.is_file() else _below(path)


def _below(folder: Path) -> list[Place]:
    """A folder of agents is one place; any other is taken for a project."""
    found = [place for place in projects(folder) if place.kind != "own"]
    return found or [place_of(folder)]


def _imported(mode: Mode, file: Path, is_meant: bool, force: bool) -> int:
    """Says what becomes of a mode; how many files are, or would be, written."""
    is_kept = file.exists() and not force
    state = (
        "is there already, and stays (--force writes over it)" if is_kept else f"from {_shown(mode.source)}"
    )
    _say(f"{' ' if is_kept else '+'} {_shown(str(file))}  {state}")
    for note in mode.notes:
        _say(f"    ! {note}")
    if is_meant and not is_kept:
        _write(file, written(mode))
    return 0 if is_kept else 1


def _known() -> tuple[dict[str, Mode], Models]:
    """All modes, and what is said about their models. Complaints are told."""
    root = Path.cwd().resolve()
    modes, complaints = load_modes(all_places(root))
    files, is_trusted = [settings.user_file()], trust.is_trusted(root)
    if is_trusted:
        files.append(settings.project_file(root))
    else:
        complaints += not_trusted(root)
    for complaint in complaints:
        click.echo(f"! {visible(complaint)}", err=True)
    return modes, Models(settings.load(files), modes)


def _data(mode: Mode, models: Models) -> dict[str, object]:
    data = mode.model_dump(mode="json")
    chosen = {"model": models.named(mode.name) or None, "effort": models.effort(mode.name)}
    return {**data, "groups": list(_groups(mode)), **chosen}


def _groups(mode: Mode) -> Iterator[str]:
    return (group for group in GRANTED if group in mode.groups)


def _limits(mode: Mode, shortened: bool = False) -> str:
    """`read, edit (only \\.md$), outside`"""
    pattern = mode.edits or ""
    if shortened and len(pattern) > LONGEST_PATTERN:
        pattern = f"{pattern[:LONGEST_PATTERN]}…"
    only = f"edit (only {pattern})" if pattern else "edit"
    return ", ".join(only if group == "edit" else group for group in _groups(mode)) or "nothing"


def _folder(is_project: bool) -> Path:
    return Path.cwd() / ".kcode" / "modes" if is_project else paths.config_dir() / "modes"


def _write(file: Path, text: str) -> None:
    try:
        paths.write_private(file, text)
    except OSError as error:
        raise KcodeError(f"{file} cannot be written: {error.strerror}.") from None


def _shown(path: str) -> str:
    """Relative to this folder where it lies in it."""
    here = Path.cwd()
    return Path(path).relative_to(here).as_posix() if Path(path).is_relative_to(here) else path


def _say(text: str) -> None:
    click.echo(visible(text))

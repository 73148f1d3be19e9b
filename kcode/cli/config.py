"""`kcode config`: settings read and changed from the command line; comments and order of the file stay."""

import json
import os
import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from kcode import settings, trust
from kcode.errors import BadInput, KcodeError
from kcode.paths import write_private

IS_UNSET = 1
BARE = re.compile(r"[\w*-]+", re.ASCII)

project_option = click.option(
    "--project", is_flag=True, help="The settings of this folder (.kcode/settings.toml)."
)


@click.group("config")
def command() -> None:
    """Settings: yours, and those of this folder."""


@command.command("list")
@click.option("--all", "everything", is_flag=True, help="Every setting that there is, with its value.")
def list_settings(everything: bool) -> None:
    """What is set, and in which file."""
    if everything:
        for name in settings.names():
            value = _found(name, _effective()) if "*" not in name else None
            click.echo(f"{_dotted(name)} = {_shown(value)}" if value is not None else _dotted(name))
        return
    for file in _files():
        for name, value in _leaves(settings.read(file)):
            click.echo(f"{_dotted(name)} = {_shown(value)}  # {file}")


@command.command()
@click.argument("key")
def get(key: str) -> int:
    """The value that holds, a default too. Exit code 1 when nothing is set."""
    name = _name(key)
    value = _found(name, _effective())
    if value is None:
        return IS_UNSET
    click.echo(value if isinstance(value, str) else _shown(value))
    return 0


@command.command("set", context_settings={"ignore_unknown_options": True})
@click.argument("key")
@click.argument("value")
@project_option
def set_value(key: str, value: str, project: bool) -> None:
    """Set KEY to VALUE: a number, true, ["a", "list"], or text."""
    keep(key, value, project)


def keep(key: str, value: str, project: bool = False) -> None:
    """BadInput for what is no setting or no value of it, KcodeError when it cannot be written."""
    import tomlkit
    from tomlkit.exceptions import ParseError

    name = _name(key)
    try:
        item: Any = tomlkit.value(value)
    except ParseError:
        item = tomlkit.string(value)
    file = _file(project)
    document = tomlkit.parse(_text(file))
    table: Any = document
    for part in name[:-1]:
        table = table.setdefault(part, tomlkit.table())
        if not isinstance(table, dict):
            raise BadInput(f"{part} is no table in {file}, so {key} cannot be set in it.")
    table[name[-1]] = item
    _write(file, tomlkit.dumps(document))


@command.command()
@click.argument("key")
@project_option
def unset(key: str, project: bool) -> int:
    """Take KEY out, so that its default holds. Exit code 1 when it was not set."""
    return 0 if forget(key, project) else IS_UNSET


def forget(key: str, project: bool = False) -> bool:
    """Whether it was set. BadInput for what is no setting."""
    import tomlkit

    name, file = _name(key), _file(project)
    document = tomlkit.parse(_text(file))
    table = _found(name[:-1], document)
    if not isinstance(table, dict) or name[-1] not in table:
        return False
    del table[name[-1]]
    _write(file, tomlkit.dumps(document))
    return True


@command.command()
@project_option
def path(project: bool) -> None:
    """Where the file is, whether it exists or not."""
    click.echo(_file(project))


@command.command()
@project_option
def edit(project: bool) -> None:
    """Open the file in $VISUAL or $EDITOR, and check it afterwards."""
    file = _file(project)
    if not file.exists():
        write_private(file, "# Settings of kcode; `kcode config list --all` names them all.\n")
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    try:
        subprocess.run([*shlex.split(editor), str(file)], check=True)
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        raise KcodeError(
            f"{editor!r} did not work ({error}). Name an editor in $EDITOR; the file is {file}."
        ) from None
    settings.load([file])


def _files() -> list[Path]:
    """Those that hold here, the strongest last."""
    return [
        settings.user_file(),
        *([settings.project_file(Path.cwd())] if trust.is_trusted(Path.cwd()) else []),
    ]


def _file(project: bool) -> Path:
    """BadInput for a project's file that leads out of the project: a repository may bring a link."""
    if not project:
        return settings.user_file()
    root = Path.cwd().resolve()
    file = settings.project_file(root)
    if not file.resolve().is_relative_to(root):
        raise BadInput(
            f"{file} leads to {file.resolve()}, out of this folder. Look at it before you change it."
        )
    return file


def _effective() -> dict[str, Any]:
    return settings.load(_files()).model_dump()


def _text(file: Path) -> str:
    settings.read(file)  # says what is wrong with it, in our words
    return file.read_text(encoding="utf-8-sig") if file.exists() else ""


def _write(file: Path, text: str) -> None:
    """Checked first: a wrong value is never written."""
    settings.check(tomllib.loads(text, parse_float=Decimal), "Nothing was written: the file with this change")
    try:
        write_private(file, text)
    except OSError as error:
        raise KcodeError(f"{file} cannot be written: {error.strerror}.") from None


def _name(key: str) -> tuple[str, ...]:
    """`prices."lab/qwen".input` in its parts. BadInput for what is no setting, with the nearest one."""
    try:
        name, _ = next(_leaves(settings.parse_assignment(f"{key}=0")))
    except BadInput:
        raise BadInput(
            f"{key!r} is no name of a setting. They look like limits.turns or models.code."
        ) from None
    below_profile = name[2:] if name[0] == "profiles" else name
    if below_profile and not any(_begins(below_profile, known) for known in settings.names()):
        raise BadInput(
            f"There is no setting {key!r}{settings.nearest(below_profile)}. All: kcode config list --all"
        )
    return name


def _begins(name: Sequence[str], known: Sequence[str]) -> bool:
    return len(name) <= len(known) and all(k in ("*", n) for n, k in zip(name, known, strict=False))


def _found(name: Sequence[str], values: Any) -> Any:
    for part in name:
        values = values.get(part) if isinstance(values, dict) else None
    return values


def _leaves(values: dict[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _leaves(value, (*above, key))
        else:
            yield (*above, key), value


def _dotted(name: Sequence[str]) -> str:
    """As it is written in TOML and on the command line."""
    return ".".join(part if BARE.fullmatch(part) else json.dumps(part) for part in name)


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=float)

"""All settings with their values and where each comes from, changed in place."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from kcode import settings, trust
from kcode.settings import Section, Settings
from kcode.tui.desk import Desk
from kcode.tui.lists.choices import Choice
from kcode.tui.text.safe import one_line

YOURS, FOLDERS, TYPED, DEFAULT = "yours", "this folder's", "command line", "default"
LATER = "it takes effect with the next session (/new)"


def show_settings(desk: Desk, name: str = "") -> None:
    opened = desk.state.opened
    chosen = opened.settings if opened else settings.load([settings.user_file()])
    rows = list(_rows(chosen, desk.root))
    if any(row.id == name for row in rows):
        _edit(desk, chosen, name)
    else:
        words = name.lower().split()
        rows = [row for row in rows if all(word in row.id.lower() for word in words)] or rows
        keys = "Enter changes it · Esc leaves"
        desk.pick("Settings", rows, lambda row: _edit(desk, chosen, row.id), keys)


def _rows(chosen: Settings, root: Path) -> Iterator[Choice]:
    sources = _sources(root)
    values = chosen.model_dump()
    for name in _names(values):
        value = _found(name, values)
        source = next((title for title, raw in sources if _found(name, raw) is not None), "")
        if not source:
            source = DEFAULT if value == _found(name, Settings().model_dump()) else TYPED
        yield Choice(
            ".".join(name),
            one_line(".".join(name)),
            f"{one_line(shown(value))}   {source}",
            brief=one_line(shown(value))[:30],
            detail=f"{source}; {allowed(kind_of(name))}",
            looked_up_by=source,
        )


def _sources(root: Path) -> list[tuple[str, dict[str, Any]]]:
    """The strongest first."""
    files = [(YOURS, settings.user_file())]
    if trust.is_trusted(root):
        files.insert(0, (FOLDERS, settings.project_file(root)))
    return [(title, settings.read(file)) for title, file in files]


def _names(values: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """Every setting that there is, and of those whose names the user gives, the ones that are there."""
    for name in settings.names():
        yield from _filled(name, values)


def _filled(name: tuple[str, ...], values: Any) -> Iterator[tuple[str, ...]]:
    if "*" not in name:
        yield name
        return
    at = name.index("*")
    there = _found(name[:at], values)
    for key in there if isinstance(there, dict) else ():
        yield from _filled((*name[:at], key, *name[at + 1 :]), values)


def _edit(desk: Desk, chosen: Settings, name: str) -> None:
    parts = next(parts for parts in _names(chosen.model_dump()) if ".".join(parts) == name)
    kind, value = kind_of(parts), _found(parts, chosen.model_dump())
    key = ".".join(
        part if part.replace("_", "").replace("-", "").isalnum() else json.dumps(part) for part in parts
    )
    if choices := _choices(kind):
        rows = [Choice(text, text, is_current=text == shown(value)) for text in choices]
        desk.pick(name, rows, lambda row: _keep(desk, key, row.id))
    else:
        desk.ask(
            name,
            shown(value) if value is not None else "",
            allowed(kind),
            lambda text: _keep(desk, key, text),
        )


def _keep(desk: Desk, key: str, text: str) -> None:
    if not text:
        return
    desk.door.keep(key, text)
    if key == "permissions.mode":
        desk.engine.permit(settings.load([settings.user_file()]).permissions.mode)
    elif key.startswith("keys."):
        desk.take_keys(settings.load([settings.user_file()]).keys)
    now = key == "permissions.mode" or key.startswith("keys.")
    desk.notice(f"Kept: {key} = {text}" if now else f"Kept: {key} = {text}; {LATER}")


def keep_model(desk: Desk, _: str = "") -> None:
    """The model of the mode that one is in, for all sessions to come."""
    chosen = desk.state.chosen
    if chosen is not None:
        desk.door.keep(f"models.{chosen.mode}", chosen.model)
        desk.notice(
            f"From now on {chosen.mode} begins with {chosen.model}: models.{chosen.mode} in your settings."
        )


def kind_of(name: Sequence[str]) -> Any:
    """The type of a setting."""
    kind: Any = Settings
    for part in name:
        if isinstance(kind, type) and issubclass(kind, Section):
            kind = kind.model_fields[part].annotation
        else:
            kind = get_args(kind)[1]
    return kind


def allowed(kind: Any) -> str:
    """What may be said, for people."""
    if choices := _choices(kind):
        return " | ".join(choices)
    if get_origin(kind) is tuple:
        return 'a list: ["one", "another"]'
    names = {getattr(one, "__name__", "") for one in (kind, *get_args(kind))}
    return "a number" if names & {"int", "float", "Decimal"} else "text"


def _choices(kind: Any) -> tuple[str, ...]:
    if kind is bool:
        return ("true", "false")
    if get_origin(kind) is Literal:
        return get_args(kind)
    return tuple(
        choice for one in get_args(kind) for choice in (get_args(one) if get_origin(one) is Literal else ())
    )


def shown(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=float)


def _found(name: Sequence[str], values: Any) -> Any:
    for part in name:
        values = values.get(part) if isinstance(values, dict) else None
    return values

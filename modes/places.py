"""Where modes lie: our own folders, and the files that other programs left for the user and in a project."""

import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kcode import paths, trust

Kind = Literal["own", "custom", "agents", "settings"]
"""kcode's Markdown files; `customModes` of Roo and Kilo 5; agents of opencode and Kilo 7; their JSON settings."""

EDITORS = ("Code", "Code - Insiders", "VSCodium", "Cursor", "Windsurf")
EXTENSIONS = ("rooveterinaryinc.roo-cline", "kilocode.kilo-code")
AGENT_FOLDERS = ("agent", "agents", "mode", "modes")
ENDINGS = (".json", ".jsonc")


@dataclass(frozen=True, slots=True)
class Place:
    path: Path
    kind: Kind


def all_places(root: Path, safe_mode: bool = False) -> list[Place]:
    """Where modes come from besides the built-in ones, the stronger ones last: the user's, then the project's when
    its folder is trusted. Safe mode leaves the user's own."""
    if safe_mode:
        return users(with_others=False)
    return [*users(), *(projects(root) if trust.is_trusted(root) else [])]


def users(with_others: bool = True) -> list[Place]:
    """The places of the user's own modes that are there, the stronger ones last. Those of other programs count
    unless $KCODE_HOME says that kcode shall keep to itself."""
    others = _existing(_of_others()) if with_others and not os.environ.get("KCODE_HOME") else []
    return [*others, *_existing([Place(paths.config_dir() / "modes", "own")])]


def projects(root: Path) -> list[Place]:
    """Those that a project brings, the stronger ones last. They take effect when it is trusted."""
    named = [
        *(Place(root / name, "settings") for name in _settings("opencode")),
        *_opencode(root / ".opencode", "opencode"),
        *(Place(root / name, "settings") for name in _settings("kilo")),
        *_opencode(root / ".kilo", "kilo"),
        Place(root / ".roomodes", "custom"),
        Place(root / ".kilocodemodes", "custom"),
        Place(root / ".kcode" / "modes", "own"),
    ]
    return _existing(named)


def brought(root: Path) -> list[Path]:
    """The files of a project's places: what the user reads before saying that it is trusted."""
    return [file for place in projects(root) for file in _files(place)]


def not_trusted(root: Path) -> list[str]:
    """A sentence for the user when a project brings modes that do not count."""
    files = [] if trust.is_trusted(root) else brought(root)
    names = ", ".join(file.relative_to(root).as_posix() for file in files)
    return (
        [f"{names}: not used, as this folder is not trusted. Read it, then `kcode trust`."] if files else []
    )


def place_of(path: Path) -> Place:
    """What a file or folder is that the user names, by its name and where it lies."""
    if path.is_dir():
        inner = path.name in AGENT_FOLDERS and path.parent.name in (".opencode", ".kilo", "opencode", "kilo")
        return Place(path, "agents" if inner else "own")
    if path.suffix in ENDINGS and path.stem in ("opencode", "kilo", "config"):
        return Place(path, "settings")
    return Place(path, "own" if path.suffix == ".md" else "custom")


def _of_others() -> Iterator[Place]:
    home = Path.home()
    config = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    for name in ("opencode", "kilo"):
        yield from _opencode(config / name, name)
    for extension in EXTENSIONS:
        for editor in EDITORS:
            settings = _editors(home, config) / editor / "User" / "globalStorage" / extension / "settings"
            yield from (Place(settings / f"custom_modes.{ending}", "custom") for ending in ("json", "yaml"))
    yield Place(home / ".kilocode" / "cli" / "global" / "settings" / "custom_modes.yaml", "custom")


def _editors(home: Path, config: Path) -> Path:
    match sys.platform:
        case "darwin":
            return home / "Library" / "Application Support"
        case "win32":
            return Path(os.environ.get("APPDATA") or home / "AppData" / "Roaming")
        case _:
            return config


def _opencode(folder: Path, name: str) -> Iterator[Place]:
    """What lies in a folder of settings of opencode, or of Kilo 7."""
    yield from (Place(folder / file, "settings") for file in ("config.json", *_settings(name)))
    yield from (Place(folder / inner, "agents") for inner in AGENT_FOLDERS)


def _settings(name: str) -> tuple[str, ...]:
    return tuple(name + ending for ending in ENDINGS)


def _existing(named: Iterable[Place]) -> list[Place]:
    return [place for place in named if place.path.exists()]


def _files(place: Place) -> list[Path]:
    if place.kind == "settings":
        return [place.path] if _has_agents(place.path) else []
    if place.path.is_file():
        return [place.path]
    return sorted(place.path.glob("*.md" if place.kind == "own" else "**/*.md"))


def _has_agents(settings: Path) -> bool:
    """Whether they may say something of modes; most say other things."""
    try:
        text = settings.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return True
    return '"agent"' in text or '"mode"' in text

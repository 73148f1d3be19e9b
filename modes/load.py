"""All modes: the built-in ones, over them those of each place in turn."""

from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path

from kcode.errors import BadInput
from kcode.modes.agents import read_agents, read_settings
from kcode.modes.custom import read_custom
from kcode.modes.found import Found, text_of
from kcode.modes.mode import Mode, parse_mode
from kcode.modes.places import Place

BUILT_IN = ("orchestrator", "architect", "code", "debug", "ask")
"""In the order in which they are offered; then come the others, by name."""


def load_modes(places: Iterable[Place] = ()) -> tuple[dict[str, Mode], list[str]]:
    """Every mode by name, a later place's over an earlier one's; and a sentence for each bad entry, which is
    skipped."""
    modes = {name: _built_in(name) for name in BUILT_IN}
    complaints = []
    for place in places:
        found = read(place, modes)
        modes |= {mode.name: _marked(mode) for mode in found.modes}
        complaints += found.complaints
    others = sorted(set(modes) - set(BUILT_IN))
    return {name: modes[name] for name in (*BUILT_IN, *others)}, complaints


def read(place: Place, known: Mapping[str, Mode]) -> Found:
    """What lies at a place; `known` are the modes that it may change."""
    try:
        return _read(place, known)
    except BadInput as error:
        return Found(complaints=[f"{place.path} is skipped: {error}"])


def _read(place: Place, known: Mapping[str, Mode]) -> Found:
    match place.kind:
        case "own":
            return _own(place.path, known)
        case "custom":
            return read_custom(text_of(place.path), str(place.path), known)
        case "agents":
            return read_agents(place.path, known)
        case "settings":
            return read_settings(place.path, known)


def _own(path: Path, known: Mapping[str, Mode]) -> Found:
    found = Found()
    for file in sorted(path.glob("*.md")) if path.is_dir() else [path]:
        with found.skipping(str(file)):
            found.modes.append(parse_mode(file.stem, text_of(file), str(file), known.get(file.stem)))
    return found


def _built_in(name: str) -> Mode:
    text = files("kcode.modes").joinpath(f"{name}.md").read_text("utf-8")
    return parse_mode(name, text, "built in")


def _marked(mode: Mode) -> Mode:
    return mode.model_copy(update={"overrides": mode.name in BUILT_IN})

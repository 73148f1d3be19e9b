"""Where rules for agents lie: our own, AGENTS.md, and those that other programs have left in a repository."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kcode.memory.source import below

MODE = r"[A-Za-z0-9_-]+"


@dataclass(frozen=True, slots=True)
class Place:
    family: str
    folder: str = ""
    """All that is in it; with `{mode}` at the end of its name, for that mode alone."""
    files: tuple[str, ...] = ()
    """Each counts where the folder has nothing, the first that is there."""
    is_fallback: bool = False
    """Not used where a family above it has something: it says the same to other programs."""


PLACES = (
    Place("kcode", ".kcode/rules"),
    Place("kcode", ".kcode/rules-{mode}"),
    Place("agents", files=("AGENTS.md", "AGENT.md")),
    Place("claude", files=("CLAUDE.md", ".claude/CLAUDE.md"), is_fallback=True),
    Place("claude", ".claude/rules", is_fallback=True),
    Place("kilo", ".kilocode/rules", (".kilocoderules",)),
    Place("kilo", ".kilocode/rules-{mode}", (".kilocoderules-{mode}",)),
    Place("kilo", ".kilo/rules"),
    Place("roo", ".roo/rules", (".roorules",)),
    Place("roo", ".roo/rules-{mode}", (".roorules-{mode}",)),
    Place("cline", ".clinerules", (".clinerules",)),
    Place("cline", ".cline/rules"),
    Place("cursor", ".cursor/rules", (".cursorrules",), is_fallback=True),
    Place("copilot", ".github/instructions", is_fallback=True),
    Place("copilot", files=(".github/copilot-instructions.md",), is_fallback=True),
    Place("windsurf", ".windsurf/rules", (".windsurfrules",), is_fallback=True),
)
FALLBACKS = frozenset(place.family for place in PLACES if place.is_fallback)
YOURS = "yours"
USERS = (Place(YOURS, files=("AGENTS.md",)), Place(YOURS, "rules"), Place(YOURS, "rules-{mode}"))
"""Below the user's config folder."""
NESTED = ("AGENTS.md", "AGENT.md", "CLAUDE.md")
"""In any folder, the first that is there."""


def files_at(place: Place, root: Path) -> Iterator[tuple[Path, str | None]]:
    """The files of a place, and the mode that each is for, None for all of them."""
    found = [
        (file, mode)
        for folder, mode in _expanded(root, place.folder)
        if folder.is_dir()
        for file in below(folder)
        if not _is_for_others(file.relative_to(folder))
    ]
    if not found:
        candidates = (one for name in place.files for one in _expanded(root, name))
        found = [one for one in candidates if one[0].is_file() or one[0].is_symlink()]
        found = found if "{mode}" in "".join(place.files) else found[:1]
    yield from found


def _expanded(root: Path, name: str) -> list[tuple[Path, str | None]]:
    """A name, or all that there are for its `{mode}`."""
    if not name:
        return []
    if not name.endswith("{mode}"):
        return [(root / name, None)]
    start = root / name.removesuffix("{mode}")
    there = sorted(start.parent.glob(f"{start.name}*"))
    return [
        (path, path.name[len(start.name) :])
        for path in there
        if re.fullmatch(MODE, path.name[len(start.name) :])
    ]


def _is_for_others(inner: Path) -> bool:
    """Cline keeps its workflows and skills below its rules."""
    return inner.parts[0] in ("workflows", "skills", "hooks")

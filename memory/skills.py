"""Skills: how certain things are done, a folder each with a SKILL.md. Models get name, description and path of each;
the rest is read when it is wanted."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kcode.files.frontmatter import parted, words
from kcode.memory.block import Block
from kcode.memory.source import read
from kcode.paths import config_dir

PLACES = (
    ".kcode/skills",
    ".agents/skills",
    ".claude/skills",
    ".kilocode/skills",
    ".roo/skills",
    ".cline/skills",
)
"""Below the root; the first of several with one name holds."""
BOUND = 1_500
"""Tokens of all of them together in the project block."""
LONGEST = 300
"""Characters of a description."""
ABOUT = "How certain things are done. When one fits the task, read its file first."


@dataclass(frozen=True, slots=True)
class Skill:
    name: str
    description: str
    path: str
    """As models read it: relative to the root, else absolute."""

    @property
    def line(self) -> str:
        return f"- {self.name}: {self.description} ({self.path})"


def folder() -> Path:
    """Of the user's own."""
    return config_dir() / "skills"


def found(root: Path, *, with_project: bool = True) -> tuple[Skill, ...]:
    """Each name once, the project's before the user's, sorted by name."""
    skills: dict[str, Skill] = {}
    for place in PLACES if with_project else ():
        for skill in _in(root / place, root):
            skills.setdefault(skill.name, skill)
    for skill in _in(folder(), folder()):
        skills.setdefault(skill.name, skill)
    return tuple(sorted(skills.values(), key=lambda skill: skill.name))


def block(skills: tuple[Skill, ...]) -> Block | None:
    """One line each, as many as there is room for. None without skills."""
    lines = [skill.line for skill in skills]
    left_out = 0
    while lines:
        more = [f"- and {left_out} more"] if left_out else []
        found = Block("skills", "SKILL.md", "\n".join([ABOUT, *lines, *more]))
        if found.tokens <= BOUND:
            return found
        lines.pop()
        left_out += 1
    return None


def _in(place: Path, root: Path) -> Iterator[Skill]:
    for path in sorted(place.glob("*/SKILL.md")):
        if source := read(path, root, border=None if root != folder() else Path(path.anchor)):
            head, _ = parted(source.text)
            name = words(head.get("name")) or path.parent.name
            if description := words(head.get("description")):
                shown = source.name if root != folder() else str(path)
                yield Skill(name[:80], _short(description), shown)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"

"""What a project tells models by itself: the blocks that stand in every request, and what comes when work gets there.

Taken once for a session, so that the bytes stay; a change in a file counts from the next session on.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from kcode.memory import bank, skills
from kcode.memory.block import Block, joined
from kcode.memory.choices import choices
from kcode.memory.code.standing import standing_map
from kcode.memory.rules import Rule, found, near


@dataclass(frozen=True)
class Project:
    root: Path
    with_project: bool = True
    """False (`--safe-mode`): only what the user says everywhere."""
    with_memory: bool = True
    map_tokens: int = 0
    """How much of a map of the code is told; 0: none."""

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        return found(self.root, with_project=self.with_project)

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """In the order in which they are sent. BadInput when one cannot be read."""
        standing = [rule.block for rule in self.rules if rule.is_standing]
        known = skills.block(skills.found(self.root, with_project=self.with_project))
        kept = bank.find(self.root) if self.with_project and self.with_memory else None
        text = standing_map(self.root, self.map_tokens if self.with_project else 0)
        map = [Block("map", "outline", text)] if text else []
        return (*standing, *([known] if known else []), *([kept.block()] if kept else []), *map)

    @property
    def text(self) -> str:
        """The project block of a task."""
        return joined(self.blocks)

    def of_mode(self, mode: str) -> str:
        """The rules for one mode alone; "" when there are none."""
        return joined(rule.block for rule in self.rules if rule.mode == mode and not rule.off)

    @property
    def remembers(self) -> bool:
        """Whether there is a memory bank in use."""
        return any(block.name == "memory" for block in self.blocks)

    def near(self, path: Path, root: Path) -> list[Rule]:
        """The rules that count from now on since a tool has touched this file or folder (resolved). `root`: where the
        task works, which may be a worktree of the project."""
        return near(root, path, self.rules, choices(self.root)) if self.with_project else []

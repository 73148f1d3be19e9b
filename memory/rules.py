"""The rules that a repository, and the user, give to agents: which there are, which count, and why not.

They are what the repository says, not what the user says: the system prompt ranks them below the user's words.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from kcode.files.frontmatter import listed, parted
from kcode.files.text import digest
from kcode.memory import bank, imports
from kcode.memory.block import Block
from kcode.memory.choices import Choices, choices
from kcode.memory.places import FALLBACKS, NESTED, PLACES, USERS, YOURS, files_at
from kcode.memory.source import Source, read
from kcode.paths import config_dir
from kcode.visible import escaped

TOTAL = 64_000
"""Characters of all rules together in the project block."""
ALWAYS = {"**", "*", "**/*"}
OFF = "switched off"
OUTER, INNER = "outer", "nested"
"""The families of rules from the folders around the root, and below it."""
BANK = "memory-bank"


@dataclass(frozen=True, slots=True)
class Rule:
    name: str
    """Its file, relative to the project, or absolute: what the user switches."""
    family: str
    path: Path
    text: str
    """Without its front matter."""
    globs: tuple[str, ...] = ()
    """It counts when such a file is touched; (): always."""
    mode: str | None = None
    """It counts in that mode; None: in all."""
    off: str = ""
    """Why it does not count; "" when it does."""

    @property
    def block(self) -> Block:
        return Block("rules", self.name, self.text)

    @property
    def is_standing(self) -> bool:
        """Whether it is in every request."""
        return not (self.off or self.globs or self.mode)

    @property
    def when(self) -> str:
        """In words."""
        if self.family == INNER:
            return "when work gets there"
        parts = [f"with {', '.join(self.globs)}"] if self.globs else []
        parts += [f"in {self.mode} mode"] if self.mode else []
        return " ".join(parts) or "in every request"

    def is_about(self, name: PurePosixPath) -> bool:
        """Whether a file, relative to the root, is one that its globs mean."""
        from pathspec import GitIgnoreSpec

        patterns = [one for glob in self.globs for one in _without_braces(glob.removeprefix("./"))]
        try:
            return GitIgnoreSpec.from_lines(patterns).match_file(name.as_posix())
        except ValueError:  # no pattern at all: then it is about nothing
            return False


def found(root: Path, *, with_project: bool = True) -> tuple[Rule, ...]:
    """All rules that hold for a folder from the start, the strongest last of each kind: the user's own, those of the
    folders around it in its repository, its own. Those that do not count say why."""
    rules = list(_of_user())
    if with_project:
        rules += [*_around(root), *_of_project(root)]
    return judged(rules, choices(root), bank.find(root) is not None)


def near(root: Path, path: Path, rules: tuple[Rule, ...], chosen: Choices) -> list[Rule]:
    """What counts when this file or folder (resolved) is touched, besides what always does: AGENTS.md of the folders
    down to it, the nearest last, and those of `rules` that its name calls for."""
    if not path.is_relative_to(root) or path == root:
        return []
    name = PurePosixPath(path.relative_to(root).as_posix())
    called = [rule for rule in rules if rule.globs and not rule.off and not rule.mode and rule.is_about(name)]
    nested = judged(_nested(root, path), chosen)
    return [rule for rule in (*called, *nested) if not rule.off and rule.path != path]


def nested_in(root: Path, folder: Path) -> list[Rule]:
    """The rules that a folder below the root has of its own."""
    for name in NESTED:
        if source := read(folder / name, root):
            head = f"In {escaped(folder.relative_to(root).as_posix())}/, above those of outer folders:\n"
            rules = [_rule(one, INNER) for one in (source, *_imports(source, root))]
            return [replace(rule, text=head + rule.text) for rule in rules if rule.text]
    return []


def _nested(root: Path, path: Path) -> list[Rule]:
    inner = path if path.is_dir() else path.parent
    folders = [folder for folder in (inner, *inner.parents) if folder != root and folder.is_relative_to(root)]
    return [rule for folder in reversed(folders) for rule in nested_in(root, folder)]


def _of_user() -> Iterator[Rule]:
    home = config_dir()
    for place in USERS:
        for path, mode in files_at(place, home):
            if source := read(path, home, border=Path(path.anchor)):
                yield replace(_rule(source, place.family, mode), name=str(path))


def _around(root: Path) -> Iterator[Rule]:
    """Of the folders around the root, up to the top of its repository."""
    outer = []
    for folder in (root, *root.parents):
        if (folder / ".git").exists():
            break
        outer.append(folder.parent)
    else:
        return
    for folder in reversed(outer):
        sources = (read(folder / name, root, border=folder) for name in NESTED)
        if source := next(filter(None, sources), None):
            yield _rule(source, OUTER)


def _of_project(root: Path) -> Iterator[Rule]:
    for place in PLACES:
        for path, mode in files_at(place, root):
            if source := read(path, root):
                yield _rule(source, place.family, mode)
                yield from (_rule(one, place.family) for one in _imports(source, root))


def _imports(source: Source, root: Path) -> list[Source]:
    return imports.followed(source, root) if source.path.name == "CLAUDE.md" else []


def _rule(source: Source, family: str, mode: str | None = None) -> Rule:
    head, body = parted(source.text)
    globs = tuple(one for key in ("paths", "globs", "applyTo") for one in listed(head.get(key)))
    is_always = head.get("alwaysApply") is True or bool(ALWAYS & set(globs))
    is_asked_for = head.get("alwaysApply") is False and not globs
    off = "only when its file is asked for" if is_asked_for else ""
    return Rule(source.name, family, source.path, body.strip(), () if is_always else globs, mode, off)


@dataclass(slots=True)
class _Judge:
    """Says of one rule after the other whether it counts, and if not, why. The user's word stands above ours."""

    chosen: Choices
    has_bank: bool
    seen: dict[str, str] = field(default_factory=dict)
    """Hash of a text -> the rule that has it already."""
    used: list[Rule] = field(default_factory=list)
    room: int = TOTAL

    def __call__(self, rule: Rule) -> Rule:
        mark = digest(rule.text.encode("utf-8", "replace"))
        reason = rule.off or self._reason(rule)
        if rule.name in self.chosen:
            reason = "" if self.chosen[rule.name] else OFF
        reason = reason or (f"the same as {self.seen[mark]}" if mark in self.seen else "")
        found = replace(rule, off=reason)
        if found.is_standing and len(rule.text) > self.room:
            found = replace(rule, off="no room for more rules in every request")
        if not found.off:
            self.seen[mark] = rule.name
            self.used.append(found)
            self.room -= len(rule.text) if found.is_standing else 0
        return found

    def _reason(self, rule: Rule) -> str:
        if self.has_bank and BANK in (rule.path.parent.name, rule.path.stem.removesuffix("-instructions")):
            return "kcode keeps the memory bank itself"
        if rule.family in FALLBACKS:
            above = (one for one in self.used if one.family not in (rule.family, YOURS, OUTER))
            return next((f"{one.name} is used" for one in above), "")
        return ""


def judged(rules: Iterable[Rule], chosen: Choices, has_bank: bool = False) -> tuple[Rule, ...]:
    """Those that say something, each with the reason why it does not count, if there is one."""
    judge = _Judge(chosen, has_bank)
    return tuple(judge(rule) for rule in rules if rule.text)


def _without_braces(glob: str) -> list[str]:
    """`*.{ts,tsx}` as `*.ts` and `*.tsx`; the first pair of braces at a time."""
    start, end = glob.find("{"), glob.find("}")
    if not 0 <= start < end or glob.count("{") > 4:
        return [glob]
    options = glob[start + 1 : end].split(",")
    return [one for option in options for one in _without_braces(glob[:start] + option + glob[end + 1 :])]

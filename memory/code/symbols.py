"""Where a name is defined, and who uses it."""

from collections.abc import Callable
from dataclasses import dataclass

from kcode.files.languages import family_of
from kcode.files.syntax import Definition, Tags
from kcode.memory.code.index import Index
from kcode.memory.code.rank import Ranked, is_test


@dataclass(frozen=True, slots=True)
class Symbol:
    definitions: tuple[Ranked, ...]
    users: tuple[tuple[str, int], ...]
    """Files that use the name, and how often; those that use it most first, tests last."""


def symbol_of(index: Index, name: str, counts: Callable[[str], bool]) -> Symbol:
    """`Session`, or `Session.prompt` for what lies in it; of the files that count. In any case of letters, when there
    is none in this one."""
    *around, last = name.replace("::", ".").replace("#", ".").strip(".").split(".")
    found = _places(index, around, last, counts, str)
    found = found or _places(index, around, last, counts, str.lower)
    names = {(family_of(one.file), one.definition.name) for one in found} or {("", last)}
    return Symbol(tuple(found), tuple(_users(index, names)))


def _places(
    index: Index, around: list[str], last: str, counts: Callable[[str], bool], same: Callable[[str], str]
) -> list[Ranked]:
    found = [
        Ranked(1 / (1 + definition.depth + 10 * is_test(file)), file, definition)
        for file, tags in index.files.items()
        if counts(file)
        for definition, path in _with_paths(tags)
        if same(definition.name) == same(last) and _ends(list(map(same, path)), list(map(same, around)))
    ]
    return sorted(found, key=lambda one: (-one.score, one.file, one.definition.first))


def _with_paths(tags: Tags) -> list[tuple[Definition, list[str]]]:
    """Each definition with the names of those it lies in."""
    around: list[str] = []
    found = []
    for definition in tags.definitions:
        around = around[: definition.depth]
        found.append((definition, around))
        around = [*around, definition.name]
    return found


def _ends(path: list[str], with_: list[str]) -> bool:
    return not with_ or path[-len(with_) :] == with_


def _users(index: Index, names: set[tuple[str, str]]) -> list[tuple[str, int]]:
    wanted = {name for _, name in names}
    families = {family for family, _ in names}
    found = []
    for file, tags in index.files.items():
        if family_of(file) in families or families == {""}:
            count = sum(count for name, count in tags.uses if name in wanted)
            found += [(file, count)] if count else []
    return sorted(found, key=lambda pair: (is_test(pair[0]), -pair[1], pair[0]))

"""What matters most in a repository, for the files in play and the words of a question.

Files are a graph: one that uses a name points to those that define it, the more the oftener it does and the fewer
define it. PageRank (Page, Brin, Motwani, Winograd 1999) finds where a reader who follows such pointers is most often,
when he starts, and starts again, at the files in play and those that the words name. What a file gets is shared
among the definitions for whose sake it was visited.
"""

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from kcode.files.languages import family_of
from kcode.files.syntax import Definition, Tags
from kcode.memory.code.words import is_distinct, parts

FOLLOWS = 0.85
"""How often the reader follows a pointer, when nothing is asked."""
FOLLOWS_FROM_ANSWERS = 0.4
"""With words: what they name matters more than what that uses."""
ROUNDS = 30
CLOSE = 1e-5
COMMON = 25
"""A name that more files define says nothing."""
VAGUE = 0.1
"""The weight of one common word: it may be a method of anything."""
TESTS = 0.2
"""The weight of what a test defines, unless tests are asked for."""
UNUSED = 0.01
"""What a definition that nobody uses has of its file's rank."""
AMONG_OTHERS = 0.85
"""The weight of each further definition of a file: a map tells of many files rather than all of one."""
IN_PATH = 0.4
"""How much a word in the path says of a definition, against one in its name."""
HIDDEN = 0.1
"""The weight of a name that begins with an underscore: it is not meant for others."""

Pointers = Mapping[str, Collection[tuple[str, str, float]]]
"""File -> (file, name, weight)."""


@dataclass(frozen=True, slots=True)
class Ranked:
    score: float
    file: str
    definition: Definition


def ranked(
    files: Mapping[str, Tags],
    in_play: Collection[str] = (),
    words: Collection[str] = frozenset(),
    pointers: Pointers | None = None,
) -> list[Ranked]:
    """All definitions, those that matter most first; none when there are words and no file has any. `words` are
    stems; `pointers` those of the files, where they are known."""
    rarity = _rarity(files, words)
    named = _named(files, rarity)
    if words and not named:
        return []
    start = named or dict.fromkeys((file for file in in_play if file in files), 1.0)
    pointers = pointers_of(files) if pointers is None else pointers
    rank = page_rank(pointers, files, start, FOLLOWS_FROM_ANSWERS if named else FOLLOWS)
    flow = _flow(pointers, rank)
    found: list[Ranked] = []
    for file, tags in files.items():
        scores = [(_score(file, d, rank[file], flow, rarity), d) for d in tags.definitions]
        scores.sort(key=lambda pair: (-pair[0], pair[1].first))
        worth = _worth(file, words)
        for place, (score, definition) in enumerate(scores):
            found.append(Ranked(worth * score * AMONG_OTHERS**place, file, definition))
    return sorted(found, key=lambda one: (-one.score, one.file, one.definition.first))


def page_rank(
    pointers: Pointers, files: Collection[str], start: Mapping[str, float], follows: float = FOLLOWS
) -> dict[str, float]:
    """The share of each file; all sum to 1. `start`: where the reader starts, by weight; empty: anywhere."""
    whole = sum(start.values())
    begin = [start.get(file, 0.0) / whole if whole else 1 / len(files) for file in files]
    number = {file: at for at, file in enumerate(files)}
    edges = [_merged(pointers.get(file, ()), number, follows) for file in files]
    rank = begin
    for _ in range(ROUNDS):
        new = [0.0] * len(begin)
        for own, targets in zip(rank, edges, strict=True):
            for target, weight in targets:
                new[target] += own * weight
        back = 1 - sum(new)
        new = [got + back * first for got, first in zip(new, begin, strict=True)]
        moved = sum(abs(now - before) for now, before in zip(new, rank, strict=True))
        rank = new
        if moved < CLOSE:
            break
    return dict(zip(files, rank, strict=True))


def _merged(
    targets: Iterable[tuple[str, str, float]], number: Mapping[str, int], follows: float
) -> list[tuple[int, float]]:
    merged: dict[int, float] = defaultdict(float)
    for target, _, weight in targets:
        merged[number[target]] += follows * weight
    return list(merged.items())


def pointers_of(files: Mapping[str, Tags]) -> Pointers:
    """Who uses what of whom. Weights of a file sum to 1 at most: where it uses little of others, its reader rather
    starts again."""
    definers: dict[tuple[str, str], set[str]] = defaultdict(set)
    for file, tags in files.items():
        family = family_of(file)
        for definition in tags.definitions:
            definers[family, definition.name].add(file)
    found: dict[str, list[tuple[str, str, float]]] = {}
    for file, tags in files.items():
        family = family_of(file)
        weighed = [
            (target, name, math.sqrt(count) * _weight(name) / len(targets))
            for name, count in tags.uses
            if (targets := definers.get((family, name))) and file not in targets and len(targets) <= COMMON
            for target in targets
        ]
        whole = max(1.0, sum(weight for _, _, weight in weighed))
        found[file] = [(target, name, weight / whole) for target, name, weight in weighed]
    return found


def _weight(name: str) -> float:
    return HIDDEN if name.startswith("_") else 1.0 if is_distinct(name) else VAGUE


def is_test(file: str) -> bool:
    """By its path."""
    return not parts(file).isdisjoint(("test", "tests", "spec", "specs"))


def _worth(file: str, words: Collection[str]) -> float:
    return TESTS if "test" not in words and is_test(file) else 1.0


def _flow(pointers: Pointers, rank: Mapping[str, float]) -> dict[tuple[str, str], float]:
    """What each name of each file was visited for."""
    flow: dict[tuple[str, str], float] = defaultdict(float)
    for file, targets in pointers.items():
        for target, name, weight in targets:
            flow[target, name] += rank[file] * weight
    return flow


def _rarity(files: Mapping[str, Tags], words: Collection[str]) -> dict[str, float]:
    """How much a word says: the fewer files have it in their names, the more. Words of no file are left out."""
    holders = dict.fromkeys(words, 0)
    for file, tags in files.items() if words else ():
        for word in _words_of(file, tags) & holders.keys():
            holders[word] += 1
    return {word: math.log(1 + len(files) / count) for word, count in holders.items() if count}


def _words_of(file: str, tags: Tags) -> set[str]:
    return {part for name in (file, *(d.name for d in tags.definitions)) for part in parts(name)}


def _named(files: Mapping[str, Tags], rarity: Mapping[str, float]) -> dict[str, float]:
    """The files that the words name, by how well: path, definitions, and, for less, what they use."""
    found = {
        file: _worth(file, rarity) * _match(file, tags, rarity) for file, tags in files.items() if rarity
    }
    return {file: match**2 for file, match in found.items() if match}


def _match(file: str, tags: Tags, rarity: Mapping[str, float]) -> float:
    path = parts(file)
    defined = _counted((d.name for d in tags.definitions), rarity)
    used = _counted((name for name, _ in tags.uses), rarity)
    return sum(
        weight * ((word in path) + defined.get(word, 0) + 0.3 * used.get(word, 0))
        for word, weight in rarity.items()
    )


def _counted(names: Iterable[str], words: Mapping[str, float]) -> dict[str, float]:
    """How strongly the names have each word: 0.5 for one name, towards 1 for many."""
    counts: dict[str, int] = defaultdict(int)
    for name in names:
        for word in parts(name) & words.keys():
            counts[word] += 1
    return {word: 1 - 0.5**count for word, count in counts.items()}


def _score(
    file: str,
    definition: Definition,
    rank: float,
    flow: Mapping[tuple[str, str], float],
    rarity: Mapping[str, float],
) -> float:
    matches = UNUSED
    if rarity:
        own, around = parts(definition.name), parts(file)
        matches += sum(
            weight * ((word in own) + IN_PATH * (word in around)) for word, weight in rarity.items()
        )
    visited = flow.get((file, definition.name), 0.0)
    return visited + rank * matches / (1 + definition.depth)

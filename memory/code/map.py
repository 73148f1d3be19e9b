"""The text of a map: paths, and below each the heads of the definitions that matter most, with their lines."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from kcode.files.syntax import Definition, Tags
from kcode.llm.size import BYTES_PER_TOKEN
from kcode.memory.code.index import Index
from kcode.memory.code.rank import Ranked, ranked
from kcode.visible import escaped

LONGEST = 100
"""Characters of a head."""


def repo_map(
    index: Index,
    tokens: int,
    in_play: Collection[str] = (),
    words: Collection[str] = frozenset(),
    *,
    counts: Callable[[str], bool] = lambda file: True,
) -> str:
    """As much of what matters as fits into so many tokens (of about 4 bytes); "" when nothing does.

    `in_play` is known already: it leads to the rest and is not told. `words` are stems. `counts` says of a file
    whether it is to be told.
    """
    order = ranked(index.files, in_play, words, index.pointers)
    known = frozenset(in_play)
    return fitted([one for one in order if one.file not in known and counts(one.file)], index.files, tokens)


def fitted(order: Sequence[Ranked], files: Mapping[str, Tags], tokens: int) -> str:
    """The longest beginning of the order whose text fits, found by halving."""
    fits, too_many = 0, min(len(order), tokens) + 1
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        if _size(_told(order[:middle], files)) <= tokens * BYTES_PER_TOKEN:
            fits = middle
        else:
            too_many = middle
    return _told(order[:fits], files)


def _told(chosen: Iterable[Ranked], files: Mapping[str, Tags]) -> str:
    lines: dict[str, set[int]] = defaultdict(set)
    for one in chosen:
        lines[one.file].add(one.definition.first)
    blocks = (_block(file, files[file].definitions, firsts) for file, firsts in lines.items())
    return "\n".join(blocks)


def _block(file: str, definitions: Iterable[Definition], firsts: Collection[int]) -> str:
    """A file's chosen definitions in its own order, and those that they lie in."""
    told: list[str] = []
    around: list[Definition] = []
    shown: set[int] = set()
    for definition in definitions:
        around = [*around[: definition.depth], definition]
        if definition.first in firsts:
            told += [_line(one) for one in around if one.first not in shown]
            shown |= {one.first for one in around}
    return "\n".join([escaped(file), *told])


def _line(definition: Definition) -> str:
    head = definition.text.rstrip("{:. ")
    head = head if len(head) <= LONGEST else head[: LONGEST - 1] + "…"
    return f"{definition.first}\t{'  ' * definition.depth}{escaped(head)}"


def _size(text: str) -> int:
    return len(text.encode())

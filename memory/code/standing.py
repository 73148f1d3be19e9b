"""The map that stands in the project block, where the settings want one: the same for a whole session, and made so
quickly that no first request waits for it.

To rank a large repository takes seconds. What was chosen is therefore kept; a start looks only at the files that were
chosen, so that lines and heads are right, and leaves the ranking as it was when `kcode map`, or the first start, made
it.
"""

import asyncio
import json
import logging
from collections.abc import Iterable
from pathlib import Path
from threading import Thread

from kcode.memory.code.cache import Cache
from kcode.memory.code.index import Index, index_of
from kcode.memory.code.map import fitted
from kcode.memory.code.rank import Ranked, ranked

log = logging.getLogger(__name__)

WITHIN = 0.3
"""Seconds that a start waits."""
PATIENCE = 60.0
"""Seconds that it is worked on in the background, so that the next session has it."""
KEPT = 400
"""Definitions: more than the largest map has."""


def standing_map(root: Path, tokens: int, within: float = WITHIN) -> str:
    """ "" when none is wanted, there is nothing to tell, or it takes too long this time."""
    made: list[str] = []

    def make() -> None:
        try:
            made.append(asyncio.run(_map(root, tokens)))
        except Exception:
            log.exception("the map of %s", root)

    if tokens:
        thread = Thread(target=make, name="map", daemon=True)
        thread.start()
        thread.join(within)
    return made[0] if made else ""


async def _map(root: Path, tokens: int) -> str:
    cache = Cache()
    chosen = _loaded(await asyncio.to_thread(cache.choice, str(root)))
    if chosen:
        index = await index_of(root, PATIENCE, cache, only={file for file, _ in chosen})
        return fitted(_found(chosen, index), index.files, tokens)
    index = await index_of(root, PATIENCE, cache)
    return fitted(await asyncio.to_thread(choose, index, cache), index.files, tokens)


def choose(index: Index, cache: Cache | None = None) -> list[Ranked]:
    """Rank all of it for nothing in particular, and keep what comes first for the sessions to come."""
    order = ranked(index.files, pointers=index.pointers)[:KEPT]
    choice = json.dumps([(one.file, one.definition.name) for one in order])
    (cache or Cache()).keep_choice(str(index.root), choice)
    return order


def _loaded(choice: str) -> list[tuple[str, str]]:
    try:
        return [(str(file), str(name)) for file, name in json.loads(choice or "[]")]
    except (ValueError, TypeError):
        return []


def _found(chosen: Iterable[tuple[str, str]], index: Index) -> list[Ranked]:
    """What of it is still there, where it is now."""
    places = {(file, d.name): d for file, tags in index.files.items() for d in reversed(tags.definitions)}
    return [Ranked(0.0, pair[0], places[pair]) for pair in chosen if pair in places]

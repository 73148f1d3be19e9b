"""How long a cancel takes: until the session is at rest, every process ended, and until the provider sees it.

On a machine that does little else each should stay below 300 ms; a command that ignores the end has 150 ms of it.
"""

import asyncio
import os
import statistics
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from kcode.cli.demo import make_repository
from kcode.llm import transport
from tests.playing import Play, playing
from tests.test_cancel import POINTS, reached, script
from tests.test_cancel_places import PLACES

ROUNDS = 3
BOUND = 0.3
"""Seconds."""


async def took(play: Play, words: str, point: Any) -> tuple[float, float]:
    """Seconds until the session rests, and until the last of the requests under way was left."""
    working = asyncio.ensure_future(play.session.prompt(words))
    await reached(lambda: point(play), 30.0)
    under_way = [request for request in play.provider.requests if request.ended is None]
    stopped = time.monotonic()
    play.session.cancel()
    with suppress(asyncio.CancelledError):
        await working
    rested = time.monotonic() - stopped
    await reached(lambda: all(request.ended for request in under_way))
    left = [(request.hung_up or request.ended or 0) - stopped for request in under_way]
    await play.session.close()
    return rested, max(left, default=0.0)


async def measured(folder: Path) -> dict[str, list[tuple[float, float]]]:
    await transport.ready()
    found: dict[str, list[tuple[float, float]]] = {}
    for number in range(ROUNDS):
        for place, (steps, more, point) in POINTS.items():
            mode = "ask" if "approval" in place else "auto"
            terms: dict[str, Any] = {"someone_answers": True, "permission_mode": mode}
            with playing(script(steps, more), fresh(folder), **terms) as play:
                found.setdefault(place, []).append(await took(play, "work", point))
        for place, (scene, terms, point) in PLACES.items():
            with playing(scene, fresh(folder), someone_answers=True, **terms) as play:
                found.setdefault(place, []).append(await took(play, "PLAN: work", point))
        print(f"round {number + 1} of {ROUNDS}", flush=True)
    await transport.close()
    return found


def fresh(folder: Path) -> Path:
    repository = folder / f"shop-{time.monotonic_ns()}"
    make_repository(repository)
    return repository


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="kcode-bench-") as folder:
        os.environ["KCODE_HOME"] = f"{folder}/home"
        found = asyncio.run(measured(Path(folder)))
    print(f"\n{'cancelled …':48}{'at rest':>10}{'worst':>8}{'left':>8}   milliseconds")
    for place, times in found.items():
        rests, leaves = zip(*times, strict=True)
        numbers = (statistics.median(rests), max(rests), max(leaves))
        print(f"{place:48}{numbers[0] * 1e3:10.0f}{numbers[1] * 1e3:8.0f}{numbers[2] * 1e3:8.0f}")
    slow = [place for place, times in found.items() if statistics.median(rest for rest, _ in times) > BOUND]
    print(f"slower than {BOUND * 1e3:.0f} ms: {', '.join(slow) or 'none'}")
    return len(slow)


if __name__ == "__main__":
    raise SystemExit(main())

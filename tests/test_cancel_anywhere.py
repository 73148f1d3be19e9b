"""Cancelled after each so-many-th turn of the event loop, in the midst of whatever it is: no cancel is ever lost."""

import asyncio
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kcode import paths
from kcode.events import Event, TaskEnded, TaskStarted
from kcode.llm import transport
from kcode.memory.log import load_events, session_path
from tests.playing import DOLLARS, NAME, WIRES, Play, WireName, call, calls, playing, say
from tests.test_cancel import children

Json = dict[str, Any]
SOON = 2.0
"""Seconds in which it has to be over. On a machine that does nothing else, a tenth of it: benchmarks/cancel.py."""
UNHEARD = 50 * 15
"""Micro-dollars of a request that was cut: tokens that had left the provider and were not heard."""
HEAR = 1.0
"""Seconds in which the provider must have seen that nobody listens any more."""


def lanes(**steps: list[Json]) -> Json:
    found = [{"match": word.upper(), "steps": several} for word, several in steps.items()]
    return {"lanes": found, "prices": {NAME: DOLLARS}}


def delegate(mode: str, message: str, **more: Any) -> Json:
    return call("delegate", mode=mode, message=message, **more)


SUMMARY = {"match_system": "You condense", "match": "", "steps": [say("They build a shop. " * 20)]}
GO_ON = {"match": "AND NOW", "steps": [say("Here I am.")] * 9}
CONDENSED = {"match": "<summary>", "steps": [{}, call("write", path="d.txt", text="d\n"), say("Done.")]}
WHOLE = lanes(
    plan=[
        calls(call("search", pattern="cart"), call("list"), call("read", path="README.md"))
        | {"text": "I look."},
        call("shell", command="sleep 0.01 & echo begun; (setsid sleep 50 &); echo done"),
        calls(delegate("code", "FIRST: a"), delegate("code", "SECOND: b"), delegate("ask", "THIRD: c")),
        call("write", path="c.txt", text="c\n"),
        call("shell", command="sleep 51", background=True),
        say("All of it is done now.", chunk=8),
    ],
    first=[call("write", path="a.txt", text="a\n"), call("shell", command="echo tested"), say("A.")],
    second=[call("write", path="b.txt", text="b\n"), delegate("ask", "DEEP: look"), say("B.")],
    third=[call("read", path="README.md"), say("C.")],
    deep=[say("There.")],
)
TROUBLED = lanes(
    plan=[
        call("read", path="README.md"),
        call("edit", path="README.md", edits=[{"old": "shop", "new": "store", "all": True}]),
        call("write", path="d.txt", text="d\n"),
        say("Done."),
    ]
) | {
    "faults": [
        {"kind": "overloaded", "request": 1, "retry_after": 0.02},
        {"kind": "reset_mid", "request": 3, "after": 1},
        {"kind": "context_overflow", "request": 5},
    ]
}
SCENES: dict[str, Json] = {"subtasks": WHOLE, "troubles": TROUBLED}


def script(name: str) -> Json:
    scene = SCENES[name]
    return scene | {"lanes": [SUMMARY, GO_ON, CONDENSED, *scene["lanes"]]}


@contextmanager
def after_turns(count: int, do: Callable[[], None]) -> Iterator[list[int]]:
    """Calls it between two turns of the running loop, after so many. Gives the number of turns so far."""
    loop: Any = asyncio.get_running_loop()
    turns = [0]
    plain = loop._run_once

    def turn() -> None:
        if turns[0] == count:
            do()
        turns[0] += 1
        plain()

    loop._run_once = turn
    try:
        yield turns
    finally:
        del loop._run_once


@dataclass(frozen=True)
class Holdings:
    """What a session must not leave behind."""

    tasks: frozenset["asyncio.Task[Any]"]
    processes: frozenset[int]
    threads: frozenset[str]
    descriptors: int

    @classmethod
    def now(cls) -> "Holdings":
        return cls(
            frozenset(asyncio.all_tasks()),
            frozenset(children()),
            frozenset(thread.name for thread in threading.enumerate() if "asyncio" not in thread.name),
            len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0,
        )

    def left(self, now: "Holdings") -> list[object]:
        more = (
            []
            if now.descriptors <= self.descriptors
            else [f"{now.descriptors - self.descriptors} descriptors"]
        )
        return [*now.tasks - self.tasks, *now.processes - self.processes, *now.threads - self.threads, *more]


async def nothing_is_left(before: Holdings) -> None:
    end = time.monotonic() + SOON
    while left := before.left(Holdings.now()):
        assert time.monotonic() < end, left
        await asyncio.sleep(0.005)


async def seen(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + HEAR
    while not holds():
        assert time.monotonic() < end, "waited in vain"
        await asyncio.sleep(0.002)


def check_ends(events: list[Event], was_cancelled: bool) -> None:
    """Each task that began has ended once, in the order of things."""
    begun = Counter(event.task for event in events if isinstance(event, TaskStarted))
    ended = Counter(event.task for event in events if isinstance(event, TaskEnded))
    for task, times in begun.items():
        if task != "main":
            assert ended[task] == times, (task, begun, ended)
    if was_cancelled and ended["main"]:
        last = [event for event in events if isinstance(event, TaskEnded)][-1]
        assert (last.task, last.outcome) == ("main", "cancelled")
    assert ended["main"] <= 1


async def cancelled_after(
    turns: int, name: str, root: Path, wire: WireName, again: int = 0
) -> tuple[bool, float, int]:
    """Whether it was cancelled before its end, the seconds that took, the turns that it had. `again`:
    milliseconds later it is cancelled a second time."""
    await transport.close()
    before, came = Holdings.now(), [0.0]
    with playing(script(name), root, wire) as play:
        working = asyncio.ensure_future(play.session.prompt("PLAN it"))
        await asyncio.sleep(0)
        answers: list[bool] = []

        def cancel() -> None:
            came[0] = time.monotonic()
            if not working.done():
                answers.append(play.session.cancel())
            if again:
                loop = asyncio.get_running_loop()
                loop.call_later(again / 1000, lambda: working.done() or play.session.cancel())

        was_cancelled, over = False, 0.0
        with after_turns(turns, cancel) as had:
            try:
                await asyncio.wait_for(working, 60)
            except asyncio.CancelledError:
                was_cancelled, over = True, time.monotonic() - came[0]
        assert answers == ([True] if was_cancelled else []), "a cancel was lost"
        assert over < SOON
        await checked(play, was_cancelled)
    await transport.close()
    await nothing_is_left(before)
    return was_cancelled, over, had[0]


async def checked(play: Play, was_cancelled: bool) -> None:
    """What holds after a cancel; and that the session goes on."""
    session, provider = play.session, play.provider
    await seen(lambda: all(request.ended for request in provider.requests))
    check_ends(play.events, was_cancelled)
    assert all(task.conversation.unanswered() == () for task in session.tree.tasks.values())
    assert not session.is_working
    rows = play.started.ledger.rows(session=session.id)
    assert "reserved" not in {row.state for row in rows}
    cut = sum(row.state == "estimated" for row in rows)
    assert play.started.ledger.used(session.id) >= provider.total - cut * UNHEARD
    assert await session.prompt("AND NOW?") == "Here I am."
    assert provider.mismatches == []
    await session.close()
    _, bad = load_events(session_path(session.id))
    assert bad == 0
    assert await own_worktrees_are_known(play)


async def own_worktrees_are_known(play: Play) -> bool:
    """No folder of a worktree is left without its note."""
    home = paths.worktrees_dir()
    known = {Path(tree.top).parent.name for tree in play.session._equipment.worktrees.all()}
    await seen(lambda: not list(home.glob("trash-*")))
    return {path.name for path in home.iterdir() if path.is_dir()} <= known if home.is_dir() else True


POINTS = range(*map(int, os.environ["SWEEP"].split(",")) if "SWEEP" in os.environ else (1, 420, 28))


@pytest.mark.slow
@pytest.mark.parametrize("name", SCENES)
@pytest.mark.parametrize("number", range(len(POINTS)))
async def test_no_cancel_is_lost_whenever_it_comes(name: str, number: int, repository: Path) -> None:
    await transport.ready()
    await cancelled_after(POINTS[number], name, repository, WIRES[number % 2])


@pytest.mark.slow
@pytest.mark.parametrize("again", [1, 8, 60])
@pytest.mark.parametrize("turns", POINTS[2::4])
async def test_who_cancels_twice_loses_nothing(turns: int, again: int, repository: Path) -> None:
    await transport.ready()
    await cancelled_after(turns, "subtasks", repository, WIRES[again % 2], again)

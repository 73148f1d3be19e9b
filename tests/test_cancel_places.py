"""Cancelled where more than a model is waited for: subtasks, worktrees, pauses, drafts, jobs, commands that hold on."""

import asyncio
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from kcode.agent.worktrees import Worktrees
from kcode.events import (
    OutputArrived,
    QuestionAsked,
    TaskEnded,
    TaskStarted,
    TextArrived,
    ToolStarted,
)
from kcode.llm import transport
from kcode.scripted import ScriptedProvider
from kcode.settings import Worktrees as Wish
from tests.playing import DOLLARS, MODEL, NAME, Play, call, calls, playing, say, settings_for
from tests.running import Forker, environment, until
from tests.test_cancel import (
    AGAIN,
    OVER,
    cancelled,
    gone_on_with,
    leaving_no_process,
    processes_of,
    reached,
    told,
)
from tests.tracing import Trace

Json = dict[str, Any]
SLOW = {"text": "word " * 200, "pace": 0.02}
HAS_BUBBLEWRAP = sys.platform == "linux" and shutil.which("bwrap") is not None


def lanes(**steps: list[Json]) -> Json:
    found = [{"match": word.upper(), "steps": several} for word, several in steps.items()]
    return {"lanes": [AGAIN, *found], "prices": {NAME: DOLLARS}}


def delegate(mode: str, message: str, **more: Any) -> Json:
    return call("delegate", mode=mode, message=message, **more)


TWO = lanes(
    plan=[calls(delegate("code", "FIRST: a"), delegate("code", "SECOND: b")), say("Done.")],
    first=[SLOW],
    second=[SLOW],
)
LATE = lanes(
    plan=[calls(delegate("ask", "FIRST: a"), delegate("ask", "SECOND: b")), say("Done.")],
    first=[SLOW | {"first_delay": 30}],
    second=[SLOW],
)
SET_UP = ('worktrees.setup="echo begun > begun; sleep 60"',)


def first_file(play: Play, name: str) -> bool:
    return any(play.session._equipment.worktrees._home.glob(f"*/*/{name}"))


PLACES: dict[str, tuple[Json, dict[str, Any], Callable[[Play], object]]] = {
    "while two write side by side": (TWO, {}, told(TextArrived, 6)),
    "while one waits for the first token of another": (
        LATE,
        {"models": (MODEL, "ask=scripted/model-2")},
        lambda play: len(play.told(TaskStarted)) == 2 and len(play.provider.requests) == 2,
    ),
    "in the set-up script of a worktree": (TWO, {"set": SET_UP}, lambda play: first_file(play, "begun")),
    "while it is asked whether a budget may grow": (
        lanes(plan=[SLOW]),
        {"max_budget_usd": Decimal("0.0001")},
        told(QuestionAsked),
    ),
    "while a runaway is asked about": (
        lanes(plan=[call("read", path="nowhere")] * 12),
        {},
        told(QuestionAsked),
    ),
}


@pytest.fixture(autouse=True)
async def ready() -> None:
    await transport.ready()


@pytest.mark.parametrize("place", PLACES)
async def test_a_cancel_ends_it_and_the_session_goes_on(place: str, repository: Path) -> None:
    script, more, point = PLACES[place]
    with playing(script, repository, someone_answers=True, **more) as play, leaving_no_process():
        working = asyncio.ensure_future(play.session.prompt("PLAN: work"))
        await reached(lambda: point(play))
        await cancelled(play, working)
        begun = {event.task for event in play.told(TaskStarted)}
        assert {event.task for event in play.told(TaskEnded)} >= begun - {"2"}
        if "budget" in place:
            play.session.set_budget(None)
        await gone_on_with(play)
        assert Worktrees(Wish()).all() == []


async def test_one_of_two_is_cancelled_and_the_other_goes_on(repository: Path) -> None:
    script = lanes(
        plan=[calls(delegate("code", "FIRST: a"), delegate("ask", "SECOND: b")), say("Done.")],
        first=[SLOW],
        second=[say("B.", first_delay=0.4)],
    )
    with playing(script, repository, mode="orchestrator") as play, leaving_no_process():
        working = asyncio.ensure_future(play.session.prompt("PLAN: work"))
        await reached(lambda: len(play.told(ToolStarted)) == 2)
        await asyncio.sleep(0.05)
        assert play.session.cancel("1")
        assert await working == "Done."
        ends = {event.task: event.outcome for event in play.told(TaskEnded)}
        assert ends == {"1": "cancelled", "2": "done", "main": "done"}


async def test_a_draft_that_is_being_enhanced_is_cancelled_at_once(repository: Path) -> None:
    script = {
        "lanes": [AGAIN, {"match": "", "match_system": "rewrite", "steps": [SLOW]}],
        "prices": {NAME: DOLLARS},
    }
    with playing(script, repository) as play:
        working = asyncio.ensure_future(play.session.enhance("make it work"))
        await reached(lambda: play.provider.requests and play.provider.requests[0].first_byte)
        stopped = time.monotonic()
        assert play.session.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working
        assert time.monotonic() - stopped < OVER
        assert {row.state for row in play.started.ledger.rows()} == {"estimated"}
        await gone_on_with(play)


async def test_a_command_of_the_users_own_is_cancelled(repository: Path, trace: Trace) -> None:
    with playing(lanes(), repository) as play:
        working = asyncio.ensure_future(play.session.command(f"sleep {trace}"))
        await reached(lambda: trace.alive())
        assert play.session.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working
        assert trace.alive() == []
        await gone_on_with(play)


HOLDS_ON = {
    "ignores TERM": "trap '' TERM INT HUP; echo begun; while true; do sleep {0}; done",
    "forks twice": "(setsid sh -c 'sleep {0} & sleep {0}' &); echo begun; sleep {0}",
    "daemonises": "(setsid nohup sleep {0} >/dev/null 2>&1 </dev/null &) ; echo begun; sleep {0}",
    "floods": "echo begun; yes {0}",
    "holds a port": "exec python3 -c 'import socket, time; s = socket.socket(); "
    's.bind(("127.0.0.1", {1})); s.listen(); print("begun", flush=True); time.sleep({0})\'',
}


@pytest.mark.parametrize(
    "confined", [False, pytest.param(True, marks=pytest.mark.skipif(not HAS_BUBBLEWRAP, reason="no bwrap"))]
)
@pytest.mark.parametrize("kind", HOLDS_ON)
async def test_nothing_of_a_command_that_holds_on_is_left(
    kind: str, confined: bool, repository: Path, trace: Trace
) -> None:
    port = free_port()
    command = HOLDS_ON[kind].format(trace, port)
    more: dict[str, Any] = {"set": ('sandbox.mode="auto"',)} if confined else {}
    with playing(lanes(plan=[call("shell", command=command)]), repository, **more) as play:
        working = asyncio.ensure_future(play.session.prompt("PLAN"))
        await reached(
            lambda: any("begun" in event.text or "1000." in event.text for event in play.told(OutputArrived))
        )
        await cancelled(play, working)
        assert trace.alive() == []
        with socket.socket() as again:
            again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            again.bind(("127.0.0.1", port))
        words = play.told(TaskEnded)[-1]
        assert words.stopped >= 1 and words.text.startswith("Cancelled. Stopped ") and "spent " in words.text
        await gone_on_with(play)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


async def test_the_receipt_of_a_cancel_says_what_was_stopped_kept_and_spent(repository: Path) -> None:
    script = lanes(
        plan=[
            call("write", path="new.txt", text="one\n"),
            call("shell", command="sleep 60 & sleep 60 & echo begun; wait"),
        ]
    )
    with playing(script, repository) as play:
        working = asyncio.ensure_future(play.session.prompt("PLAN"))
        await reached(lambda: play.told(OutputArrived))
        await cancelled(play, working)
        total = play.started.ledger.total(play.session.id)
        assert play.told(TaskEnded)[-1].text == (
            f"Cancelled. Stopped 3 processes, kept 1 changed file, spent {total}."
        )


# The real program

NUMBERS = {signal.SIGINT: 130, signal.SIGTERM: 143}


@pytest.mark.parametrize("number", NUMBERS)
def test_a_list_of_tasks_is_cancelled_by_a_signal(
    number: signal.Signals, repository: Path, tmp_path: Path, forker: Forker
) -> None:
    script = lanes(alpha=[call("shell", command="echo begun; sleep 60")], beta=[SLOW])
    (tmp_path / "tasks.txt").write_text("ALPHA: a\nBETA: b\n")
    with ScriptedProvider(script) as provider:
        env = environment(tmp_path / "home")
        flags = [part for one in settings_for(provider) for part in ("--set", one)]
        running = forker.start(
            *("run", "--parallel", str(tmp_path / "tasks.txt"), "-m", MODEL, "--yolo", *flags),
            cwd=repository,
            env=env,
        )
        until(lambda: len(provider.requests) == 2 and provider.requests[1].first_byte)
        time.sleep(0.3)
        stopped = time.monotonic()
        running.send(number)
        done = running.wait()
        assert time.monotonic() - stopped < 2 * OVER
        assert done.code == NUMBERS[number], done.last_words
        assert done.out.count("cancelled") == 2 and "Traceback" not in done.err
        assert all(request.hung_up or request.ended for request in provider.requests)
        until(lambda: processes_of(tmp_path / "home") == [], 3)


def test_ctrl_c_ends_the_set_up_of_a_worktree(repository: Path, tmp_path: Path, forker: Forker) -> None:
    home = tmp_path / "home"
    with ScriptedProvider(lanes()) as provider:
        flags = [part for one in (*settings_for(provider), *SET_UP) for part in ("--set", one)]
        running = forker.start(
            *("run", "-w", "new", "PLAN", "-m", MODEL, "--yolo", *flags),
            cwd=repository,
            env=environment(home),
        )
        until(lambda: any(home.rglob("begun")))
        stopped = time.monotonic()
        running.send(signal.SIGINT)
        done = running.wait()
        assert time.monotonic() - stopped < 2 * OVER
        assert done.code == 130 and "Traceback" not in done.err, done.last_words
        until(lambda: processes_of(home) == [], 3)
        assert not any(home.rglob("begun")) and provider.requests == []


def test_a_program_that_cancels_at_once_is_heard(repository: Path, tmp_path: Path, forker: Forker) -> None:
    with ScriptedProvider(lanes(plan=[SLOW])) as provider:
        flags = [part for one in settings_for(provider) for part in ("--set", one)]
        done = forker.run(
            *("-p", "--input-format", "stream-json", "-m", MODEL, *flags),
            cwd=repository,
            env=environment(tmp_path / "home"),
            stdin=b'{"type": "say", "text": "PLAN"}\n{"type": "cancel"}\n',
        )
        assert (done.code, done.result["reason"]) == (130, "cancelled"), done.last_words
        assert provider.requests == []

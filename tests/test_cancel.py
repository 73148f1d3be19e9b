"""Cancelled at any point: the provider is left at once, nothing runs on, every call is answered, and it can go on."""

import asyncio
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import DEVNULL, PIPE
from typing import Any

import psutil
import pytest

from kcode.events import (
    ApprovalAsked,
    CallArrived,
    MessageAdded,
    OutputArrived,
    QuestionAsked,
    Retrying,
    TaskEnded,
    TextArrived,
    ThinkingArrived,
    ToolStarted,
)
from kcode.llm import transport
from kcode.memory.log import load_events, session_path
from kcode.messages import Reply
from kcode.scripted import ScriptedProvider
from tests.playing import MODEL, WIRES, Play, WireName, call, calls, playing, say, scenario, settings_for
from tests.running import KCODE, Forker, Running, environment, until

Json = dict[str, Any]

HANG_UP = 0.3
"""Seconds in which the provider must see that nobody listens any more."""
OVER = 1.0
"""Seconds in which the cancel must be over, whatever ran."""
WORDS = say("word " * 400, pace=0.02)
COMMAND = "echo begun; sleep 61 & (setsid sleep 62 &) ; sleep 63"
SUMMARY = say("The user wants something. " * 20, pace=0.02)
CONDENSING = {"match_system": "You condense", "match": "", "steps": [SUMMARY]}
AGAIN = {"match": "and now", "steps": [say("Here I am.")]}


def told(kind: type[Any], times: int = 1) -> Callable[[Play], bool]:
    return lambda play: len(play.told(kind)) >= times


def arrived(requests: int) -> Callable[[Play], bool]:
    return lambda play: len(play.provider.requests) >= requests


Point = tuple[list[Json], Json, Callable[[Play], bool]]
"""What the model says, further terms of the scenario, and when to cancel."""

POINTS: dict[str, Point] = {
    "before the headers": ([say("x", first_delay=60)], {}, arrived(1)),
    "before the first word": (
        [WORDS],
        {"faults": [{"kind": "stall", "request": 1, "after": 0}]},
        arrived(1),
    ),
    "at the first word": ([WORDS], {}, told(TextArrived)),
    "in mid-sentence": ([WORDS], {}, told(TextArrived, 8)),
    "while it thinks": ([WORDS | {"thinking": "hm " * 400}], {}, told(ThinkingArrived, 3)),
    "while it writes a call": (
        [call("write", path="x", text="x" * 4000) | {"pace": 0.02}],
        {},
        told(CallArrived, 5),
    ),
    "in a silence in mid-answer": (
        [WORDS],
        {"faults": [{"kind": "stall", "request": 1, "after": 5}]},
        told(TextArrived, 4),
    ),
    "in the pause before another try": (
        [WORDS],
        {"faults": [{"kind": "rate_limit", "request": 1, "retry_after": 50}]},
        told(Retrying),
    ),
    "in a command": (
        [calls(call("shell", command=COMMAND), call("shell", command="echo never"))],
        {},
        told(OutputArrived),
    ),
    "when a command begins": ([call("shell", command=COMMAND)], {}, told(ToolStarted)),
    "in a command that ignores the end": (
        [call("shell", command="trap '' TERM INT; echo begun; while true; do sleep 1; done")],
        {},
        told(OutputArrived),
    ),
    "with a job in the background": (
        [call("shell", command=COMMAND, background=True), WORDS],
        {},
        told(TextArrived),
    ),
    "in readers that run side by side": (
        [calls(call("ask", question="This?"), call("read", path="README.md"), call("ask", question="That?"))],
        {},
        told(QuestionAsked, 2),
    ),
    "while an approval is open": ([call("write", path="x", text="x")], {}, told(ApprovalAsked)),
    "between two requests": ([call("read", path="README.md"), WORDS], {}, told(MessageAdded, 3)),
    "while the conversation is condensed": (
        [call("read", path="README.md"), WORDS],
        {"faults": [{"kind": "context_overflow", "request": 2}]},
        arrived(3),
    ),
}


def script(steps: list[Json], more: Json) -> Json:
    return scenario() | {"lanes": [CONDENSING, AGAIN, {"match": "work", "steps": steps}]} | more


async def reached(condition: Callable[[], object], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        await asyncio.sleep(0.002)


def children() -> set[int]:
    """What runs below this process, but for the forker and all that is its."""
    found = set()
    for process in psutil.Process().children():
        with suppress(psutil.Error):
            if "serve()" not in " ".join(process.cmdline()):
                found |= {process.pid, *(child.pid for child in process.children(recursive=True))}
    return found


@contextmanager
def leaving_no_process() -> Iterator[None]:
    before = children()
    yield
    assert children() - before == set()


async def cancelled(play: Play, working: "asyncio.Future[str]") -> None:
    """Cancels, and checks what must hold from then on."""
    under_way = [request for request in play.provider.requests if request.ended is None]
    stopped = time.monotonic()
    assert play.session.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert time.monotonic() - stopped < OVER
    for request in under_way:
        await asyncio.to_thread(play.provider.wait_for_end, request.number)  # the loop closes the connection
        assert (request.hung_up or request.ended or 0) - stopped < HANG_UP
    assert play.session.task.conversation.unanswered() == ()
    assert play.told(TaskEnded)[-1].outcome == "cancelled"
    assert not play.session.is_working
    rows = play.started.ledger.rows(session=play.session.id)
    assert len(rows) - len(play.provider.requests) in (0, 1), "one may have been about to leave"
    assert "reserved" not in {row.state for row in rows}


async def gone_on_with(play: Play) -> None:
    assert await play.session.prompt("and now?") == "Here I am."
    assert play.provider.mismatches == []
    await play.session.close()
    events, bad = load_events(session_path(play.session.id))
    assert bad == 0 and isinstance(events[-1], TaskEnded)


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("name", POINTS)
async def test_a_cancel_leaves_a_conversation_that_can_go_on(
    name: str, wire: WireName, repository: Path
) -> None:
    steps, more, point = POINTS[name]
    mode = "ask" if "approval" in name else "auto"
    await transport.ready()
    with (
        playing(script(steps, more), repository, wire, someone_answers=True, permission_mode=mode) as play,
        leaving_no_process(),
    ):
        working = asyncio.ensure_future(play.session.prompt("work"))
        await reached(lambda: point(play))
        await cancelled(play, working)
        await gone_on_with(play)


async def test_a_command_that_is_cancelled_has_ended_before_the_cancel_is_over(repository: Path) -> None:
    steps, more, point = POINTS["in a command"]
    with playing(script(steps, more), repository) as play, leaving_no_process():
        working = asyncio.ensure_future(play.session.prompt("work"))
        await reached(lambda: point(play))
        await cancelled(play, working)


async def test_what_was_heard_before_a_cancel_is_kept(repository: Path) -> None:
    with playing(script([WORDS], {}), repository) as play:
        working = asyncio.ensure_future(play.session.prompt("work"))
        await reached(lambda: len(play.told(TextArrived)) >= 8)
        await cancelled(play, working)
        last = play.messages[-1]
        assert isinstance(last, Reply) and last.stop == "cancelled"
        assert last.text == "".join(event.text for event in play.told(TextArrived))


MUCH = [
    calls(call("search", pattern="cart"), call("list"))
    | {"text": "I look for it.", "thinking": "Hm.", "pace": 0.01, "first_delay": 0.03},
    calls(*(call("read", path=f"shop/{name}.py") for name in ("cart", "discount", "__init__")))
    | {"pace": 0.01},
    call("shell", command="sleep 0.05 & sleep 0.15; echo done") | {"pace": 0.01},
    call("write", path="new.txt", text="one\ntwo\n") | {"pace": 0.01},
    say("All of it is done now, and this is what I have to say of it.", pace=0.02, chunk=4),
]
DELAYS = [round(number.uniform(0, 1.2), 3) for number in map(random.Random, range(30))]


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(DELAYS)))
async def test_a_cancel_at_any_moment_leaves_a_conversation_that_can_go_on(
    number: int, repository: Path
) -> None:
    await transport.ready()
    wire = WIRES[number % 2]
    more = {"faults": [{"kind": "overloaded", "request": 2, "retry_after": 0.05}]}
    with playing(script(MUCH, more), repository, wire) as play, leaving_no_process():
        working = asyncio.ensure_future(play.session.prompt("work"))
        await asyncio.sleep(DELAYS[number])
        if not working.done() and play.session.is_working:
            await cancelled(play, working)
        await working if not working.cancelled() else None
        await gone_on_with(play)


# The same with the real program, and signals.

SIGNALS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
MOMENTS: dict[str, tuple[list[Json], Callable[[Running, ScriptedProvider], bool]]] = {
    "before the headers": ([say("x", first_delay=60)], lambda _, provider: len(provider.requests) == 1),
    "in mid-sentence": ([WORDS], lambda running, _: running.has_told("text_arrived", 5)),
    "in a command": (
        [call("shell", command=COMMAND)],
        lambda running, _: running.has_told("output_arrived"),
    ),
}


def flags(provider: ScriptedProvider) -> list[str]:
    settings = settings_for(provider)
    return ["-m", MODEL, "--yolo", *(part for one in settings for part in ("--set", one))]


def processes_of(home: Path) -> list[str]:
    found = []
    for process in psutil.process_iter(["name"]):
        with suppress(psutil.Error):
            if process.environ().get("KCODE_HOME") == str(home):
                found.append(process.info["name"])
    return found


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_signal_ends_the_program_cleanly_and_the_session_can_go_on(
    moment: str, number: signal.Signals, repository: Path, tmp_path: Path, forker: Forker
) -> None:
    steps, point = MOMENTS[moment]
    home = tmp_path / "home"
    with ScriptedProvider(script(steps, {})) as provider:
        env = environment(home)
        running = forker.start("run", "work", "--json", *flags(provider), cwd=repository, env=env)
        until(lambda: point(running, provider))
        under_way = provider.requests[-1]
        stopped = time.monotonic()
        running.send(number)
        done = running.wait()
        assert time.monotonic() - stopped < OVER
        assert (done.code, done.result["reason"], done.result["exit_code"]) == (
            SIGNALS[number],
            "cancelled",
            SIGNALS[number],
        )
        assert done.err == ""
        if under_way.hung_up is not None:
            assert under_way.hung_up - stopped < HANG_UP
        assert processes_of(home) == []
        again = forker.run("run", "-c", "and now?", *flags(provider), cwd=repository, env=env)
        assert (again.code, again.out) == (0, "Here I am.\n"), again.last_words
        assert provider.mismatches == []


def test_a_receipt_is_printed_after_ctrl_c(repository: Path, tmp_path: Path, forker: Forker) -> None:
    with ScriptedProvider(script([WORDS], {})) as provider:
        env = environment(tmp_path / "home")
        running = forker.start("run", "work", *flags(provider), cwd=repository, env=env)
        until(lambda: provider.requests and provider.requests[0].first_byte)
        time.sleep(0.1)
        running.send(signal.SIGINT)
        done = running.wait()
        assert (done.code, done.out) == (130, "")
        assert "kcode: Cancelled." in done.err
        assert "── ~$0.0" in done.err and "go on: kcode -r " in done.err


def test_a_second_ctrl_c_ends_it_at_once(repository: Path, tmp_path: Path, forker: Forker) -> None:
    stubborn = "trap '' TERM INT; echo begun; while true; do sleep 1; done"
    with ScriptedProvider(script([call("shell", command=stubborn)], {})) as provider:
        env = environment(tmp_path / "home")
        running = forker.start("run", "work", "--json", *flags(provider), cwd=repository, env=env)
        until(lambda: running.has_told("output_arrived"))
        running.send(signal.SIGINT)
        time.sleep(0.02)
        running.send(signal.SIGINT)
        assert running.wait(2).code in (130, -signal.SIGINT)
        until(lambda: processes_of(tmp_path / "home") == [], 3)


@pytest.mark.slow
def test_ctrl_c_while_litellm_is_imported_ends_it_soon(repository: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    with ScriptedProvider(script([WORDS], {})) as provider:
        command = [*KCODE, "run", "work", *flags(provider)]
        running = psutil.Popen(
            command, cwd=repository, env=environment(home), stdin=DEVNULL, stdout=PIPE, stderr=PIPE
        )
        until(lambda: any(b'"role": "user"' in log.read_bytes() for log in home.rglob("*.jsonl")))
        time.sleep(0.2)
        stopped = time.monotonic()
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=20)
        assert time.monotonic() - stopped < 5
        assert running.returncode == 130, err.decode()
        assert b"Traceback" not in err and out == b""
        assert provider.requests == []

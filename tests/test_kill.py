"""kill -9, at many points of a session; then it is gone on with, and finishes what it was told to do."""

import shutil
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

import psutil
import pytest

from kcode.cli.demo import make_repository
from kcode.events import MessageAdded
from kcode.memory.log import load_events
from kcode.scripted import Received, ScriptedProvider
from kcode.spend.ledger import Ledger
from kcode.spend.row import Row
from tests.playing import MODEL, WIRES, WireName, call, calls, say, scenario, settings_for
from tests.running import Ended, Forker, Running, environment, until
from tests.test_main_job import DIFF, NEW, OLD, READS, changed_lines, git

pytestmark = pytest.mark.slow

PROMPT = "Fix the failing test."
FINISHED = "The last task is finished"
COMMAND = "echo begun; sleep 0.1; python -m unittest -q 2>&1"
SEARCH = call("search", pattern="discount") | say("I look for the place where it is.", pace=0.008, chunk=4)
EDIT = call("edit", path="shop/cart.py", edits=[{"old": OLD, "new": NEW}])
TEST = call("shell", command=COMMAND)
LAST = say("It was rounded line by line. All tests pass.", pace=0.008, chunk=4)
STEPS = [
    SEARCH,
    calls(*READS) | {"first_delay": 0.02, "pace": 0.001},
    EDIT | {"first_delay": 0.02, "pace": 0.001},
    EDIT,  # once more, as a model does that reads that its call was not finished
    TEST | {"expect": "Edited|already|But new is", "first_delay": 0.02},
    LAST | {"expect": r"OK|Not finished", "first_delay": 0.02},
]


@dataclass(slots=True)
class Scene:
    """A session that is under way."""

    forker: Forker
    provider: ScriptedProvider
    wire: WireName
    repository: Path
    home: Path
    running: Running = field(init=False)

    def kcode(self, *arguments: str) -> Running:
        settings = [part for one in settings_for(self.provider, self.wire) for part in ("--set", one)]
        everything = ["run", *arguments, "-m", MODEL, "--yolo", "--json", *settings]
        return self.forker.start(*everything, cwd=self.repository, env=environment(self.home))

    @property
    def log(self) -> Path:
        return next(iter(self.home.glob("data/sessions/*.jsonl")), self.home / "none")

    def logged(self, word: str, times: int = 1) -> bool:
        return self.log.exists() and self.log.read_bytes().count(word.encode()) >= times

    @property
    def has_heard_the_prompt(self) -> bool:
        return self.log.exists() and any(
            isinstance(event, MessageAdded) for event in load_events(self.log)[0]
        )

    @property
    def has_changed_the_file(self) -> bool:
        return NEW in (self.repository / "shop/cart.py").read_text()


Point = Callable[[Scene], bool]
SceneOf = Callable[[ScriptedProvider, WireName], Scene]


def arrived(requests: int) -> Point:
    return lambda scene: len(scene.provider.requests) >= requests


def told(type: str, times: int = 1) -> Point:
    return lambda scene: scene.running.has_told(type, times)


def logged(type: str, times: int = 1) -> Point:
    return lambda scene: scene.logged(f'"type": "{type}"', times)


def message(role: str, times: int = 1) -> Point:
    return lambda scene: scene.logged(f'"role": "{role}"', times)


POINTS: dict[str, Point] = {
    "at once": lambda _: True,
    "when the session's file is there": lambda scene: scene.log.exists(),
    "when the session has begun": logged("session_started"),
    "when the prompt is written": message("user"),
    "when the first request has arrived": arrived(1),
    "at the first word": told("text_arrived"),
    "in mid-sentence": told("text_arrived", 5),
    "at the first piece of a call": told("call_arrived"),
    "when the first request is paid": logged("spent"),
    "when the first reply is written": message("assistant"),
    "when the search has begun": logged("tool_started"),
    "when it has ended": message("tool"),
    "when the second request has arrived": arrived(2),
    "while three calls arrive": told("call_arrived", 10),
    "when the second reply is written": message("assistant", 2),
    "when the first of three reads has begun": logged("tool_started", 2),
    "when all three have begun": logged("tool_started", 4),
    "when the first of them has ended": message("tool", 2),
    "when the second has": message("tool", 3),
    "when the third request has arrived": arrived(3),
    "while the edit arrives": told("call_arrived", 20),
    "when the edit has begun": logged("tool_started", 5),
    "when the file has changed": lambda scene: scene.has_changed_the_file,
    "when the edit's result is written": message("tool", 5),
    "when the fourth request has arrived": arrived(4),
    "when the command has begun": logged("tool_started", 7),
    "when the command has spoken": told("output_arrived"),
    "when the command's result is written": message("tool", 7),
    "when the last request has arrived": arrived(6),
    "at the first of the last words": told("text_arrived", 10),
    "in the middle of the last words": told("text_arrived", 16),
    "when the last request is paid": logged("spent", 6),
    "when the last reply is written": message("assistant", 6),
    "when the task has ended": logged("task_ended"),
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    repository = tmp_path_factory.mktemp("sample") / "shop"
    make_repository(repository)
    (repository / ".gitignore").write_text("__pycache__/\n")
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "Ignore what Python writes")
    return repository


@pytest.fixture
def scene_of(forker: Forker, shop: Path, tmp_path: Path) -> SceneOf:
    shutil.copytree(shop, tmp_path / "shop")

    def made(provider: ScriptedProvider, wire: WireName) -> Scene:
        return Scene(forker, provider, wire, tmp_path / "shop", tmp_path / "home")

    return made


def killed_at(scene: Scene, point: Point) -> float:
    """Start the session, kill it at the point, and return when that was."""
    scene.running = scene.kcode(PROMPT)
    until(lambda: point(scene) or scene.running.has_ended)
    scene.running.send(signal.SIGKILL)
    scene.running.wait()
    time.sleep(0.03)  # what it has sent arrives
    return time.time()


def finished(scene: Scene) -> Ended:
    """Go on with what is open; where what was said is lost, say it again."""
    done = scene.kcode("-c").wait()
    if done.code == 2 and not scene.has_heard_the_prompt:
        done = (scene.kcode("-c", PROMPT) if scene.logged("session_started") else scene.kcode(PROMPT)).wait()
    return done


def rows(scene: Scene) -> list[Row]:
    ledger = Ledger(scene.home / "data/ledger.sqlite3")
    try:
        return ledger.rows()
    finally:
        ledger.close()


def assert_that_no_spend_is_lost(scene: Scene, killed: float) -> None:
    """Each request has its row: exact, or, where the process died, with what it can have cost at most."""
    counted = rows(scene)
    before = [row for row in counted if row.started < killed]
    requests = scene.provider.requests
    billed = requests[: len(requests) - (len(counted) - len(before))]
    assert len(before) - len(billed) in (0, 1), "at most one request was still to be sent"
    for row, request in zip(before, billed, strict=False):
        assert_row(row, request)
    for row, request in zip(counted[len(before) :], requests[len(billed) :], strict=True):
        assert_row(row, request)
    unsettled = [row for row in before if row.state == "estimated"]
    assert len(unsettled) <= 1 and all(row is before[-1] for row in unsettled)
    assert sum(row.charged or 0 for row in counted) >= scene.provider.total


def assert_row(row: Row, request: Received) -> None:
    assert row.charged is not None and request.micro_dollars is not None
    match row.state:
        case "settled" | "failed":
            assert row.charged == request.micro_dollars
        case _:
            assert row.state == "estimated" and row.charged >= request.micro_dollars


def assert_that_the_work_is_done(scene: Scene) -> None:
    assert changed_lines(scene.repository) == DIFF
    assert git(scene.repository, "status", "--porcelain") == " M shop/cart.py\n"
    assert scene.provider.mismatches == []


def of_both_wires(names: Iterable[str]) -> pytest.MarkDecorator:
    """The points by turns on one wire and the other."""
    return pytest.mark.parametrize(("name", "wire"), list(zip(names, cycle(WIRES), strict=False)))


@of_both_wires(POINTS)
def test_a_killed_session_goes_on_and_finishes_and_no_spend_is_lost(
    name: str, wire: WireName, scene_of: SceneOf
) -> None:
    with ScriptedProvider(scenario(*STEPS)) as provider:
        scene = scene_of(provider, wire)
        killed = killed_at(scene, POINTS[name])
        assert scene.running.wait().code == -signal.SIGKILL
        was_done = scene.logged('"stop": "end"')
        done = finished(scene)
        assert "Traceback" not in done.err
        if was_done:
            assert done.code == 2 and FINISHED in done.err + done.out
        else:
            assert (done.code, done.result["reason"]) == (0, "done"), done.last_words
            assert done.result["text"] == LAST["text"]
        assert_that_the_work_is_done(scene)
        assert_that_no_spend_is_lost(scene, killed)
        assert load_events(scene.log)[1] == 0


TORN = (
    "when the session has begun",
    "when the prompt is written",
    "when the first reply is written",
    "when it has ended",
    "when all three have begun",
    "when the second has",
    "when the edit's result is written",
    "when the command's result is written",
)


@of_both_wires(TORN)
def test_a_torn_last_line_costs_that_line_and_no_more(name: str, wire: WireName, scene_of: SceneOf) -> None:
    with ScriptedProvider(scenario(*STEPS)) as provider:
        scene = scene_of(provider, wire)
        killed = killed_at(scene, POINTS[name])
        tear(scene.log)
        done = finished(scene)
        assert (done.code, done.result["reason"]) == (0, "done"), done.last_words
        assert_that_the_work_is_done(scene)
        assert_that_no_spend_is_lost(scene, killed)
        assert load_events(scene.log)[1] == 1


def tear(log: Path) -> None:
    """Takes the second half of the last line away."""
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(lines[:-1]) + lines[-1][: len(lines[-1]) // 2])


SUMMARY = "The user wants a failing test fixed: shop/cart.py rounds line by line."
CONDENSING = scenario(*STEPS) | {
    "lanes": [
        {
            "match_system": "You condense",
            "steps": [say(SUMMARY, pace=0.008, chunk=4, first_delay=0.05)],
        },
        {"match": "<summary>", "steps": [{}, *STEPS[2:]]},  # the reply before it was kept
        {"steps": STEPS},
    ],
    "faults": [{"request": 3, "kind": "context_overflow"}],
}
WHILE_CONDENSING: dict[str, Point] = {
    "when the summary was asked for": arrived(4),
    "when the summary is paid": logged("spent", 4),
    "when the conversation is condensed": logged("condensed"),
    "when it is condensed and has gone on": arrived(5),
}


@of_both_wires(WHILE_CONDENSING)
def test_a_session_killed_while_it_is_condensed_goes_on(name: str, wire: WireName, scene_of: SceneOf) -> None:
    with ScriptedProvider(CONDENSING) as provider:
        scene = scene_of(provider, wire)
        killed = killed_at(scene, WHILE_CONDENSING[name])
        done = finished(scene)
        assert (done.code, done.result["reason"]) == (0, "done"), done.last_words
        assert_that_the_work_is_done(scene)
        assert_that_no_spend_is_lost(scene, killed)


def test_a_session_killed_while_it_waits_for_another_try_goes_on(scene_of: SceneOf) -> None:
    faults = [{"request": 2, "kind": "rate_limit", "retry_after": 5}]
    with ScriptedProvider(scenario(*STEPS) | {"faults": faults}) as provider:
        scene = scene_of(provider, "openai")
        killed = killed_at(scene, logged("retrying"))
        done = finished(scene)
        assert (done.code, done.result["reason"]) == (0, "done"), done.last_words
        assert_that_the_work_is_done(scene)
        assert_that_no_spend_is_lost(scene, killed)


def test_no_process_of_a_command_outlives_a_killed_kcode(scene_of: SceneOf) -> None:
    command = "sleep 61 & (setsid nohup sleep 62 &) ; trap '' TERM; echo begun; while true; do sleep 63; done"
    with ScriptedProvider(scenario(call("shell", command=command), say("Stopped."))) as provider:
        scene = scene_of(provider, "anthropic")
        killed_at(scene, told("output_arrived"))
        until(lambda: processes_of(scene) == [], seconds=3)
        assert finished(scene).result["text"] == "Stopped."


def processes_of(scene: Scene) -> list[str]:
    """What still runs of all that was started with this home."""
    mine = []
    for process in psutil.process_iter(["name"]):
        with suppress(psutil.Error):
            if process.environ().get("KCODE_HOME") == str(scene.home):
                mine.append(process.info["name"])
    return mine

"""The orchestrated job: a plan, two coders side by side in worktrees, a debugger, merging; and what may go wrong."""

import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kcode.events import TaskEnded, TaskStarted
from kcode.paths import data_dir
from kcode.scripted import ScriptedProvider, shared_prefix
from kcode.spend.ledger import Ledger
from tests.playing import DOLLARS, WIRES, WireName, call, calls, playing, say, settings_for
from tests.running import Forker, Json, Running, environment, until

BIG, SMALL = "planner", "coder"
CHEAP = {"input": "0.30", "output": "1.20", "cached": "0.03", "stored": "0.375", "stored_1h": "0.60"}
MODELS = (f"scripted/{BIG}", f"code=scripted/{SMALL}", f"debug=scripted/{SMALL}")


def task(mode: str, message: str, **more: Any) -> Json:
    return call("delegate", mode=mode, message=message, **more)


def script(pace: float = 0.0) -> dict[str, Any]:
    lanes = {
        "PLAN": [
            calls(
                task("code", "PARSER: write parser.py", expected="the names of the functions"),
                task("code", "WRITER: write writer.py"),
            ),
            task("debug", "CHECK: run both", files=["parser.py", "writer.py"]),
            say("All three parts are done."),
        ],
        "CHECK": [call("shell", command="cat parser.py writer.py"), say("Both run.", pace=pace)],
        "WRITER": [
            call("write", path="writer.py", text="def write() -> None: ...\n"),
            call("todo", items=[{"text": "docs", "state": "open"}]),
            say("write()", pace=pace),
        ],
        "PARSER": [
            call("read", path="README.md"),
            call("write", path="parser.py", text="def parse() -> None: ...\n"),
            say("word " * 60 + "parse()", pace=pace),
        ],
    }
    return {
        "lanes": [{"match": match, "steps": steps} for match, steps in lanes.items()],
        "prices": {BIG: DOLLARS, SMALL: CHEAP},
    }


def prices() -> tuple[str, ...]:
    rates = ", ".join(f"{name}={value}" for name, value in CHEAP.items())
    dear = ", ".join(f"{name}={value}" for name, value in DOLLARS.items())
    return (f'prices."scripted/{SMALL}"={{{rates}}}', f'prices."scripted/{BIG}"={{{dear}}}')


@pytest.mark.parametrize("wire", WIRES)
async def test_plan_code_side_by_side_debug_and_merge(repository: Path, wire: WireName) -> None:
    before = (repository / ".git/index").read_bytes()
    options = {"mode": "orchestrator", "models": MODELS, "set": prices()}
    with playing(script(), repository, wire, **options) as play:  # type: ignore[arg-type]
        assert await play.session.prompt("PLAN") == "All three parts are done."
        assert play.provider.mismatches == []
        assert {p.name for p in repository.glob("*er.py")} == {"parser.py", "writer.py"}
        assert (repository / ".git/index").read_bytes() == before
        started = {event.task: event for event in play.told(TaskStarted)}
        assert {id: one.mode for id, one in started.items()} == {"1": "code", "2": "code", "3": "debug"}
        assert started["1"].folder != started["2"].folder and started["3"].folder == ""
        assert {event.task: event.outcome for event in play.told(TaskEnded)} == dict.fromkeys(
            ("main", "1", "2", "3"), "done"
        )
        rows = play.started.ledger.rows(session=play.session.id)
        billed = Counter[str]()
        for row in play.provider.invoice:
            billed[row.model] += row.micro_dollars or 0
        counted = Counter[str]()
        for one in rows:
            counted[one.model.removeprefix("scripted/")] += one.charged or 0
        assert counted == billed and set(billed) == {BIG, SMALL}
        assert {one.task: one.mode for one in rows} == {
            "main": "orchestrator", "1": "code", "2": "code", "3": "debug"
        }  # fmt: skip
        for model in (BIG, SMALL):
            first, *later = (r for r in play.provider.requests if r.model == model)
            assert all(request.body["tools"] == first.body["tools"] for request in later)
            assert all(shared_prefix(first, request) > 0.5 for request in later)


@pytest.mark.parametrize("wire", WIRES)
async def test_the_budget_of_the_tree_holds(repository: Path, wire: WireName) -> None:
    for dollars in ("0.012", "0.02", "0.05"):
        options = {"mode": "orchestrator", "models": MODELS, "set": (*prices(), f"budget.session={dollars}")}
        with playing(script(), repository, wire, **options) as play:  # type: ignore[arg-type]
            try:
                await play.session.prompt("PLAN")
            except Exception as error:
                assert type(error).__name__ == "OverBudget"
            spent = sum(row.micro_dollars or 0 for row in play.provider.invoice)
            assert spent == play.billed <= float(dollars) * 1_000_000


@dataclass(slots=True)
class Machine:
    forker: Forker
    provider: ScriptedProvider
    folder: Path
    home: Path

    def start(self, *arguments: str, stdin: bytes = b"") -> Running:
        flags = [*(part for one in (*settings_for(self.provider), *prices()) for part in ("--set", one))]
        models = [part for model in MODELS for part in ("-m", model)]
        return self.forker.start(
            "run", "--json", "--yolo", *flags, *models, *arguments,
            cwd=self.folder, env=environment(self.home), stdin=stdin,
        )  # fmt: skip


@pytest.fixture
def machine(forker: Forker, repository: Path, kcode_home: Path) -> Iterator[Machine]:
    with ScriptedProvider(script(pace=0.02)) as provider:
        yield Machine(forker, provider, repository, kcode_home)


def told(running: Running, kind: str) -> list[Json]:
    return [line for line in running.told() if line["type"] == kind]


def charged(session: str) -> int:
    ledger = Ledger(data_dir() / "ledger.sqlite3")
    try:
        return sum(row.charged or 0 for row in ledger.rows(session=session))
    finally:
        ledger.close()


def test_killed_in_the_middle_it_goes_on_with_what_its_tasks_had_done(machine: Machine) -> None:
    first = machine.start("--mode", "orchestrator", "PLAN")
    until(lambda: any(one["name"] == "write" and one["task"] == "1" for one in told(first, "tool_started")))
    until(lambda: first.has_told("text_arrived"))
    first.send(signal.SIGKILL)
    first.wait()
    again = machine.start("-c").wait()
    assert again.code == 0, again.last_words
    heard = next(r.raw for r in reversed(machine.provider.requests) if r.model == BIG)
    assert b"cut off, partial" in heard and b"Task 1: " in heard and b"parser.py +1 -0" in heard
    session = again.result["session"]
    assert charged(session) >= sum(row.micro_dollars or 0 for row in machine.provider.invoice)


def test_the_whole_tree_is_cancelled_by_a_signal(machine: Machine) -> None:
    running = machine.start("--mode", "orchestrator", "PLAN")
    until(lambda: running.has_told("text_arrived", times=5))
    running.send(signal.SIGINT)
    ended = running.wait(timeout=10)
    assert ended.code == 130, ended.last_words
    outcomes = {line["task"]: line["outcome"] for line in told(running, "task_ended")}
    assert outcomes["main"] == "cancelled" and "cancelled" in (outcomes["1"], outcomes.get("2"))

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from kcode.agent.guard.guard import Guard
from kcode.agent.guard.signs import BABBLE
from kcode.events import MAIN, Event, MessageAdded, Spend, Spent, TextArrived
from kcode.messages import Change, Prompt, Reply, ToolCall, ToolResult

Act = tuple[str, dict[str, Any], str, bool, bool]
Step = tuple[Sequence[Act], str, int]


def act(name: str, result: str = "ok", /, *, ok: bool = True, changed: bool = False, **arguments: Any) -> Act:
    return name, arguments, result, ok, changed


def step(*acts: Act, text: str = "", cost: int = 10_000) -> Step:
    return acts, text, cost


def read(path: str, result: str | None = None, **more: Any) -> Act:
    return act("read", f"text of {path}" if result is None else result, path=path, **more)


def missing(path: str) -> Act:
    return act("read", f"There is no {path}.", ok=False, path=path)


def search(pattern: str, result: str = "No match in 40 files.") -> Act:
    return act("search", result, pattern=pattern)


def edit(path: str, old: str, new: str) -> Act:
    return act("edit", f"{path}: 1 place changed.", changed=True, path=path, edits=[{"old": old, "new": new}])


def write(path: str, text: str) -> Act:
    return act("write", f"{path} written.", changed=True, path=path, text=text)


def shell(command: str, result: str = "done", *, ok: bool = True) -> Act:
    return act("shell", result, ok=ok, command=command)


def failing(count: int = 1, seconds: float = 0.1) -> Act:
    return shell("pytest -q", f"FAILED test_a\n{count} failed in {seconds}s\n[exit code 1]", ok=False)


def events(steps: Sequence[Step]) -> list[Event]:
    told: list[Event] = []
    for number, (acts, text, cost) in enumerate(steps):
        spent = Spent(
            task=MAIN, request="r", purpose="chat", mode="code", model="m/m", spend=Spend(micro_dollars=cost)
        )
        calls = tuple(
            ToolCall(id=f"c{number}-{i}", name=one[0], arguments=json.dumps(one[1]))
            for i, one in enumerate(acts)
        )
        told += [spent, MessageAdded(task=MAIN, message=Reply(text=text, calls=calls))]
        for call, (_, arguments, result, ok, changed) in zip(calls, acts, strict=True):
            change = Change(path=str(arguments.get("path", "x")), diff="", added=1, removed=1)
            changes = (change,) if changed else ()
            message = ToolResult(call_id=call.id, text=result, ok=ok, changes=changes)
            told.append(MessageAdded(task=MAIN, message=message))
    return told


def watched(steps: Sequence[Step]) -> tuple[int, str]:
    """After which step the guard spoke, and what it said; 0 when it did not."""
    guard = Guard(MAIN)
    for number, one in enumerate(steps, start=1):
        for event in events([one]):
            guard(event)
        if words := guard.trouble():
            return number, words
    return 0, ""


def mixed(*groups: Callable[[int], Step], times: int) -> list[Step]:
    return [group(i) for i in range(times) for group in groups]


LONG = "I will now look at the configuration once more, because the error may well come from there. " * 2

LOOPS: dict[str, list[Step]] = {
    "the same read again and again": [step(read("a.py"))] * 6,
    "the same failing call": [step(act("edit", "old is not in a.py", ok=False, path="a.py"))] * 4,
    "the same command with the same output": [step(shell("ls src"))] * 6,
    "a test run again and again with nothing between": [step(failing(seconds=i / 10)) for i in range(6)],
    "two steps in turn": mixed(lambda i: step(read("a.py")), lambda i: step(search("x", "a.py:1")), times=5),
    "three steps in turn": mixed(
        lambda i: step(read("a.py")), lambda i: step(read("b.py")), lambda i: step(shell("ls")), times=5
    ),
    "edits that undo each other": mixed(
        lambda i: step(edit("a.py", "1", "2")), lambda i: step(edit("a.py", "2", "1")), times=5
    ),
    "edits that undo each other with a test between": mixed(
        lambda i: step(edit("a.py", "1", "2")),
        lambda i: step(failing()),
        lambda i: step(edit("a.py", "2", "1")),
        lambda i: step(failing()),
        times=4,
    ),
    "made-up paths": [step(missing(f"src/helper{i}.py")) for i in range(9)],
    "made-up paths in different folders": [step(missing(f"{name}/main.py")) for name in "abcdefghij"],
    "made-up tools": [
        step(act(f"tool_{i}", f"There is no tool 'tool_{i}'. The tools are: read.", ok=False))
        for i in range(9)
    ],
    "made-up symbols": [step(search(f"class Maker{i}")) for i in range(12)],
    "arguments that are wrong each time": [
        step(act("edit", f"Wrong arguments for edit: path: {i}", ok=False, paht=str(i))) for i in range(10)
    ],
    "the same files in another order": [
        step(read(f"{name}.py")) for name in "abcde" + "ecabd" + "badce" + "dacbe"
    ],
    "todos and nothing else": [step(act("todo", "1 open.", items=[f"plan {i}"])) for i in range(7)],
    "talking to itself by echo": [
        step(shell(f"echo 'thinking about part {i}'", f"part {i}")) for i in range(7)
    ],
    "the same question": [step(act("ask", f"answer {i}", question="May I?")) for i in range(5)],
    "a file written whole over and over": [step(write("a.py", f"version {i}")) for i in range(7)],
    "the same speech before each look": [step(read(f"{i}.py"), text=LONG) for i in range(5)],
    "the same task delegated": [
        step(act("delegate", f"failed, attempt {i}", ok=False, mode="code", message="do it"))
        for i in range(4)
    ],
    "modes to and fro": [
        step(act("switch_mode", f"now {mode}", mode=mode))
        for mode in ("code", "ask", "code", "ask", "code", "ask")
    ],
    "many steps and much of it twice": [step(read(f"{(i * 7) % 13}.py", f"v{i}")) for i in range(40)],
    "costs that soar": [step(read(f"{i}.py"), cost=20_000) for i in range(10)]
    + [step(shell(f"make part{i}", f"part {i}"), cost=900_000) for i in range(4)],
    "the same edit applied again and again": [step(edit("a.py", "x", "x x"))] * 6,
    "everything fails": [step(shell(f"do-{i}", f"error {i}", ok=False)) for i in range(11)],
}


@pytest.mark.parametrize("name", LOOPS)
def test_a_runaway_is_noticed(name: str) -> None:
    number, words = watched(LOOPS[name])
    assert number, name
    assert words.startswith("It seems to go in circles: ")


def numbered(make: Callable[[int], Step], count: int) -> list[Step]:
    return [make(i) for i in range(count)]


FINE: dict[str, list[Step]] = {
    "a test run after each edit": mixed(
        lambda i: step(edit("a.py", f"{i}", f"{i + 1}")), lambda i: step(failing(20 - i)), times=15
    ),
    "a test that fails the same way after a few edits": mixed(
        lambda i: step(edit("a.py", f"{i}", f"{i + 1}")), lambda i: step(failing()), times=8
    ),
    "an audit of fifty files": numbered(lambda i: step(read(f"src/{i}.py")), 50),
    "one long file in parts": numbered(lambda i: step(read("big.py", f"part {i}", offset=i * 400)), 40),
    "many searches that find something": numbered(lambda i: step(search(f"name{i}", f"a.py:{i}: x")), 30),
    "a few searches that find nothing": [step(search(f"name{i}")) for i in range(5)] + [step(read("a.py"))],
    "searches that find nothing between reads": mixed(
        lambda i: step(search(f"name{i}")), lambda i: step(read(f"{i}.py")), times=10
    ),
    "the same edit in many files": numbered(lambda i: step(edit(f"{i}.py", "old", "new")), 30),
    "many edits of one file": numbered(lambda i: step(edit("a.py", f"old{i}", f"new{i}")), 25),
    "lint after each edit, always clean": mixed(
        lambda i: step(edit(f"{i}.py", "a", "b")),
        lambda i: step(shell("ruff check", "All checks passed!")),
        times=12,
    ),
    "git status after each edit": mixed(
        lambda i: step(edit(f"{i}.py", "a", "b")),
        lambda i: step(shell("git status", f"{i} changed")),
        times=12,
    ),
    "a job that is waited for": numbered(
        lambda i: step(act("job", "[job 1 is running]", id="1", wait=30)), 20
    ),
    "a build that is polled with sleep": numbered(
        lambda i: step(shell("sleep 10; tail -1 build.log", "building")), 20
    ),
    "a server that is waited for": numbered(
        lambda i: step(shell("sleep 2; curl -s localhost:8000", "refused", ok=False)), 10
    ),
    "todos kept while working": mixed(
        lambda i: step(act("todo", f"{i} done.", items=[f"{i}"])),
        lambda i: step(edit(f"{i}.py", "a", "b")),
        times=12,
    ),
    "a file read again after it was changed": mixed(
        lambda i: step(edit("a.py", f"{i}", f"{i + 1}")), lambda i: step(read("a.py", f"text {i}")), times=12
    ),
    "the same short words each time": numbered(lambda i: step(read(f"{i}.py"), text="Next file."), 30),
    "a bisection": numbered(
        lambda i: step(shell(f"git bisect {'good' if i % 2 else 'bad'}", f"{2 ** (12 - i)} revisions left")),
        12,
    ),
    "two reads of the same file": [
        step(read("a.py")),
        step(read("b.py")),
        step(read("a.py")),
        step(read("b.py")),
    ],
    "a failed edit, a read, a better edit": [
        step(act("edit", "old is not in a.py", ok=False, path="a.py", n=1)),
        step(read("a.py")),
        step(edit("a.py", "1", "2")),
        step(failing()),
    ],
    "two failures of the same call": [step(missing("a.py")), step(missing("a.py")), step(read("b.py"))],
    "several missing paths, then the right one": [step(missing(f"{i}.py")) for i in range(4)]
    + [step(read("x.py"))],
    "tests that fail one after another": numbered(
        lambda i: step(shell(f"pytest test_{i}.py", f"test_{i} failed", ok=False)), 6
    ),
    "the whole suite before and after": [
        step(failing()),
        step(read("a.py")),
        step(failing()),
        step(edit("a.py", "1", "2")),
        step(shell("pytest -q", "3 passed")),
        step(shell("pytest -q", "3 passed")),
    ],
    "commands that print nothing": numbered(lambda i: step(shell(f"mv {i} {i}.bak", "[no output]")), 20),
    "files made by the shell": numbered(lambda i: step(shell(f"cp a {i}", "[no output]")), 25),
    "a new file written, tested, and written again": mixed(
        lambda i: step(write("a.py", f"v{i}")), lambda i: step(failing(9 - i)), times=8
    ),
    "different files written in a row": numbered(lambda i: step(write(f"{i}.py", "x")), 20),
    "tasks delegated one after another": numbered(
        lambda i: step(act("delegate", f"did {i}", mode="code", message=f"part {i}")), 15
    ),
    "a hand-over and back": [
        step(act("switch_mode", "now code", mode="code")),
        step(edit("a.py", "1", "2")),
        step(act("switch_mode", "now debug", mode="debug")),
        step(failing()),
        step(act("switch_mode", "now code", mode="code")),
    ],
    "different questions": numbered(lambda i: step(act("ask", "yes", question=f"And {i}?")), 8),
    "costs that grow with the conversation": numbered(
        lambda i: step(read(f"{i}.py"), cost=10_000 + 8_000 * i), 40
    ),
    "one dear step": [step(read(f"{i}.py"), cost=20_000) for i in range(12)]
    + [step(shell("make"), cost=3_000_000)]
    + [step(read(f"x{i}.py"), cost=30_000) for i in range(5)],
    "a plan of echoes for headings, with work": mixed(
        lambda i: step(shell(f"echo part {i}", f"part {i}")), lambda i: step(read(f"{i}.py")), times=10
    ),
    "grep for the same word in many folders": numbered(
        lambda i: step(act("search", f"{i}/a.py:1", pattern="x", path=f"{i}")), 15
    ),
    "a flaky test run thrice": [step(failing(i)) for i in (1, 2, 1)],
    "migrations generated one by one": numbered(
        lambda i: step(shell(f"make migration n={i}", f"made 00{i}")), 15
    ),
    "parallel reads": numbered(lambda i: step(*(read(f"{i}-{n}.py") for n in range(6))), 12),
    "the log tailed while it grows": numbered(lambda i: step(shell("tail -5 log", f"line {i}")), 20),
}


@pytest.mark.parametrize("name", FINE)
def test_honest_repetition_is_left_alone(name: str) -> None:
    assert watched(FINE[name]) == (0, ""), name


def test_there_are_enough_of_both() -> None:
    assert len(LOOPS) >= 15 and len(FINE) >= 30


def test_it_says_what_it_has_cost_in_vain() -> None:
    steps = [step(edit("a.py", "1", "2")), *[step(shell("ls src"), cost=155_000)] * 6]
    _, words = watched(steps)
    assert "shell was called 4 times" in words and "$0.62" in words and "nothing changed" in words


def test_the_users_word_makes_it_begin_anew() -> None:
    guard = Guard(MAIN)
    for event in events([step(read("a.py"))] * 3):
        guard(event)
    guard(MessageAdded(task=MAIN, message=Prompt(text="go on")))
    for event in events([step(read("a.py"))] * 3):
        guard(event)
    assert guard.trouble() == ""


def test_what_other_tasks_do_is_theirs() -> None:
    guard = Guard("1")
    for event in events([step(read("a.py"))] * 9):
        guard(event)
    assert guard.trouble() == ""


def streamed(text: str, size: int = 40) -> bool:
    guard = Guard(MAIN)
    for start in range(0, len(text), size):
        guard(TextArrived(task=MAIN, text=text[start : start + size]))
        if guard.babbles():
            return True
    return False


@pytest.mark.parametrize(
    "piece", ["I will check the file again. ", "no ", "Wait, let me think.\n\n", "a = a + 1\n"]
)
def test_a_stream_that_repeats_itself_is_noticed(piece: str) -> None:
    assert streamed("Let me see. " + piece * (4 * BABBLE // len(piece)))


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(f"row {i} | {i * 7} | value" for i in range(2_000)),
        "-" * 9_000,
        " " * 9_000,
        "\n".join(f"def function_{i}() -> int:\n    return {i}\n" for i in range(500)),
        "| a | b |\n" + "|---|---|\n" * 3 + "\n".join(f"| {i} | x |" for i in range(900)),
    ],
)
def test_a_long_regular_text_is_left_alone(text: str) -> None:
    assert not streamed(text)

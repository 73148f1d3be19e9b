import json

import pytest

from kcode.events import MessageAdded
from kcode.messages import Reply, ToolCall, ToolResult
from kcode.spend.checks import Checks, check


def shell(command: str, id: str = "1", task: str = "main") -> MessageAdded:
    call = ToolCall(id=id, name="shell", arguments=json.dumps({"command": command}))
    return MessageAdded(task=task, message=Reply(calls=(call,)))


def result(ok: bool, id: str = "1", task: str = "main") -> MessageAdded:
    return MessageAdded(task=task, message=ToolResult(call_id=id, text="", ok=ok))


@pytest.mark.parametrize(
    "command",
    [
        "pytest -q",
        "cd a && .venv/bin/pytest",
        "make test",
        "npm run lint",
        "cargo test",
        "python -m unittest -v",
    ],
)
def test_what_runs_tests_proves_something(command: str) -> None:
    assert check(json.dumps({"command": command})) == command


@pytest.mark.parametrize(
    "arguments", ['{"command": "ls"}', '{"command": 7}', "[1]", "{", "", '{"path": "pytest"}']
)
def test_anything_else_does_not(arguments: str) -> None:
    assert check(arguments) == ""


def test_the_last_time_counts_and_tasks_may_use_the_same_ids() -> None:
    checks = Checks()
    for event in (shell("pytest"), result(False), shell("pytest"), shell("make  test", task="1")):
        checks(event)
    checks(result(True))
    checks(result(False, task="1"))
    assert list(checks.told()) == ["`pytest` passed", "`make test` failed"]

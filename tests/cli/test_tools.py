import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from kcode.cli.tools import command
from kcode.errors import BadInput, KcodeError, NeedsApproval
from kcode.tools.tool import installed_tools

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def tools(*arguments: str, exit_code: int = 0) -> str:
    done = CliRunner().invoke(command, list(arguments), catch_exceptions=False, standalone_mode=False)
    assert (done.return_value or 0) == exit_code
    return done.output


def test_every_tool_is_listed_with_its_group_and_cost() -> None:
    lines = [line.split() for line in tools("list").splitlines()]
    assert [line[0] for line in lines[:-1]] == list(installed_tools())
    assert sum(int(line[2]) for line in lines[:-1]) == int(lines[-1][1])


def test_a_tool_is_shown_as_a_model_gets_it() -> None:
    assert json.loads(tools("show", "read")) in installed_tools().schemas()
    with pytest.raises(BadInput, match="The tools are"):
        tools("show", "reed")


def test_a_reader_runs_in_this_folder_without_asking(here: Path) -> None:
    (here / "a.txt").write_text("blue whale\n")
    assert "blue whale" in tools("run", "read", '{"path": "a.txt"}')


@pytest.mark.parametrize(
    ("name", "arguments"), [("reed", "{}"), ("read", "{"), ("read", "[]"), ("read", '{"path": "nowhere"}')]
)
def test_what_a_model_would_be_told_is_told_to_the_user(name: str, arguments: str) -> None:
    with pytest.raises(KcodeError):
        tools("run", name, arguments)


def test_what_must_be_asked_is_not_run_where_nobody_can_answer(here: Path) -> None:
    with pytest.raises(NeedsApproval, match="--permission-mode auto"):
        tools("run", "shell", '{"command": "touch made"}')
    assert not (here / "made").exists()


def test_a_command_that_fails_has_an_exit_code_of_its_own(here: Path) -> None:
    output = tools("run", "--yolo", "shell", '{"command": "echo blue whale; exit 3"}', exit_code=1)
    assert "blue whale" in output


@pytest.mark.parametrize(("answer", "is_made"), [("y\n", True), ("n\n", False)])
def test_on_a_terminal_the_call_is_shown_and_the_user_asked(here: Path, answer: str, is_made: bool) -> None:
    terminal, end = pty.openpty()
    os.write(terminal, answer.encode())
    done = subprocess.run(
        [sys.executable, "-m", "kcode", "tools", "run", "shell", '{"command": "touch made"}'],
        cwd=here,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=end,
        capture_output=True,
        text=True,
        timeout=60,
    )
    os.close(terminal)
    os.close(end)
    assert "touch made" in done.stderr
    assert (here / "made").exists() is is_made
    assert done.returncode == (0 if is_made else 1)

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from kcode.cli.root import kcode

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_a_script_that_asks_kcode(shell: str) -> None:
    done = CliRunner().invoke(kcode, ["completion", shell])
    assert f"_KCODE_COMPLETE={shell}_complete" in done.output
    assert "kcode" in done.output


def test_another_shell_is_refused() -> None:
    assert CliRunner().invoke(kcode, ["completion", "tcsh"]).exit_code == 2


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("kcode se", {"sessions"}),
        ("kcode config s", {"set"}),
        ("kcode run --max-t", {"--max-turns", "--max-tokens", "--max-time"}),
        ("kcode run --permission-mode e", {"edits"}),
    ],
)
def test_commands_options_and_choices_are_completed(line: str, found: set[str]) -> None:
    asked = {"_KCODE_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(line.split()) - 1)}
    done = subprocess.run(
        [sys.executable, "-c", "from kcode.cli.main import main; main()"],
        cwd=ROOT,
        env={**os.environ, **asked},
        capture_output=True,
        text=True,
    )
    assert {answer.partition(",")[2] for answer in done.stdout.split()} == found


def test_bash_takes_the_script() -> None:
    script = CliRunner().invoke(kcode, ["completion", "bash"]).output
    done = subprocess.run(["bash", "-c", f"{script}\ncomplete -p kcode"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

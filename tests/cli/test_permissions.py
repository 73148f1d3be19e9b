from pathlib import Path

import pytest
from click.testing import CliRunner

from kcode.cli.permissions import command


def checked(*arguments: str) -> str:
    result = CliRunner().invoke(command, ["check", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_every_part_of_a_command_is_shown_with_what_decided(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repository)
    lines = checked("--", "git status | tee /etc/passwd").splitlines()
    assert lines[0] == "ask"
    assert any("git status" in line for line in lines)
    assert any("/etc/passwd" in line for line in lines[1:])


def test_words_are_one_command(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository)
    assert "'a b'" not in checked("--", "echo", "a b")
    assert checked("--", "echo", "a; rm b").splitlines()[0] == "allow"


def test_the_mode_plan_denies_every_command(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository)
    assert checked("--permission-mode", "plan", "--", "make").splitlines()[0] == "deny"

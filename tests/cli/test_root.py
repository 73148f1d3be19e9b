import importlib
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from kcode.cli.root import ALIASES, COMMANDS, kcode
from kcode.errors import BadInput

ROOT = Path(__file__).parents[2]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(kcode, list(arguments))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_table_is_there_and_has_help(name: str) -> None:
    loaded = importlib.import_module(COMMANDS[name].module).command
    assert isinstance(loaded, click.Command)
    assert loaded.help


def test_the_aliases_are_of_commands() -> None:
    assert set(ALIASES.values()) <= set(COMMANDS)
    assert run("stats", "--help").output.replace("stats", "spend") == run("spend", "--help").output


def test_help_fits_a_screen_and_loads_no_command() -> None:
    show = "from kcode.cli.root import kcode; kcode(['--help'], standalone_mode=False)"
    script = f"import sys; {show}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True, text=True
    )
    *lines, modules = done.stdout.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    assert {entry.module for entry in COMMANDS.values()} & set(modules.split()) == {"kcode.cli.root"}
    assert all(f"  {name} " in done.stdout for name in COMMANDS)


def test_alone_it_says_how_to_start() -> None:
    done = run()
    assert done.exit_code == 0
    assert "kcode run" in done.output
    assert "kcode demo" in done.output


@pytest.mark.parametrize("flag", ["--help", "-h", "help"])
def test_help_has_its_usual_names(flag: str) -> None:
    assert run(flag).output.startswith("kcode ")


def test_help_on_a_command_can_be_asked_for_in_front() -> None:
    assert run("help", "trust").output == run("trust", "--help").output


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["sesions"], "sessions"),
        (["model"], "models"),
        (["confg", "list"], "config"),
        (["login"], "auth login"),
        (["--mode", "ask", "spendd"], "spend"),
    ],
)
def test_a_mistyped_command_is_told_and_nothing_is_run(typed: list[str], meant: str) -> None:
    done = run(*typed)
    assert done.exit_code == 2
    assert f"kcode {meant}" in done.output


def test_a_command_behind_options_is_no_prompt() -> None:
    done = run("--mode", "ask", "spend")
    assert done.exit_code == 2
    assert "Put spend first" in done.output


@pytest.mark.parametrize(
    "typed",
    [
        ["fix the bug"],
        ["fix", "the", "bug"],
        ["fix the bug", "--mode", "ask"],
        ["-p", "fix the bug"],
        ["run", "spend"],
        ["exec", "fix"],
    ],
)
def test_words_that_are_no_command_are_a_prompt(typed: list[str], tmp_path: Path) -> None:
    nowhere = str(tmp_path / "nowhere")
    done = run(*typed, "-C", nowhere)
    assert isinstance(done.exception, BadInput)
    assert nowhere in str(done.exception)

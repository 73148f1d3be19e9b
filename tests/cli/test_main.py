import os
import subprocess
import sys
from pathlib import Path

import pytest

import kcode

ROOT = Path(__file__).parents[2]


def run(*arguments: str, cwd: Path = ROOT, script: str = "") -> subprocess.CompletedProcess[str]:
    """kcode as a process; `script` runs before it, in the same interpreter."""
    start = "from kcode.cli.main import main; sys.exit(main())"
    program = f"import sys; sys.argv = {['kcode', *arguments]}\n{script}\n{start}"
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )


FAILING = """
import click, kcode.cli.root as root
@click.command()
def command(): {}
root.Root.get_command = lambda self, context, name: command
"""


@pytest.mark.parametrize("flag", ["--version", "-V"])
def test_the_version_is_one_line(flag: str) -> None:
    done = run(flag)
    assert (done.stdout, done.stderr, done.returncode) == (f"kcode {kcode.__version__}\n", "", 0)


def test_the_module_is_the_program() -> None:
    command = [sys.executable, "-m", "kcode", "--version"]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.startswith("kcode ")


def test_an_error_for_the_user_is_one_sentence_and_its_exit_code() -> None:
    done = run("trust", "nowhere")
    assert (done.stdout, done.stderr, done.returncode) == ("", "kcode: nowhere is no folder.\n", 2)


def test_a_wrong_option_is_told_with_the_nearest_one_and_where_help_is() -> None:
    done = run("run", "--max-turn", "3")
    assert done.returncode == 2
    assert "--max-turns" in done.stderr
    assert "kcode run --help" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_bug_is_kept_in_a_file_of_the_user_alone_without_keys(
    kcode_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_PROVIDER_API_KEY", "blue-whale-1234")
    done = run("spend", script=FAILING.format("raise ValueError('about blue-whale-1234')"))
    assert done.returncode == 1
    assert "this is a bug in kcode (ValueError)" in done.stderr
    assert "Traceback" not in done.stderr
    (report,) = (kcode_home / "state" / "bugs").iterdir()
    assert str(report) in done.stderr
    assert report.stat().st_mode & 0o777 == 0o600
    assert "Traceback" in report.read_text()
    assert "blue-whale-1234" not in report.read_text() + done.stderr


def test_a_bug_is_shown_with_debug() -> None:
    done = run(
        "--debug", "say hello", script=FAILING.format("raise ValueError('oh')").replace("()", "(**rest)", 1)
    )
    assert "Traceback" in done.stderr


def test_a_bug_that_cannot_be_kept_is_told_all_the_same(kcode_home: Path) -> None:
    kcode_home.write_text("not a folder")
    done = run("spend", script=FAILING.format("raise ValueError('oh')"))
    assert done.returncode == 1
    assert "--debug" in done.stderr


def test_a_cancel_from_the_keyboard_has_its_own_exit_code() -> None:
    done = run("spend", script=FAILING.format("raise KeyboardInterrupt"))
    assert (done.stderr.strip(), done.returncode) == ("kcode: cancelled.", 130)


def test_a_reader_who_goes_away_is_no_error() -> None:
    command = f"{sys.executable} -m kcode --help | head -c 0; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout.strip() in ("0", "1")


def test_a_character_that_the_terminal_lacks_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii:strict")
    done = run("spend", script=FAILING.format("print('a … b')"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "a \\u2026 b\n", "")


def test_without_a_standard_output_it_works_all_the_same() -> None:
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m kcode --help >&-"], cwd=ROOT, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")

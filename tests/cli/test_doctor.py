import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kcode.cli.doctor import command
from kcode.settings import user_file
from kcode.trust import trust

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def examined(*arguments: str) -> Result:
    return CliRunner().invoke(command, list(arguments), catch_exceptions=False, standalone_mode=False)


def found(about: str) -> list[tuple[str, str]]:
    """State and text of the findings on one thing."""
    return [(f["state"], f["text"]) for f in json.loads(examined("--json").output) if f["about"] == about]


def test_a_healthy_machine_fails_nowhere() -> None:
    done = examined()
    assert done.return_value == 0
    assert "litellm" in done.output


def test_a_finding_that_is_not_well_says_what_to_do() -> None:
    for finding in json.loads(examined("--json").output):
        assert finding["advice"] or finding["state"] == "ok"


def test_keys_are_told_by_their_source_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    assert found("key") == [("warn", "no provider's key was found")]
    monkeypatch.setenv("ANTHROPIC_API_KEY", "blue-whale-1234")
    assert found("key") == [("ok", "anthropic: environment ANTHROPIC_API_KEY")]
    assert "blue-whale" not in examined().output


def test_wrong_settings_fail_with_the_place(here: Path) -> None:
    user_file().parent.mkdir(parents=True)
    user_file().write_text("[limits]\nturns = 0\n")
    (here / ".kcode").mkdir()
    (here / ".kcode" / "settings.toml").write_text("nonsense")
    states = found("settings")
    assert [state for state, _ in states] == ["fail", "fail"]
    assert "limits.turns" in states[0][1]
    assert examined().return_value == 1


def test_folders_that_cannot_be_used_fail(kcode_home: Path) -> None:
    kcode_home.write_text("a file where the folder should be")
    assert [state for state, _ in found("data")] == ["fail"]


def test_a_folder_that_brings_something_is_told_until_it_is_trusted(here: Path) -> None:
    assert [state for state, _ in found("trust")] == ["ok"]
    (here / ".kcode").mkdir()
    assert [state for state, _ in found("trust")] == ["warn"]
    trust(here)
    assert [state for state, _ in found("trust")] == ["ok"]


def test_a_damaged_ledger_is_told(kcode_home: Path) -> None:
    (kcode_home / "data").mkdir(parents=True)
    (kcode_home / "data" / "ledger.sqlite3").write_text(
        "this is no database, and long enough to be one" * 100
    )
    assert [state for state, _ in found("ledger")] == ["warn"]


def test_programs_that_are_missing_are_told_with_what_is_lost(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "git").write_text("#!/bin/sh\nexit 7\n")
    (here / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(here))
    assert found("rg") == [("warn", "not found: searches are slower")]
    assert found("git")[0][0] == "warn"
    assert "does not work" in found("git")[0][1]


def test_a_file_that_runs_at_every_start_of_python_is_told(tmp_path: Path) -> None:
    machine = tmp_path / "machine"
    venv.create(machine, symlinks=True)
    (packages,) = machine.glob("lib/python3*/site-packages")
    (packages / "paths.pth").write_text(
        f"{ROOT}\n" + "\n".join(path for path in sys.path if "site-packages" in path)
    )
    (packages / "litellm_init.pth").write_text("import os\n")
    (packages / "surprise.pth").write_text("import os\n")
    (packages / "distutils-precedence.pth").write_text("import os\n")
    (packages / "litellm-1.82.8.dist-info").mkdir()
    (packages / "litellm-1.82.8.dist-info" / "METADATA").write_text("Name: litellm\nVersion: 1.82.8\n")
    done = subprocess.run(
        [machine / "bin" / "python", "-m", "kcode", "doctor", "--json"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stderr
    findings = {Path(f["text"].split()[0]).name: f["state"] for f in json.loads(done.stdout)}
    assert findings["litellm_init.pth"] == "fail"
    assert findings["surprise.pth"] == "warn"
    assert findings["1.82.8"] == "fail"
    assert not {"paths.pth", "distutils-precedence.pth"} & set(findings)


def test_the_sandbox_is_named_or_why_there_is_none(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [(state, text)] = found("sandbox")
    assert "no network, for commands in permission mode auto" in text if state == "ok" else "none: " in text
    (here / "elsewhere").mkdir()
    monkeypatch.chdir(here / "elsewhere")
    monkeypatch.setenv("PATH", str(here))
    [(state, text)] = found("sandbox")
    assert state == "warn" and text.startswith("none: ")

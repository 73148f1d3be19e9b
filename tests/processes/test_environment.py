import os
from pathlib import Path

import pytest

from kcode.processes.environment import clean_environment, find_program

SECRETS = (
    "OPENAI_API_KEY ANTHROPIC_API_KEY AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN GITHUB_TOKEN "
    "GITHUB_PAT HF_TOKEN PGPASSWORD MYSQL_PWD_PASSWORD DB_PASSWD GOOGLE_APPLICATION_CREDENTIALS APIKEY my_api_keys "
    "NPM_AUTH SIGNING_PRIVATE_PEM CLIENT_SECRET_2 AZURE_API_KEY_2 GPG_PASSPHRASE"
)
HARMLESS = (
    "HOME PATH SSH_AUTH_SOCK GIT_AUTHOR_NAME XAUTHORITY KEYBOARD_LAYOUT TOKENIZERS_PARALLELISM PYTHONPATH "
    "VIRTUAL_ENV LS_COLORS JAVA_HOME AUTHOR MONKEYS_ARE_FINE DATABASE_URL"
)


@pytest.mark.parametrize("name", SECRETS.split())
def test_what_looks_like_a_secret_is_not_passed_on(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "x")
    assert name not in clean_environment()
    assert clean_environment(keep=[name])[name] == "x"


@pytest.mark.parametrize("name", HARMLESS.split())
def test_what_is_harmless_stays(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "/x")
    assert clean_environment()[name] == "/x"


def test_what_is_dropped_does_not_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://ada:word@host")
    assert "DATABASE_URL" not in clean_environment(drop=["DATABASE_URL"])


def test_no_program_is_looked_for_in_the_folder_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", ".:/usr/bin::bin:/bin:")
    assert clean_environment()["PATH"] == "/usr/bin:/bin"


def test_programs_are_told_that_nobody_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("FORCE_COLOR", "1")
    environment = clean_environment({"MORE": "1"})
    assert environment["TERM"] == "dumb" and environment["GIT_TERMINAL_PROMPT"] == "0"
    assert environment["KCODE"] == environment["MORE"] == "1" and "FORCE_COLOR" not in environment
    assert "TERM" in os.environ and os.environ["TERM"] == "xterm-256color"


def program(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "tool-of-the-test"
    file.write_text("#!/bin/sh\n")
    file.chmod(0o755)
    return file


def test_programs_are_found_outside_of_the_workspace_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, elsewhere = tmp_path / "work", tmp_path / "bin"
    inside, outside = program(workspace / "bin"), program(elsewhere)
    (tmp_path / "links").symlink_to(workspace / "bin")
    monkeypatch.chdir(workspace / "bin")
    entries = ["", ".", str(inside.parent), str(tmp_path / "links"), str(elsewhere)]
    monkeypatch.setenv("PATH", os.pathsep.join(entries))
    assert find_program("tool-of-the-test", workspace) == str(outside)


def test_what_cannot_be_run_is_no_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "bin").chmod(0o644)
    (tmp_path / "bin" / "other-tool").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert find_program("tool-of-the-test", tmp_path / "work") is None
    assert find_program("other-tool", tmp_path / "work") is None

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kcode import keys
from kcode.cli.auth import command
from kcode.errors import BadInput, KcodeError

ROOT = Path(__file__).parents[2]
KEY = "sk-proj-abcdefghijklmnop"


def auth(*arguments: str, piped: str = "") -> Result:
    return CliRunner().invoke(command, arguments, input=piped, catch_exceptions=False)


def test_a_piped_key_is_kept_in_the_file_when_asked_to() -> None:
    done = auth("login", "openai", "--in-file", piped=f"{KEY}\n")
    assert done.output == f"The key of OpenAI (…mnop) is kept in {keys.keys_file()}.\n"
    found = keys.find_key("openai")
    assert found is not None
    assert found.value.get_secret_value() == KEY


def test_a_machine_without_a_keyring_is_told_the_two_ways_before_the_key_is_typed() -> None:
    with pytest.raises(
        KcodeError, match=r"Set OPENAI_API_KEY in the environment.* kcode auth login openai --in-file"
    ):
        auth("login", "openai", piped=f"{KEY}\n")


def test_a_key_in_the_environment_is_told_to_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "another")
    assert (
        "environment OPENAI_API_KEY goes before it" in auth("login", "openai", "--in-file", piped=KEY).stderr
    )
    assert "There is still one: environment OPENAI_API_KEY" in auth("logout", "openai").stderr


@pytest.mark.parametrize("piped", ["", "\n", "two words\n"])
def test_what_is_no_key_is_not_kept(piped: str) -> None:
    with pytest.raises(BadInput, match="nothing was kept"):
        auth("login", "openai", "--in-file", piped=piped)
    assert not keys.keys_file().exists()


def test_whose_key_it_is_must_be_said_in_a_pipe_and_must_be_known() -> None:
    with pytest.raises(BadInput, match="Say whose key"):
        auth("login", piped=KEY)
    with pytest.raises(BadInput, match=r"no provider 'opnai'\. Known are anthropic"):
        auth("login", "opnai", piped=KEY)
    with pytest.raises(BadInput, match="no provider"):
        auth("logout", "opnai")


def test_the_list_shows_where_keys_are_from_and_never_the_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "AIzaSyA1234567890abcdefghijk")
    auth("login", "openai", "--in-file", piped=KEY)
    done = auth("list")
    assert [line.split() for line in done.stdout.splitlines()] == [
        ["openai", "file", "…mnop"],
        ["gemini", "environment", "GEMINI_API_KEY", "…hijk"],
    ]
    assert done.stderr.startswith("! This machine's keyring cannot be used")
    assert KEY not in done.output


def test_without_keys_the_list_says_how_to_keep_one() -> None:
    assert auth("list").stdout == "No key was found. Keep one: kcode auth login\n"


def test_a_key_is_forgotten() -> None:
    auth("login", "openai", "--in-file", piped=KEY)
    assert auth("logout", "openai").output == f"The key of OpenAI is gone from {keys.keys_file()}.\n"
    assert auth("logout", "openai").output == "No key of OpenAI was kept.\n"
    assert keys.find_key("openai") is None


def test_a_key_typed_at_a_terminal_is_not_seen() -> None:
    ours, theirs = pty.openpty()
    script = "from kcode.cli.auth import command; command(['login', 'openai', '--in-file'])"
    process = subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    seen = b""
    while b"unseen" not in seen:
        seen += os.read(ours, 1024)
    os.write(ours, f"{KEY}\n".encode())
    while b"is kept in" not in seen:
        seen += os.read(ours, 1024)
    assert process.wait(10) == 0
    os.close(ours)
    assert KEY.encode() not in seen
    found = keys.find_key("openai")
    assert found is not None
    assert found.value.get_secret_value() == KEY

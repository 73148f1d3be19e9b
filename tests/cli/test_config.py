from pathlib import Path

import pytest
from click.testing import CliRunner

from kcode.cli.config import command
from kcode.errors import BadInput, KcodeError
from kcode.settings import user_file
from kcode.trust import trust


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def config(*arguments: str) -> str:
    done = CliRunner().invoke(command, list(arguments), catch_exceptions=False, standalone_mode=False)
    assert not done.return_value
    return done.output


def is_unset(*arguments: str) -> bool:
    return bool(CliRunner().invoke(command, list(arguments), standalone_mode=False).return_value == 1)


def write(text: str) -> None:
    user_file().parent.mkdir(parents=True, exist_ok=True)
    user_file().write_text(text)


def test_a_value_is_written_beside_comments_that_stay() -> None:
    write('# mine\n[models] # who\ndefault = "a/b"   # the good one\n')
    config("set", "models.code", "c/d")
    assert (
        user_file().read_text() == '# mine\n[models] # who\ndefault = "a/b"   # the good one\ncode = "c/d"\n'
    )


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("limits.turns", "30", "30"),
        ("budget.session", "2.50", "2.5"),
        ("models.default", "anthropic/x", "anthropic/x"),
        ("permissions.allow", '["read", "command(ls)"]', '["read", "command(ls)"]'),
        ("providers.lab.base_url", "http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1"),
        ('prices."lab/qwen"', "{input=0.0, output=1}", None),
        ("profiles.cheap.limits.turns", "3", "3"),
    ],
)
def test_what_was_set_is_got(key: str, value: str, shown: str | None) -> None:
    config("set", key, value)
    assert config("get", key).strip() == shown or shown is None
    assert key in config("list")


def test_a_default_is_got_too() -> None:
    assert config("get", "permissions.mode") == "ask\n"


def test_what_has_no_value_is_told_by_the_exit_code() -> None:
    assert is_unset("get", "budget.session")
    assert is_unset("unset", "budget.session")


def test_a_value_is_taken_out_again() -> None:
    config("set", "limits.turns", "3")
    config("unset", "limits.turns")
    assert is_unset("get", "limits.turns")


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        ("limts.turns", "3", "did you mean limits.turns?"),
        ("providers.lab.base_ulr", "x", "did you mean providers.lab.base_url?"),
        ("limits.turns", "0", "limits.turns"),
        ("limits.turns", "-3", "limits.turns"),
        ("permissions.mode", "anything", "permissions.mode"),
        ("providers.lab.key", "sk-aaaaaaaaaaaaaaaaaaaaaaaa", "providers.lab.key"),
        ("models", "x", "models"),
        ("limits.turns.more", "x", "limits.turns.more"),
        ("a b", "x", "no name of a setting"),
        ("", "x", "no name of a setting"),
    ],
)
def test_nothing_wrong_is_written(key: str, value: str, complaint: str) -> None:
    write("[limits]\nturns = 5\n")
    with pytest.raises(BadInput) as caught:
        config("set", key, value)
    assert complaint in str(caught.value)
    assert "sk-aaa" not in str(caught.value)
    assert user_file().read_text() == "[limits]\nturns = 5\n"


def test_a_file_that_is_no_toml_is_told_and_left_alone() -> None:
    write("[limits\n")
    with pytest.raises(BadInput, match="no valid TOML"):
        config("set", "limits.turns", "3")
    assert user_file().read_text() == "[limits\n"


def test_the_file_stays_the_link_that_it_was(tmp_path: Path) -> None:
    write("")
    dotfiles = tmp_path / "dotfiles.toml"
    user_file().replace(dotfiles)
    user_file().symlink_to(dotfiles)
    config("set", "limits.turns", "3")
    assert user_file().is_symlink()
    assert "turns = 3" in dotfiles.read_text()


def test_a_projects_settings_hold_only_when_the_folder_is_trusted(here: Path) -> None:
    config("set", "--project", "limits.turns", "7")
    assert is_unset("get", "limits.turns")
    trust(here)
    assert config("get", "limits.turns") == "7\n"
    assert str(here / ".kcode" / "settings.toml") in config("list")


def test_a_projects_file_that_leads_out_of_it_is_not_written(here: Path) -> None:
    write("# mine\n")
    (here / ".kcode").mkdir()
    (here / ".kcode" / "settings.toml").symlink_to(user_file())
    with pytest.raises(BadInput, match="out of this folder"):
        config("set", "--project", "limits.turns", "7")
    assert user_file().read_text() == "# mine\n"


def test_the_path_is_told_before_the_file_exists() -> None:
    assert config("path") == f"{user_file()}\n"


def test_all_names_are_listed_with_their_defaults() -> None:
    listed = config("list", "--all").splitlines()
    assert 'permissions.mode = "ask"' in listed
    assert "providers.*.base_url" in listed


def test_an_editor_is_opened_and_its_work_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    editor = tmp_path / "my editor"
    editor.write_text('#!/bin/sh\necho "[limits]\nturns = $1" > "$2"\n')
    editor.chmod(0o755)
    monkeypatch.setenv("VISUAL", f"'{editor}' 12")
    config("edit")
    assert config("get", "limits.turns") == "12\n"
    monkeypatch.setenv("VISUAL", f"'{editor}' none")
    with pytest.raises(BadInput, match="no valid TOML"):
        config("edit")
    monkeypatch.setenv("VISUAL", "no-such-editor")
    with pytest.raises(KcodeError, match=r"\$EDITOR"):
        config("edit")

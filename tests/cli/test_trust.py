from pathlib import Path

import pytest
from click.testing import CliRunner

from kcode.cli.trust import command
from kcode.errors import BadInput
from kcode.trust import is_trusted


def trust(*arguments: str) -> str:
    return CliRunner().invoke(command, list(arguments), catch_exceptions=False, standalone_mode=False).output


def test_this_folder_is_trusted_and_what_it_brings_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".kcode" / "modes").mkdir(parents=True)
    (tmp_path / ".kcode" / "settings.toml").touch()
    (tmp_path / ".kcode" / "modes" / "poet.md").touch()
    (tmp_path / ".claude" / "commands").mkdir(parents=True)
    (tmp_path / ".claude" / "commands" / "review.md").touch()
    said = trust()
    assert is_trusted(tmp_path)
    assert ".kcode/settings.toml, .kcode/modes/poet.md, .claude/commands/review.md" in said


def test_trusted_folders_are_listed_and_revoked(tmp_path: Path) -> None:
    trust(str(tmp_path))
    assert trust("--list").startswith(f"{tmp_path.resolve()}  since 20")
    trust("--revoke", str(tmp_path))
    assert trust("--list") == ""
    with pytest.raises(BadInput, match="not trusted"):
        trust("--revoke", str(tmp_path))

from pathlib import Path

import pytest

from kcode import paths


def test_one_variable_moves_everything(kcode_home: Path) -> None:
    folders = {paths.config_dir(), paths.data_dir(), paths.state_dir()}
    assert {folder.parent for folder in folders} == {kcode_home}
    assert len(folders) == 3


def test_without_it_the_folders_of_the_system_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KCODE_HOME")
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    assert paths.config_dir().name == paths.data_dir().name == paths.state_dir().name == "kcode"


def test_asking_creates_nothing(kcode_home: Path) -> None:
    paths.config_dir(), paths.data_dir(), paths.state_dir()
    assert not kcode_home.exists()


def test_what_is_written_is_private_and_whole(tmp_path: Path) -> None:
    file = tmp_path / "new" / "file"
    paths.write_private(file, "eins – zwei\n")
    paths.write_private(file, "drei\n")
    assert file.read_text() == "drei\n"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert list(file.parent.iterdir()) == [file]


def test_a_write_that_fails_leaves_the_old_text_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        paths.write_private(file, "new \ud800")
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_link_is_kept_and_what_it_names_is_written(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("real")
    paths.write_private(tmp_path / "link", "text")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "text"

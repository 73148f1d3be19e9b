import json
from pathlib import Path

import pytest

from kcode.errors import BadInput, KcodeError
from kcode.trust import is_trusted, revoke, trust, trust_file, trusted_folders


def test_nothing_is_trusted_until_the_user_says_so(tmp_path: Path) -> None:
    assert not is_trusted(tmp_path)
    assert not trust_file().exists()


def test_a_folder_is_trusted_by_its_real_path_whatever_leads_there(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    trust(tmp_path / "link")
    assert is_trusted(tmp_path / "real")
    assert is_trusted(tmp_path / "link")
    assert is_trusted(tmp_path / "real" / ".." / "real")


def test_a_link_that_is_moved_to_another_folder_is_not_trusted(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "theirs").mkdir()
    (tmp_path / "link").symlink_to("mine")
    trust(tmp_path / "link")
    (tmp_path / "link").unlink()
    (tmp_path / "link").symlink_to("theirs")
    assert not is_trusted(tmp_path / "link")


def test_trust_is_not_inherited(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    trust(tmp_path)
    assert not is_trusted(tmp_path / "below")
    assert not is_trusted(tmp_path.parent)


def test_trust_is_revoked_also_when_the_folder_is_gone(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    trust(folder)
    folder.rmdir()
    assert revoke(folder)
    assert not revoke(folder)
    assert trusted_folders() == {}


def test_trusting_again_keeps_the_first_date(tmp_path: Path) -> None:
    trust(tmp_path)
    before = trusted_folders()
    trust(tmp_path)
    assert trusted_folders() == before


def test_the_list_is_the_users_alone(tmp_path: Path) -> None:
    trust(tmp_path)
    assert trust_file().stat().st_mode & 0o777 == 0o600
    assert list(trust_file().parent.iterdir()) == [trust_file()]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"folders": []}', '{"folders": 3}', "{"])
def test_a_list_that_cannot_be_read_trusts_nobody_and_is_not_overwritten(tmp_path: Path, text: str) -> None:
    trust_file().parent.mkdir(parents=True)
    trust_file().write_text(text)
    for use in (is_trusted, trust, revoke):
        with pytest.raises(BadInput, match="cannot be read"):
            use(tmp_path)
    assert trust_file().read_text() == text


def test_what_is_no_folder_is_not_trusted(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no folder"):
        trust(tmp_path / "nowhere")


def test_a_list_that_cannot_be_written_is_told(tmp_path: Path, kcode_home: Path) -> None:
    kcode_home.write_text("a file where the folder should be")
    with pytest.raises(KcodeError):
        trust(tmp_path)


def test_the_list_is_plain_json(tmp_path: Path) -> None:
    trust(tmp_path)
    assert list(json.loads(trust_file().read_text())["folders"]) == [str(tmp_path.resolve())]

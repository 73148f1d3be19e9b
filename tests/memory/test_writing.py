from datetime import date
from pathlib import Path

import pytest

from kcode.errors import BadInput
from kcode.memory.writing import remember, secret_in

TODAY = date.today().isoformat()


def test_what_is_to_be_remembered_is_noted_with_its_date_and_shown_as_a_diff(tmp_path: Path) -> None:
    remember(tmp_path, "the tests need redis\n")
    made = remember(tmp_path, "  releases are\n on Tuesdays ")
    notes = (tmp_path / ".kcode/memory/notes.md").read_text()
    assert notes == f"# Notes\n\n- {TODAY}: the tests need redis\n- {TODAY}: releases are on Tuesdays\n"
    assert (made.path, made.kind) == (".kcode/memory/notes.md", "edited")
    assert made.diff.endswith(f"+- {TODAY}: releases are on Tuesdays\n")


def test_it_goes_to_the_topic_that_it_begins_with(tmp_path: Path) -> None:
    tech = tmp_path / "memory-bank/tech.md"
    tech.parent.mkdir()
    tech.write_text("# Tech\n\nPython.\n")
    assert remember(tmp_path, "tech: we use uv").path == "memory-bank/tech.md"
    assert tech.read_text() == f"# Tech\n\nPython.\n\n- {TODAY}: we use uv\n"
    assert remember(tmp_path, "note: colons are nothing special").path == "memory-bank/notes.md"


@pytest.mark.parametrize(
    "text",
    [
        "the key is sk-" + "a1B2" * 8,
        "password = hunter2hunter2",
        "API_KEY: 'abcdef1234567'",
        "-----BEGIN RSA PRIVATE KEY-----",
        "db is at postgres://app:s3cret@db.local/app",
    ],
)
def test_secrets_are_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no secrets"):
        remember(tmp_path, text)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text",
    [
        "tokens are counted as bytes / 4",
        "the password: is asked for by `kcode auth login`",
        "set api_key = os.environ['KEY']",
        "see https://example.org:8080/a@b",
        "max_tokens: 16000",
    ],
)
def test_words_about_secrets_are_no_secrets(text: str) -> None:
    assert secret_in(text) == ""


def test_nothing_is_not_remembered(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="Say what to remember"):
        remember(tmp_path, "  ")

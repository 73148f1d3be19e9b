import stat
from pathlib import Path

import pytest

from kcode.tui.input.history import KEPT, History


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "history.jsonl"


def loaded(file: Path) -> History:
    history = History(file)
    history.load()
    return history


def said(file: Path, *texts: str) -> History:
    history = loaded(file)
    for text in texts:
        history.add(text)
    return history


def test_what_was_said_is_there_the_next_time(file: Path) -> None:
    said(file, "one", "two\nlines")
    assert loaded(file).entries == ["one", "two\nlines"]


def test_the_file_is_for_its_user_alone(file: Path) -> None:
    said(file, "a secret plan")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_one_walks_back_and_forth_and_finds_the_draft_again(file: Path) -> None:
    history = said(file, "one", "two")
    assert history.older("draft") == "two"
    assert history.older("two") == "one"
    assert history.older("one") is None
    assert history.newer() == "two"
    assert history.newer() == "draft"
    assert history.newer() is None


def test_the_same_again_and_what_begins_with_a_blank_is_not_kept(file: Path) -> None:
    assert said(file, "one", "one", " hidden", "  ").entries == ["one"]


def test_an_entry_that_was_said_twice_is_found_once_where_it_was_said_last(file: Path) -> None:
    said(file, "one", "two", "one")
    assert loaded(file).entries == ["two", "one"]


def test_lines_that_are_broken_are_left_out(file: Path) -> None:
    file.parent.mkdir()
    file.write_text('"good"\n{"no": "text"}\n"torn\n')
    assert loaded(file).entries == ["good"]


def test_the_file_does_not_grow_for_ever(file: Path) -> None:
    file.parent.mkdir()
    file.write_text("".join(f'"{n}"\n' for n in range(2 * KEPT + 1)))
    assert len(loaded(file).entries) == KEPT
    assert len(file.read_text().splitlines()) == KEPT

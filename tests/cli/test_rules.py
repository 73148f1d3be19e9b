import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from kcode.cli.rules import command
from kcode.errors import BadInput


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rules(*arguments: str) -> str:
    return CliRunner().invoke(command, list(arguments), catch_exceptions=False, standalone_mode=False).output


def put(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


def test_every_file_is_listed_with_its_tokens_and_when_it_counts(here: Path) -> None:
    put(here, "AGENTS.md", "Short lines." * 10)
    put(here, "CLAUDE.md", "Long lines.")
    put(here, "pkg/AGENTS.md", "Cents only.")
    put(here, ".clinerules/sql.md", "---\npaths: '*.sql'\n---\nUpper case.")
    put(here, ".kcode/skills/release/SKILL.md", "---\ndescription: how to release\n---\n")
    lines = [line.split() for line in rules("list").splitlines()]
    assert lines[0] == ["on", "39", "AGENTS.md", "in", "every", "request"]
    assert lines[1] == ["off", "12", "CLAUDE.md", "AGENTS.md", "is", "used"]
    assert lines[2] == ["on", "14", ".clinerules/sql.md", "with", "*.sql"]
    assert lines[3][2:] == ["pkg/AGENTS.md", "when", "work", "gets", "there"]
    assert lines[4][2:4] == ["skills", "(SKILL.md)"]
    assert "tokens in every request" in rules("list")


def test_a_file_is_switched_off_and_on_again(here: Path) -> None:
    put(here, "AGENTS.md", "Short lines.")
    rules("off", "AGENTS.md")
    assert json.loads(rules("list", "--json"))[0]["why_off"] == "switched off"
    rules("on", "AGENTS.md")
    assert json.loads(rules("list", "--json"))[0]["on"] is True


def test_the_text_of_one_is_shown(here: Path) -> None:
    put(here, "AGENTS.md", "Short lines.")
    assert rules("show", "AGENTS.md") == "Short lines.\n"
    with pytest.raises(BadInput, match=r"There are: AGENTS\.md"):
        rules("show", "nothing.md")


def test_where_there_are_none_it_says_how_to_begin() -> None:
    assert "kcode init" in rules("list")

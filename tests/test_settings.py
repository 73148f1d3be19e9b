from decimal import Decimal
from pathlib import Path

import pytest

from kcode.errors import BadInput
from kcode.settings import Settings, load, names, parse_assignment, project_file, user_file


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_without_a_file_the_defaults_hold() -> None:
    assert load([user_file()]) == Settings()


def test_later_files_lie_over_earlier_ones_value_by_value(tmp_path: Path) -> None:
    user = written(user_file(), '[models]\ndefault = "a/b"\ncode = "c/d"\n[limits]\nturns = 3\n')
    project = written(project_file(tmp_path), '[models]\ncode = "e/f"\n')
    chosen = load([user, project])
    assert chosen.models == {"default": "a/b", "code": "e/f"}
    assert chosen.limits.turns == 3


def test_a_profile_lies_over_the_files_and_assignments_over_all(tmp_path: Path) -> None:
    file = written(
        tmp_path / "s.toml", "[limits]\nturns = 3\n[profiles.long.limits]\nturns = 30\noutput_tokens = 9\n"
    )
    assert load([file], profile="long").limits.turns == 30
    chosen = load([file], ["limits.turns=300"], profile="long")
    assert (chosen.limits.turns, chosen.limits.output_tokens) == (300, 9)


def test_a_profile_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    file = written(tmp_path / "s.toml", "[profiles.cheap]\n[profiles.long]\n")
    with pytest.raises(BadInput, match="cheap, long"):
        load([file], profile="fast")


def test_money_is_exact(tmp_path: Path) -> None:
    assert load([written(tmp_path / "s.toml", "[budget]\nsession = 0.1\n")]).budget.session == Decimal("0.1")


def test_every_fault_is_told_with_its_place_and_the_nearest_name(tmp_path: Path) -> None:
    file = written(
        tmp_path / "s.toml", '[limits]\nturn = 3\noutput_tokens = 0\n[providers.lab]\nkey = "sk-blue-whale"\n'
    )
    with pytest.raises(BadInput) as caught:
        load([file])
    told = str(caught.value)
    assert str(file) in told
    assert "limits.turn: no such setting; did you mean limits.turns?" in told
    assert "limits.output_tokens" in told
    assert "providers.lab.key" in told
    assert "blue-whale" not in told


@pytest.mark.parametrize("content", [b"[limits\n", b"\xff\xfe", b"a = 1 b"])
def test_a_file_that_is_no_toml_is_told_by_its_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "s.toml").write_bytes(content)
    with pytest.raises(BadInput, match=r"s\.toml"):
        load([tmp_path / "s.toml"])


@pytest.mark.parametrize(
    ("assignment", "values"),
    [
        ("limits.turns=30", {"limits": {"turns": 30}}),
        ("models.code=a/b", {"models": {"code": "a/b"}}),
        ('permissions.allow=["read"]', {"permissions": {"allow": ["read"]}}),
        ('prices."lab/x".input=0.5', {"prices": {"lab/x": {"input": Decimal("0.5")}}}),
        ('models.code=say "hi"', {"models": {"code": 'say "hi"'}}),
    ],
)
def test_an_assignment_is_a_value_or_else_text(assignment: str, values: object) -> None:
    assert parse_assignment(assignment) == values


@pytest.mark.parametrize("assignment", ["limits.turns", "=3", "a b=3", "limits..turns=3"])
def test_an_assignment_that_is_none_is_told(assignment: str) -> None:
    with pytest.raises(BadInput, match="--set"):
        parse_assignment(assignment)


def test_the_names_of_all_settings_are_known() -> None:
    assert {("budget", "session"), ("models", "*"), ("providers", "*", "headers", "*")} <= set(names())

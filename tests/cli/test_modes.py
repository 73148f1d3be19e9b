from pathlib import Path

import pytest
from click.testing import CliRunner

from kcode.cli.modes import command
from kcode.errors import BadInput


def test_the_list_shows_what_each_mode_may_do() -> None:
    output = CliRunner().invoke(command, ["list"]).output
    assert r"edit (only \.md$)" in next(line for line in output.splitlines() if line.startswith("architect"))


def test_a_mode_of_the_user_is_listed_and_a_bad_one_is_skipped_with_a_reason(kcode_home: Path) -> None:
    modes = kcode_home / "config" / "modes"
    modes.mkdir(parents=True)
    (modes / "review.md").write_text("---\ntitle: Review\ngroups: [read]\n---\nYou review.\n")
    (modes / "bad.md").write_text("---\ngroups: [fly]\n---\n")
    result = CliRunner().invoke(command, ["list"])
    assert any(line.startswith("review") for line in result.output.splitlines())
    assert "bad.md is skipped" in result.output and "fly" in result.output


def test_an_unknown_mode_names_the_known_ones() -> None:
    with pytest.raises(BadInput, match="architect, ask, code, debug"):
        CliRunner().invoke(command, ["show", "fly"], catch_exceptions=False)

from pathlib import Path

from kcode.memory.rules import LIMIT, project_rules


def test_agents_md_comes_before_claude_md(tmp_path: Path) -> None:
    (tmp_path / "CLAUDE.md").write_text("second")
    assert project_rules(tmp_path) == '<rules from="CLAUDE.md">\nsecond\n</rules>'
    (tmp_path / "AGENTS.md").write_text("first\n")
    assert project_rules(tmp_path) == '<rules from="AGENTS.md">\nfirst\n</rules>'


def test_no_rules_are_no_text(tmp_path: Path) -> None:
    assert project_rules(tmp_path) == ""
    (tmp_path / "AGENTS.md").write_text("  \n")
    assert project_rules(tmp_path) == ""


def test_rules_that_are_too_long_are_cut_and_say_so(tmp_path: Path) -> None:
    (tmp_path / "AGENTS.md").write_text("x" * (LIMIT + 5))
    text = project_rules(tmp_path)
    assert len(text) < LIMIT + 300
    assert f"has {LIMIT + 5:,} characters" in text


def test_rules_in_another_encoding_are_read(tmp_path: Path) -> None:
    (tmp_path / "AGENTS.md").write_bytes("Grüße".encode("latin-1"))
    assert "Gr" in project_rules(tmp_path)

from pathlib import Path

import pytest

from kcode.errors import BadInput, ToolError
from kcode.modes.mode import load_modes, parse_mode
from kcode.tools.shell import Shell
from kcode.tools.write import Write


def test_the_built_in_modes_load() -> None:
    modes, complaints = load_modes()
    assert sorted(modes) == ["architect", "ask", "code", "debug"]
    assert complaints == []
    assert all(mode.prompt and mode.when_to_use for mode in modes.values())


def test_a_later_folder_overrides_a_mode_by_name(tmp_path: Path) -> None:
    (tmp_path / "code.md").write_text("---\ntitle: Mine\ngroups: [read]\n---\nOnly look.\n")
    modes, _ = load_modes([tmp_path, tmp_path / "missing"])
    assert modes["code"].title == "Mine"
    assert modes["code"].source == str(tmp_path / "code.md")


def test_a_mode_refuses_what_its_groups_lack() -> None:
    ask = load_modes()[0]["ask"]
    with pytest.raises(ToolError, match="Ask mode has no command tools"):
        ask.check(Shell(command="ls"))


def test_a_mode_refuses_edits_of_files_that_its_pattern_does_not_match() -> None:
    architect = load_modes()[0]["architect"]
    architect.check(Write(path="docs/PLAN.md", text=""))
    with pytest.raises(ToolError, match=r"only files that match"):
        architect.check(Write(path="src/app.py", text=""))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("no front matter", "no front matter"),
        ("---\ntitle: [\n---\n", "no YAML"),
        ("---\n- a\n---\n", "no table"),
        ("---\ntitel: x\n---\n", "unknown keys titel"),
        ("---\ngroups: [read, fly]\n---\n", "fly"),
        ("---\ngroups: read\n---\n", "list"),
        ("---\nedits: '('\n---\n", "no regular expression"),
    ],
)
def test_a_bad_mode_says_what_is_wrong(text: str, reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        parse_mode("x", text, "x.md")

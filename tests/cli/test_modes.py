import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kcode import trust
from kcode.cli.modes import command
from kcode.errors import BadInput
from kcode.modes.load import load_modes
from kcode.modes.mode import parse_mode
from kcode.modes.places import projects

ROO = """
customModes:
  - slug: docs
    name: Docs
    roleDefinition: You write docs.
    groups: [read, [edit, {fileRegex: '\\.md'}]]
  - slug: my docs
    name: Bad
    roleDefinition: x
    groups: []
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A trusted folder with a .roomodes of one good and one bad mode; one is in it."""
    (tmp_path / ".roomodes").write_text(ROO)
    trust.trust(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments, catch_exceptions=False)


def line_of(result: Result, mode: str) -> str:
    return next(line for line in result.stdout.splitlines() if line.startswith(f"{mode} "))


def test_the_list_shows_what_each_mode_may_do() -> None:
    assert r"edit (only \.md$)" in line_of(run("list"), "architect")
    assert "read, delegate " in line_of(run("list"), "orchestrator")


def test_the_list_shows_the_models_of_settings_and_files(kcode_home: Path) -> None:
    config = kcode_home / "config"
    (config / "modes").mkdir(parents=True)
    (config / "settings.toml").write_text(
        '[models]\narchitect = "anthropic/claude-opus-4-5"\ndefault = "openai/gpt-5"\n'
        '[fallback]\ncode = ["moonshot/kimi-k2"]\n'
    )
    (config / "modes" / "ask.md").write_text("---\nmodel: deepseek/deepseek-chat\neffort: low\n---\n")
    result = run("list")
    assert "anthropic/claude-opus-4-5" in line_of(result, "architect")
    assert "openai/gpt-5" in line_of(result, "code")
    ask = line_of(result, "ask")
    assert "deepseek/deepseek-chat" in ask and "ask.md (modified)" in ask
    assert "deepseek/deepseek-chat, effort low" in run("show", "ask").stdout
    assert "then     moonshot/kimi-k2" in run("show", "code").stdout


def test_a_mode_of_the_user_is_listed_and_a_bad_one_is_skipped_with_a_reason(kcode_home: Path) -> None:
    modes = kcode_home / "config" / "modes"
    modes.mkdir(parents=True)
    (modes / "review.md").write_text("---\ntitle: Review\ngroups: [read]\n---\nYou review.\n")
    (modes / "bad.md").write_text("---\ngroups: [fly]\n---\n")
    result = run("list")
    assert line_of(result, "review")
    assert "bad.md is skipped" in result.stderr and "fly" in result.stderr


def test_programs_get_all_there_is_to_know() -> None:
    modes = {mode["name"]: mode for mode in json.loads(run("list", "--json").stdout)}
    assert list(modes) == ["orchestrator", "architect", "code", "debug", "ask"]
    assert modes["architect"]["groups"] == ["read", "edit", "outside"]
    assert modes["architect"]["edits"] == r"\.md$"
    assert modes["ask"]["model"] is None and modes["ask"]["overrides"] is False


def test_modes_of_roo_are_listed_in_a_trusted_folder_and_the_bad_one_is_named(project: Path) -> None:
    result = run("list")
    assert ".roomodes !" in line_of(result, "docs")
    assert "'my docs' is skipped" in result.stderr


def test_without_trust_they_are_named_and_not_used(project: Path) -> None:
    trust.revoke(project)
    result = run("list")
    assert "docs" not in result.stdout
    assert ".roomodes: not used, as this folder is not trusted" in result.stderr


def test_show_says_everything_of_a_mode(project: Path) -> None:
    said = run("show", "docs").stdout
    assert said.startswith("Docs (docs)\n") and said.endswith("\n\nYou write docs.\n")
    assert str(project / ".roomodes") in said
    assert "! " in said and "end it with $" in said


def test_an_unknown_mode_names_the_known_ones() -> None:
    with pytest.raises(BadInput, match="architect, ask, code, debug, orchestrator"):
        run("show", "fly")


def test_new_writes_a_mode_that_loads_and_never_over_one_that_is_there(kcode_home: Path) -> None:
    file = kcode_home / "config" / "modes" / "deep-review.md"
    assert str(file) in run("new", "deep-review").stdout
    assert line_of(run("list"), "deep-review")
    file.write_text("mine")
    with pytest.raises(BadInput, match="there already"):
        run("new", "deep-review")
    assert file.read_text() == "mine"


@pytest.mark.parametrize("name", ["../x", "a b", "", ".hidden", "x/y"])
def test_new_takes_no_name_that_is_none(name: str) -> None:
    with pytest.raises(BadInput, match="no name of a mode"):
        run("new", name)


def test_new_for_a_project_says_when_trust_is_missing(project: Path) -> None:
    assert "kcode trust" not in run("new", "a", "--project").stdout
    trust.revoke(project)
    assert "kcode trust" in run("new", "b", "--project").stdout
    assert (project / ".kcode" / "modes" / "b.md").is_file()


def test_import_first_only_says_what_it_would_do(project: Path) -> None:
    result = run("import")
    assert "+ .kcode/modes/docs.md  from .roomodes" in result.stdout
    assert "end it with $" in result.stdout and "'my docs' is skipped" in result.stdout
    assert "--write" in result.stdout
    assert not (project / ".kcode").exists()


def test_import_writes_modes_that_are_then_the_same(project: Path) -> None:
    before = load_modes(projects(project))[0]["docs"]
    run("import", "--write")
    (project / ".roomodes").unlink()
    after = load_modes(projects(project))[0]["docs"]
    assert after == before.model_copy(update={"source": after.source, "notes": ()})


def test_import_writes_over_nothing_without_force(project: Path) -> None:
    run("import", "--write")
    file = project / ".kcode" / "modes" / "docs.md"
    file.write_text("mine")
    assert "stays" in run("import", "--write").stdout
    assert file.read_text() == "mine"
    run("import", "--write", "--force")
    assert parse_mode("docs", file.read_text(), "x").prompt == "You write docs."


def test_import_takes_a_file_from_anywhere_for_the_user(
    tmp_path: Path, kcode_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "export.yaml").write_text(ROO)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    run("import", "../export.yaml", "--write")
    assert (kcode_home / "config" / "modes" / "docs.md").is_file()
    run("import", str(tmp_path / "export.yaml"), "--write", "--project")
    assert (tmp_path / "here" / ".kcode" / "modes" / "docs.md").is_file()


def test_import_takes_another_project_and_a_folder_of_agents(tmp_path: Path) -> None:
    agents = tmp_path / "other" / ".opencode" / "agent"
    (agents / "team").mkdir(parents=True)
    (agents / "team" / "review.md").write_text("---\ndescription: x\n---\nYou review.\n")
    for folder in (tmp_path / "other", agents):
        assert "team-review.md" in run("import", str(folder)).stdout


def test_import_says_when_there_is_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("import").stdout == "There is nothing to import.\n"
    with pytest.raises(BadInput, match="not there"):
        run("import", "gone.yaml")


def test_show_names_the_rules_that_a_project_has_for_the_mode(project: Path) -> None:
    folder = project / ".roo" / "rules-docs"
    folder.mkdir(parents=True)
    (folder / "style.md").write_text("Short sentences.")
    assert ".roo/rules-docs/style.md" in run("show", "docs").stdout
    assert "style.md" not in run("show", "code").stdout

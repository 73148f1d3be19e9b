"""Files with the form of real ones (tests/modes/wild/README.md) load as their authors meant."""

from pathlib import Path

import pytest

from kcode.modes.load import load_modes
from kcode.modes.mode import Mode
from kcode.modes.places import place_of, projects

WILD = Path(__file__).parent / "wild"


def loaded(name: str) -> tuple[dict[str, Mode], list[str]]:
    path = WILD / name
    return load_modes(projects(path) if path.is_dir() else [place_of(path)])


def mode(name: str, slug: str) -> Mode:
    return loaded(name)[0][slug]


ALL = {"read", "edit", "command", "outside", "delegate"}


@pytest.mark.parametrize(
    ("file", "slug", "title", "groups"),
    [
        ("roo-code.roomodes", "test", "🧪 Test", ALL),
        ("roo-code.roomodes", "issue-investigator", "🕵️ Issue Investigator", ALL - {"edit"}),
        ("roo-code.roomodes", "translate", "🌐 Translate", ALL - {"outside"}),
        ("kilocode.kilocodemodes", "architect", "🏗️ Architect", ALL),
        ("kilocode.kilocodemodes", "ask", "❓ Mentor", ALL),
        ("kilo-workflow.kilocodemodes", "code-reviewer", "Code Reviewer", {"read", "outside", "delegate"}),
        ("kilo-prompt.kilocodemodes", "orchestrator", "Orchestrator", {"delegate"}),
        ("dotfiles.custom_modes.yaml", "translator", "🇬🇧 Translator", {"read", "edit", "delegate"}),
        ("roocode-mode.roomodes", "mcp", "♾️ MCP集成", {"edit", "outside", "delegate"}),
        ("roocode-mode.roomodes", "sparc", "⚡️ SPARC协调器", ALL - {"command"}),
        ("workflows.roomodes", "dynamic-rule-manager", "🔄 Dynamic Rule Manager", ALL - {"outside"}),
        ("commander.roomodes", "roo-commander", "👑 Roo Commander", ALL),
        ("opencode", "review", "Review", {"read", "delegate", "outside"}),
        ("opencode", "guard", "Guard", {"read", "delegate", "outside", "command"}),
        ("opencode", "todo", "Todo", {"read", "edit", "delegate", "outside"}),
        ("opencode", "curator", "Curator", {"read", "edit", "outside"}),
        ("opencode", "data-scientist", "Data scientist", ALL - {"edit"}),
        ("opencode", "security", "Security", {"read", "delegate", "outside"}),
        ("kilo", "code-reviewer", "Code reviewer", {"read", "delegate", "outside"}),
        ("kilo", "mamona", "Mamona", {"read", "edit", "outside"}),
        ("kilo", "plain", "Plain", ALL),
    ],
)
def test_names_and_groups_are_those_of_the_author(file: str, slug: str, title: str, groups: set[str]) -> None:
    found = mode(file, slug)
    assert found.title == title and found.groups == groups
    assert found.prompt and found.prompt == found.prompt.strip()


@pytest.mark.parametrize(
    ("file", "slug", "allowed", "refused"),
    [
        (
            "roo-code.roomodes",
            "test",
            ["src/__tests__/a.py", "a.test.tsx", "src/test/x.ts", "vitest.config.ts"],
            ["src/a.ts", "vitest.config.mjs", "a.test.tsx.bak"],
        ),
        ("roo-code.roomodes", "design-engineer", ["a.mdx", "a.md", "x/y.svg"], ["a.py", "a.svg.gz"]),
        (
            "roo-code.roomodes",
            "integration-tester",
            ["apps/vscode-e2e/src/suite/a.ts", "packages/types/src/a.ts"],
            ["packages/types/a.js", "src/a.ts"],
        ),
        (
            "roo-code.roomodes",
            "docs-extractor",
            ["EXTRACTION-a.md", ".roo/docs-extractor/b.md"],
            ["README.md"],
        ),
        ("kilo-workflow.kilocodemodes", "test-engineer", ["a.spec.ts"], ["a.ts", "a_spec.ts"]),
        (
            "kilo-workflow.kilocodemodes",
            "docs-specialist",
            ["README", "docs/CHANGELOG", "a.rst"],
            ["README.html", "a.py"],
        ),
        (
            "dotfiles.custom_modes.yaml",
            "mode-writer",
            [".roomodes", "x/.roo/a.xml", "b.yaml"],
            ["a.xml", "b.yml"],
        ),
        ("roocode-mode.roomodes", "docs-writer", ["文档.md"], ["文档.txt"]),
        (
            "workflows.roomodes",
            "dynamic-rule-manager",
            ["docs/x规范y.md", "config/a.yml", ".roomodes", "rules/a/b.xml"],
            ["docs/x.md", "rules/a.txt", ".roomodes.bak"],
        ),
        ("commander.roomodes", "lead-db", ["a.sql"], ["a.py"]),
        ("incidents.roomodes", "culprit-fixer", ["docs/x.md", "src/a.py"], ["docs/PRD.md"]),
        ("opencode", "todo", ["TODO.md", "a/b/TODO.md"], ["x/NOTODO.md", "TODO.md.py", "src/a.py"]),
        ("opencode", "curator", ["knowledge/a/b.md", "x/knowledge/c"], ["src/knowledge.py", "a.md"]),
        ("kilo", "mamona", [".kilo/results/a.md"], ["src/.kilo/results/a.md", "a.md"]),
    ],
)
def test_what_may_be_edited_is_what_the_author_wrote(
    file: str, slug: str, allowed: list[str], refused: list[str]
) -> None:
    found = mode(file, slug)
    assert [path for path in allowed if not found.may_edit(path)] == []
    assert [path for path in refused if found.may_edit(path)] == []


def test_none_of_the_patterns_is_doubted_without_a_reason() -> None:
    doubted = {
        name: [note for note in found.notes if "nothing ends" in note or "the dot" in note]
        for file in sorted(WILD.glob("*modes*"))
        for name, found in loaded(file.name)[0].items()
    }
    assert {name: notes for name, notes in doubted.items() if notes} == {}


def test_prompt_and_instructions_come_one_after_the_other() -> None:
    prompt = mode("roo-code.roomodes", "test").prompt
    assert prompt.startswith("You look after") and prompt.endswith("of `package.json`")
    assert prompt.index("__mocks__.\n\nWhen writing tests:")
    assert "<question>" in mode("dotfiles.custom_modes.yaml", "coding-teacher").prompt


def test_what_is_said_of_their_use_is_one_line() -> None:
    assert mode("dotfiles.custom_modes.yaml", "translator").when_to_use.endswith(
        "alone, without any explanations."
    )
    verify = mode("opencode", "verify")
    assert verify.when_to_use.startswith("Use this agent") and "\n" not in verify.when_to_use
    assert mode("kilo", "plain").when_to_use.endswith("MUST BE USED: for all code changes.")


def test_built_in_modes_that_they_change_are_marked() -> None:
    modes, _ = loaded("kilocode.kilocodemodes")
    assert [name for name, found in modes.items() if found.overrides] == ["architect", "code", "ask"]


def test_models_and_efforts_are_taken_where_kcode_knows_the_provider() -> None:
    assert mode("kilo", "code-reviewer").model == "mistral/mistral-medium-2604"
    mamona = mode("kilo", "mamona")
    assert (mamona.model, mamona.effort) == ("ollama/qwen3.6:27b", "high")
    curator = mode("opencode", "curator")
    assert curator.model is None and any("opencode/deepseek-v4-flash-free" in note for note in curator.notes)


def test_what_cannot_be_carried_over_is_said() -> None:
    assert any("git push*" in note for note in mode("opencode", "guard").notes)
    assert any("rg *" in note for note in mode("opencode", "security").notes)
    assert any("temperature" in note for note in mode("opencode", "review").notes)


def test_a_settings_file_with_comments_gives_its_agents_and_the_texts_they_name() -> None:
    modes, complaints = loaded("opencode")
    assert complaints == []
    assert "build" not in modes
    assert modes["data-scientist"].prompt == "You know SQL and BigQuery."
    assert modes["security"].prompt == "You look for holes. See https://owasp.org"


def test_groups_that_the_original_refuses_cost_that_mode_alone() -> None:
    modes, complaints = loaded("incidents.roomodes")
    assert "culprit-fixer" in modes and "culprit-tester" not in modes
    assert len(complaints) == 1 and "culprit-tester" in complaints[0] and "execute" in complaints[0]


def test_a_file_of_another_language_is_reported_and_skipped() -> None:
    modes, complaints = loaded("toml.kilocodemodes")
    assert not any(found.overrides for found in modes.values())
    assert len(complaints) == 1 and "neither YAML nor JSON" in complaints[0]

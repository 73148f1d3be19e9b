import json
from pathlib import Path
from textwrap import dedent

import pytest

from kcode.modes.agents import read_agents, read_settings
from kcode.modes.found import Found
from kcode.modes.load import load_modes
from kcode.modes.mode import Mode


def agent(folder: Path, head: str, prompt: str = "You look.", name: str = "review") -> Found:
    file = folder / f"{name}.md"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"---\n{dedent(head).strip()}\n---\n{prompt}\n")
    return read_agents(folder, load_modes()[0])


def one(folder: Path, head: str, prompt: str = "You look.", name: str = "review") -> Mode:
    found = agent(folder, head, prompt, name)
    assert found.complaints == []
    return found.modes[0]


def settings(folder: Path, text: str) -> Found:
    (folder / "opencode.json").write_text(text)
    return read_settings(folder / "opencode.json", load_modes()[0])


ALL = {"read", "edit", "command", "delegate", "outside"}


@pytest.mark.parametrize(
    ("head", "groups"),
    [
        ("description: x", ALL),
        ("permission: deny", set()),
        ("permission: {'*': deny, read: allow}", {"read"}),
        ("permission: {read: allow, '*': deny}", set()),
        ("permission: {edit: deny}", ALL - {"edit"}),
        ("permission: {edit: ask, bash: ask}", ALL),
        ("permission: {bash: {'*': deny, 'git *': allow}}", ALL - {"command"}),
        ("permission: {bash: {'*': ask, 'rm *': deny}}", ALL),
        ("permission: {task: deny, webfetch: deny, websearch: deny}", {"read", "edit", "command"}),
        ("permission: {webfetch: deny}", ALL),
        ("tools: {write: false, edit: false, bash: false}", ALL - {"edit", "command"}),
        ("tools: {'*': false, read: true, grep: true}", {"read"}),
        ("tools: {bash: false}\npermission: {bash: allow}", ALL),
        ("tools: [read, grep]", ALL),
    ],
)
def test_permissions_become_groups(tmp_path: Path, head: str, groups: set[str]) -> None:
    assert one(tmp_path, head).groups == groups


def test_of_the_globs_for_edits_the_last_that_matches_decides(tmp_path: Path) -> None:
    mode = one(tmp_path, "permission: {edit: {'*': deny, 'docs/*': allow, 'docs/secret*': deny}}")
    assert mode.may_edit("docs/a/b.md")
    assert not mode.may_edit("src/a.py") and not mode.may_edit("docs/secret.md")


def test_writing_is_governed_by_edit_alone(tmp_path: Path) -> None:
    assert "edit" in one(tmp_path, "permission: {write: deny, apply_patch: deny}").groups


def test_what_else_is_said_is_taken_or_noted(tmp_path: Path) -> None:
    head = """
        name: Deep Review
        description: Reviews deeply
        mode: subagent
        model: anthropic/claude-sonnet-4-5
        variant: high
        temperature: 0.1
    """
    mode = one(tmp_path, head)
    assert (mode.title, mode.description, mode.when_to_use) == (
        "Deep Review",
        "Reviews deeply",
        "Reviews deeply",
    )
    assert (mode.model, mode.effort) == ("anthropic/claude-sonnet-4-5", "high")
    assert mode.notes == ("Nothing is made of temperature.",)


def test_a_description_with_a_colon_is_read_though_it_is_no_yaml(tmp_path: Path) -> None:
    assert one(tmp_path, "description: Use it: always").description == "Use it: always"


def test_an_agent_in_a_folder_has_it_in_its_name(tmp_path: Path) -> None:
    assert one(tmp_path, "description: x", name="review/security").name == "review/security"


def test_a_file_without_front_matter_is_all_prompt(tmp_path: Path) -> None:
    (tmp_path / "plain.md").write_text("You look.\n")
    (tmp_path / "empty.md").write_text("")
    (mode,) = read_agents(tmp_path, {}).modes
    assert mode.prompt == "You look." and mode.groups == ALL


def test_a_disabled_agent_is_left_out(tmp_path: Path) -> None:
    assert agent(tmp_path, "disable: true") == Found()


def test_without_a_prompt_a_built_in_mode_is_changed_and_keeps_its_limits(tmp_path: Path) -> None:
    (architect,) = settings(tmp_path, '{"agent": {"architect": {"model": "openai/gpt-5"}}}').modes
    built_in = load_modes()[0]["architect"]
    assert architect.model == "openai/gpt-5"
    assert (architect.prompt, architect.groups, architect.edits) == (
        built_in.prompt,
        built_in.groups,
        built_in.edits,
    )


def test_words_on_agents_that_are_not_here_make_no_mode(tmp_path: Path) -> None:
    assert settings(tmp_path, '{"agent": {"build": {"model": "openai/gpt-5"}}}') == Found()


def test_comments_and_last_commas_are_no_fault_and_addresses_are_no_comments(tmp_path: Path) -> None:
    text = '{\n// first\n"agent": {"a": {"prompt": "See https://x.org, /* y */, [1,]",},}, /* z */\n}'
    assert settings(tmp_path, text).modes[0].prompt == "See https://x.org, /* y */, [1,]"


def test_a_prompt_may_be_in_a_file_beside(tmp_path: Path) -> None:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "a.txt").write_text("You write.\n")
    assert settings(tmp_path, '{"agent": {"a": {"prompt": "{file:./prompts/a.txt}"}}}').modes[0].prompt == (
        "You write."
    )


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"prompt": "{file:./gone.txt}"}, "no file"),
        ({"prompt": "{file:../../etc/passwd}"}, "outside"),
        ({"prompt": "{file:/etc/passwd}"}, "outside"),
        ({"prompt": ["a"]}, "prompt is no text"),
        ({"prompt": "x", "permission": 3}, "neither a word nor a table"),
        ({"prompt": "x", "permission": {"edit": "perhaps"}}, "'perhaps' is none of"),
        ({"prompt": "x", "permission": {"edit": {"*": ["allow"]}}}, "a list is none of"),
        ("text", "no table"),
    ],
)
def test_a_bad_entry_is_skipped_with_its_reason(tmp_path: Path, entry: object, reason: str) -> None:
    found = settings(tmp_path, json.dumps({"agent": {"bad": entry, "good": {"prompt": "x"}}}))
    assert [mode.name for mode in found.modes] == ["good"]
    assert "agent.bad is skipped" in found.complaints[0] and reason in found.complaints[0]


def test_a_name_that_is_none_is_refused(tmp_path: Path) -> None:
    found = settings(tmp_path, '{"agent": {"my agent": {"prompt": "x"}}}')
    assert found.modes == [] and "no name of a mode" in found.complaints[0]

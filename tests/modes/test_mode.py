import pytest

from kcode.errors import BadInput, ToolError
from kcode.modes.load import load_modes
from kcode.modes.mode import LONGEST_USE, parse_mode
from kcode.tools.shell import Shell
from kcode.tools.switch_mode import SwitchMode
from kcode.tools.write import Write


def test_a_mode_refuses_what_its_groups_lack() -> None:
    ask = load_modes()[0]["ask"]
    with pytest.raises(ToolError, match="Ask mode has no command tools"):
        ask.check(Shell(command="ls"))


def test_every_mode_may_propose_another_one() -> None:
    for mode in load_modes()[0].values():
        mode.check(SwitchMode(mode="code"))


def test_a_mode_refuses_edits_of_files_that_its_pattern_does_not_match() -> None:
    architect = load_modes()[0]["architect"]
    architect.check(Write(path="docs/PLAN.md", text=""))
    with pytest.raises(ToolError, match=r"only files that match"):
        architect.check(Write(path="src/app.py", text=""))


def test_a_detour_does_not_get_around_a_pattern() -> None:
    mode = parse_mode("docs", "---\ngroups: [edit]\nedits: ^docs/\n---\nWrite.", "x.md")
    assert mode.may_edit("docs/a.py") and mode.may_edit("./docs/a.py")
    assert not mode.may_edit("docs/../src/a.py")


def test_a_file_may_say_all_there_is_about_a_mode() -> None:
    mode = parse_mode(
        "review",
        "---\ntitle: 'Review: deep'\ngroups: [read, outside]\nmodel: openai/gpt-5\neffort: high\n"
        "when_to_use: >\n  After a change,\n  before a commit.\ndescription: Looks twice\n---\nYou review.\n",
        "x.md",
    )
    assert mode.title == "Review: deep" and mode.groups == {"read", "outside"}
    assert (mode.model, mode.effort) == ("openai/gpt-5", "high")
    assert (mode.when_to_use, mode.description) == ("After a change, before a commit.", "Looks twice")
    assert mode.prompt == "You review."


def test_a_mode_without_a_title_has_its_name_for_one() -> None:
    assert parse_mode("deep-review", "---\ngroups: [read]\n---\nLook.", "x.md").title == "Deep review"


def test_without_a_prompt_a_file_only_changes_the_mode_of_its_name() -> None:
    code = load_modes()[0]["code"]
    mine = parse_mode("code", "---\nmodel: openai/gpt-5\n---\n", "code.md", code)
    assert mine == code.model_copy(update={"model": "openai/gpt-5", "source": "code.md"})


def test_with_a_prompt_it_takes_nothing_from_the_mode_of_its_name() -> None:
    mine = parse_mode("code", "---\ntitle: Mine\n---\nLook.", "code.md", load_modes()[0]["code"])
    assert mine.groups == {"read"} and mine.when_to_use == ""


def test_what_the_delegating_model_is_told_of_a_mode_is_short() -> None:
    mode = parse_mode("x", f"---\nwhen_to_use: {'word ' * 500}\n---\nDo.", "x.md")
    assert len(mode.when_to_use) <= LONGEST_USE and mode.when_to_use.endswith("…")


def test_yes_and_numbers_in_front_matter_are_what_yaml_says() -> None:
    with pytest.raises(BadInput, match="model"):
        parse_mode("x", "---\nmodel: yes\n---\nDo.", "x.md")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("no front matter", "no front matter"),
        ("---\ntitle: [\n---\n", "no YAML"),
        ("---\n- a\n---\n", "no table"),
        ("---\ntitel: x\n---\n", "unknown keys titel"),
        ("---\ngroups: [read, fly]\n---\n", "fly"),
        ("---\ngroups: [read, switch]\n---\n", "switch"),
        ("---\ngroups: read\n---\n", "list"),
        ("---\nedits: '('\n---\n", "no regular expression"),
        ("---\neffort: huge\n---\nDo.", "none of low, medium, high, max"),
        ("---\ntitle: [a, b]\n---\nDo.", "title"),
        ("---\ntitle: Empty\n---\n", "no prompt"),
    ],
)
def test_a_bad_mode_says_what_is_wrong(text: str, reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        parse_mode("x", text, "x.md")

import json
import time

import pytest

from kcode.errors import BadInput
from kcode.modes.custom import read_custom
from kcode.modes.found import Found
from kcode.modes.load import load_modes
from kcode.modes.mode import Mode

ENTRY = {"slug": "docs", "name": "Docs", "roleDefinition": "You write.", "groups": ["read"]}


def read(text: str) -> Found:
    return read_custom(text, ".roomodes", load_modes()[0])


def of(**fields: object) -> Found:
    return read(json.dumps({"customModes": [ENTRY | fields]}))


def one(**fields: object) -> Mode:
    found = of(**fields)
    assert found.complaints == []
    return found.modes[0]


def test_every_field_of_the_schema_is_taken() -> None:
    mode = one(
        whenToUse="For\ndocs.",
        description="Writes",
        customInstructions="Short.",
        source="global",
        iconName="codicon-book",
        groups=["read", ["edit", {"fileRegex": r"\.md$", "description": "Markdown"}], "mcp"],
        rulesFiles=[{"relativePath": "rules-docs/a.md", "content": "Be kind."}],
    )
    assert (mode.name, mode.title, mode.prompt) == ("docs", "Docs", "You write.\n\nShort.\n\nBe kind.")
    assert (mode.when_to_use, mode.description) == ("For docs.", "Writes")
    assert mode.groups == {"read", "edit", "outside", "delegate"} and mode.edits == r"\.md$"
    assert (mode.source, mode.notes) == (".roomodes", ())


def test_browser_and_mcp_are_what_lies_outside_and_delegating_is_never_withheld() -> None:
    assert one(groups=["browser"]).groups == one(groups=["mcp"]).groups == {"outside", "delegate"}
    assert one(groups=["modes"]).groups == one(groups=[]).groups == {"delegate"}


def test_a_pattern_is_searched_for_anywhere_in_the_path_and_that_is_said() -> None:
    mode = one(groups=[["edit", {"fileRegex": r"\.md"}]])
    assert mode.may_edit("a.md.py")
    assert any("end it with $" in note for note in mode.notes)


def test_a_pattern_beside_commands_is_no_wall_and_that_is_said() -> None:
    assert any("commands" in note for note in one(groups=["command", ["edit", {"fileRegex": "a$"}]]).notes)


def test_a_pattern_that_is_not_for_edits_limits_nothing() -> None:
    mode = one(groups=[["read", {"fileRegex": r"\.md$"}], "edit"])
    assert mode.edits is None and any("limits nothing" in note for note in mode.notes)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"slug": "my docs"}, "letters, digits and hyphens"),
        ({"slug": None}, "no slug"),
        ({"name": ""}, "no name"),
        ({"roleDefinition": None}, "no roleDefinition"),
        ({"roleDefinition": ["a"]}, "roleDefinition is no text"),
        ({"groups": None}, "groups is no list"),
        ({"groups": "read"}, "groups is no list"),
        ({"groups": ["fly"]}, "'fly' is none of"),
        ({"groups": ["read", "read"]}, "twice"),
        ({"groups": [["edit", {"fileRegex": "("}]]}, "no regular expression"),
        ({"groups": [["edit", {"fileRegex": 3}]]}, "no text"),
        ({"groups": [["edit", "md"]]}, "no table"),
        ({"groups": [["edit"]]}, "none of"),
    ],
)
def test_a_bad_entry_is_skipped_with_its_name_and_reason_and_the_others_count(
    fields: dict[str, object], reason: str
) -> None:
    entries = [ENTRY | fields, ENTRY | {"slug": "good"}]
    found = read(json.dumps({"customModes": entries}))
    assert [mode.name for mode in found.modes] == ["good"]
    (complaint,) = found.complaints
    assert complaint.startswith(".roomodes: ") and "is skipped" in complaint and reason in complaint


def test_the_second_of_a_slug_is_skipped() -> None:
    found = read(json.dumps({"customModes": [ENTRY, ENTRY | {"name": "Other"}, "text"]}))
    assert [mode.title for mode in found.modes] == ["Docs"]
    assert "there is one of this slug" in found.complaints[0] and "mode number 3" in found.complaints[1]


def test_unknown_fields_are_noted() -> None:
    assert one(colour="red").notes == ("colour is unknown, and nothing is made of it.",)


@pytest.mark.parametrize("text", ["customModes: [", "[]", "just text", "{", "customModes: text", "a: 1", ""])
def test_a_file_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        read(text)


def test_an_empty_list_is_no_fault() -> None:
    assert read("customModes: []") == Found()


def test_what_word_processors_make_of_yaml_is_read_all_the_same() -> None:
    text = (
        "\ufeffcustomModes:\n\xa0\xa0- slug: \u200bdocs\n    name: “Docs”\n"
        "    roleDefinition: You write – well.\n    groups: [‘read’]\n"
    )
    mode = read(text).modes[0]
    assert (mode.name, mode.title, mode.prompt) == ("docs", "Docs", "You write - well.")


def test_an_apostrophe_within_quotes_does_not_cost_the_file() -> None:
    text = "customModes:\n  - slug: a\n    name: 'It’s'\n    roleDefinition: x\n    groups: []\n"
    assert read(text).modes[0].title == "It’s"


def test_other_words_for_a_built_in_mode_change_these_alone() -> None:
    text = json.dumps(
        {
            "customModePrompts": {
                "code": {"roleDefinition": "You are terse.", "customInstructions": "No comments."},
                "ask": {"customInstructions": "In Latin."},
                "gone": {"roleDefinition": "x"},
                "debug": "x",
            }
        }
    )
    found, built_in = read(text), load_modes()[0]
    code, ask = found.modes
    assert code.prompt == "You are terse.\n\nNo comments." and code.groups == built_in["code"].groups
    assert ask.prompt == f"{built_in['ask'].prompt}\n\nIn Latin."
    assert "gone" in found.complaints[0] and "debug" in found.complaints[1]


def test_an_export_of_all_settings_gives_its_modes() -> None:
    text = json.dumps({"providerProfiles": {}, "globalSettings": {"customModes": [ENTRY]}})
    assert [mode.name for mode in read(text).modes] == ["docs"]


def test_aliases_that_unfold_to_a_billion_are_read_as_what_they_are() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    began = time.monotonic()
    found = read("\n".join([*lines, "customModes: [{slug: a, name: a, roleDefinition: a, groups: *a9}]"]))
    assert found.modes == [] and len(found.complaints) == 1
    assert time.monotonic() - began < 5


def test_brackets_without_end_are_refused() -> None:
    with pytest.raises(BadInput):
        read("[" * 5_000)

import importlib.util
import json
from pathlib import Path

import pytest

from kcode.errors import ToolError
from kcode.messages import ToolCall
from kcode.tools.tool import Tool, Workspace, installed_tools
from kcode.tools.write import Write

OURS = {"read", "write", "edit", "search", "list", "todo", "ask"}


def opened(name: str, arguments: object) -> Tool:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return installed_tools().open(ToolCall(id="c1", name=name, arguments=text))


def test_tools_are_found_in_their_folder_and_sorted_by_name() -> None:
    names = list(installed_tools())
    assert set(names) >= OURS
    assert names == sorted(names)


def test_a_schema_says_what_a_model_needs_and_nothing_else() -> None:
    [edit] = [
        schema["function"] for schema in installed_tools().schemas() if schema["function"]["name"] == "edit"
    ]
    assert edit["parameters"] == {
        "type": "object",
        "properties": {
            "path": {"type": "string"},
            "edits": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "old": {"type": "string"},
                        "new": {"type": "string"},
                        "all": {"type": "boolean"},
                    },
                    "required": ["old", "new"],
                },
            },
        },
        "required": ["path", "edits"],
    }


def test_every_schema_holds_only_words_that_all_providers_know() -> None:
    def keys(schema: object) -> set[str]:
        if isinstance(schema, list):
            return set().union(*map(keys, schema))
        if not isinstance(schema, dict):
            return set()
        below = schema["properties"].values() if "properties" in schema else schema.values()
        return set(schema).union(*map(keys, below))

    used = keys([schema["function"]["parameters"] for schema in installed_tools().schemas()])
    assert used <= {"type", "properties", "required", "items", "enum", "description"}


def test_the_seven_file_tools_cost_at_most_620_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    litellm = importlib.util.find_spec("litellm")
    assert litellm and litellm.origin
    folder = Path(litellm.origin).parent / "litellm_core_utils" / "tokenizers"
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(folder))
    import tiktoken

    ours = [schema for schema in installed_tools().schemas() if schema["function"]["name"] in OURS]
    text = json.dumps(ours, separators=(",", ":"))
    assert len(tiktoken.get_encoding("o200k_base").encode(text)) <= 620


@pytest.mark.parametrize("nothing", [None, ""])
def test_nothing_for_what_is_optional_is_leaving_it_out(nothing: str | None) -> None:
    assert opened("list", {"path": nothing, "depth": nothing}) == opened("list", {})


def test_an_empty_text_for_what_is_needed_is_an_empty_text() -> None:
    assert opened("write", {"path": "a", "text": ""}) == Write(path="a", text="")


def test_null_for_what_is_needed_is_an_error() -> None:
    with pytest.raises(ToolError, match="path"):
        opened("read", {"path": None})


def test_a_list_may_come_as_text() -> None:
    edits = [{"old": "a", "new": "b"}]
    assert opened("edit", {"path": "x", "edits": json.dumps(edits)}) == opened(
        "edit", {"path": "x", "edits": edits}
    )


@pytest.mark.parametrize(
    "arguments", ["{", "[1]", '"x"', "[" * 100_000, '{"path": 1, "more": 2}', r'{"path": "\ud800"}']
)
def test_wrong_arguments_are_told_to_the_model(arguments: str) -> None:
    with pytest.raises(ToolError, match="read"):
        opened("read", arguments)


def test_a_whole_surrogate_pair_and_an_escaped_backslash_are_no_half_character() -> None:
    assert opened("read", r'{"path": "\ud83d\ude00 \\ud800"}') == opened("read", {"path": "😀 \\ud800"})


def test_an_unknown_tool_is_answered_by_the_known_ones() -> None:
    with pytest.raises(ToolError, match=r"no tool 'grep'.*search"):
        opened("grep", {})


@pytest.mark.parametrize("name", ["", "a\0b", "~nobody-of-this-name/x"])
def test_what_is_no_path_is_refused(name: str, workspace: Workspace) -> None:
    with pytest.raises(ToolError):
        workspace.path(name)


def test_a_symlink_to_itself_is_refused(workspace: Workspace, root: Path) -> None:
    (root / "loop").symlink_to("loop")
    with pytest.raises(ToolError, match="loop"):
        workspace.path("loop")


@pytest.mark.parametrize("name", ["read", "write", "edit", "list", "search", "ask"])
def test_a_title_is_one_line_whatever_the_arguments(name: str) -> None:
    evil = "a\n\x1b[2J"
    given = {
        "path": evil,
        "text": evil,
        "pattern": evil,
        "question": evil,
        "edits": [{"old": evil, "new": "x"}],
    }
    tool = installed_tools()[name]
    assert (
        tool(**{key: value for key, value in given.items() if key in tool.model_fields}).title().isprintable()
    )


def test_a_strange_name_is_shown_on_one_line(workspace: Workspace, root: Path) -> None:
    assert workspace.shown(root / "a\nb\x1b[2J") == r"a\nb\x1b[2J"
    assert workspace.shown(root.parent) == str(root.parent)

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcode.llm.request import Request
from kcode.memory.block import Block, joined
from kcode.memory.context import Part, parts, summing_to, tools
from kcode.messages import Image, Message, Prompt, Reply, ToolCall, ToolResult

PICTURE = Image(media_type="image/png", data="aGVsbG8=")


def request(*messages: Message, project: str = "") -> Request:
    return Request(
        session="s", root="/r", task="main", mode="code", model="a/b", system="s" * 400, project=project,
        tools=({"type": "function", "function": {"name": "read"}},), messages=messages, max_tokens=100,
    )  # fmt: skip


READING = Reply(text="look", calls=(ToolCall(id="1", name="read"), ToolCall(id="2", name="shell")))


def test_results_are_told_apart_by_their_tools() -> None:
    asked = request(
        READING,
        ToolResult(call_id="1", text="x" * 800),
        ToolResult(call_id="2", text="y" * 400, notes="z" * 40),
    )
    sizes = {part.name: part.tokens for part in parts(asked)}
    assert (sizes["results of read"], sizes["results of shell"], sizes["rules of folders"]) == (200, 100, 10)
    assert sizes["system prompt"] == 100
    assert [part.name for part in tools(asked)] == ["read"]


def test_what_is_sent_is_there_as_it_is_ordered_with_pictures_and_notes() -> None:
    asked = request(Prompt(text="p" * 40, notes="n" * 20, images=(PICTURE,)), READING)
    names = [part.name for part in parts(asked)]
    assert names == [
        "system prompt", "tools", "rules of the project", "what you said", "notes (date, mode, git)",
        "images", "what the model said", "calls of tools",
    ]  # fmt: skip


def test_the_project_block_is_told_by_its_sources() -> None:
    project = joined([Block("rules", "AGENTS.md", "x" * 400), Block("memory", "bank", "y" * 80)])
    sizes = {part.name: part.tokens for part in parts(request(project=project))}
    assert 100 < sizes["rules: AGENTS.md"] < 115
    assert 20 < sizes["memory: bank"] < 40


@given(st.lists(st.integers(0, 10**6), min_size=1), st.integers(0, 10**7))
def test_parts_are_together_exactly_the_heading(sizes: list[int], total: int) -> None:
    found = summing_to([Part(str(at), size) for at, size in enumerate(sizes)], total)
    if sum(sizes):
        assert sum(part.tokens for part in found) == total
        assert all(
            abs(one.tokens - size * total / sum(sizes)) <= 1 for one, size in zip(found, sizes, strict=True)
        )


@pytest.mark.parametrize("total", [1, 999, 123_457])
def test_a_request_is_itemised_to_the_token(total: int) -> None:
    asked = request(Prompt(text="p" * 4_000), READING, ToolResult(call_id="1", text="x" * 8_000))
    assert sum(part.tokens for part in parts(asked, total)) == total

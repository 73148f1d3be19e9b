"""Broken histories are refused, as the real providers do."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from kcode.scripted import ScriptedProvider, shared_prefix
from kcode.scripted.reply import sign

Message = dict[str, Any]
SCENARIO = {"lanes": [{"steps": [{"text": "a"}, {"text": "b"}, {"text": "c"}]}]}
GO: Message = {"role": "user", "content": "go"}


def refused(path: str, messages: list[Message], **more: Any) -> str | None:
    """The error's text; None when there was none."""
    with ScriptedProvider(SCENARIO) as provider:
        body = {"model": "m", "max_tokens": 99, "messages": messages, **more}
        response = httpx.post(provider.url + path, json=body, verify=False)
        assert bool(provider.mismatches) == (response.status_code == 400)
        return response.json()["error"]["message"] if response.status_code == 400 else None


def anthropic(*messages: Message, **more: Any) -> str | None:
    return refused("/v1/messages", list(messages), **more)


def openai(*messages: Message, **more: Any) -> str | None:
    return refused("/v1/chat/completions", list(messages), **more)


def uses(*ids: str) -> Message:
    return {
        "role": "assistant",
        "content": [{"type": "tool_use", "id": i, "name": "f", "input": {}} for i in ids],
    }


def results(*ids: str, text: str = "") -> Message:
    content: list[Message] = [{"type": "tool_result", "tool_use_id": i, "content": "ok"} for i in ids]
    return {"role": "user", "content": [*content, *([{"type": "text", "text": text}] if text else [])]}


def test_good_anthropic_histories() -> None:
    assert anthropic(GO) is None
    assert anthropic(GO, uses("1", "2"), results("2", "1", text="and"), uses("3"), results("3")) is None
    assert anthropic(GO, uses("1", "2"), results("1"), results("2")) is None
    thinking = {"type": "thinking", "thinking": "hm", "signature": sign("hm")}
    assert (
        anthropic(GO, {"role": "assistant", "content": [thinking, *uses("1")["content"]]}, results("1"))
        is None
    )


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([], "at least one message"),
        ([{"role": "assistant", "content": "hi"}], "first message"),
        ([GO, uses("1")], "without `tool_result` blocks immediately after: 1"),
        ([GO, uses("1", "2"), results("1")], "immediately after: 2"),
        ([GO, uses("1"), GO], "immediately after: 1"),
        (
            [GO, uses("1"), {"role": "user", "content": [GO["content"] and {"type": "text", "text": "x"}]}],
            "immediately",
        ),
        ([GO, results("1")], "unexpected `tool_use_id`"),
        ([GO, uses("1"), results("1"), uses("1"), results("1")], "must be unique"),
        ([GO, uses("1", "1"), results("1")], "must be unique"),
        ([GO, uses("1"), results("1", "1")], "single result"),
        ([GO, uses(""), results("")], "at least 1 character"),
        ([{"role": "user", "content": ""}], "non-empty"),
        ([{"role": "user", "content": []}], "non-empty"),
        ([GO, {"role": "assistant", "content": [{"type": "text", "text": ""}]}], "text content blocks"),
        (
            [
                GO,
                {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm", "signature": "x"}]},
                GO,
            ],
            "Invalid `sig",
        ),
    ],
)
def test_bad_anthropic_histories(messages: list[Message], words: str) -> None:
    assert words in (anthropic(*messages) or "")


def test_text_before_results_is_refused() -> None:
    result = results("1")["content"][0]
    late = {"role": "user", "content": [{"type": "text", "text": "x"}, result]}
    assert "immediately after: 1" in (anthropic(GO, uses("1"), late) or "")


def test_marks() -> None:
    def part(ttl: str = "5m") -> Message:
        return {"type": "text", "text": "x", "cache_control": {"type": "ephemeral", "ttl": ttl}}

    def said(*parts: Message) -> Message:
        return {"role": "user", "content": list(parts)}

    assert anthropic(said(*[part()] * 4)) is None
    assert "Found 5" in (anthropic(said(*[part()] * 5)) or "")
    assert anthropic(said(part("1h"), part())) is None
    assert "must not come after" in (anthropic(said(part(), part("1h"))) or "")
    assert openai(said(*[part()] * 5)) is None


def calling(*ids: str) -> Message:
    calls = [{"id": i, "type": "function", "function": {"name": "f", "arguments": "{}"}} for i in ids]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def answer(id: str) -> Message:
    return {"role": "tool", "tool_call_id": id, "content": "ok"}


def test_good_openai_histories() -> None:
    assert openai({"role": "system", "content": "s"}, GO) is None
    assert openai(GO, calling("1", "2"), answer("2"), answer("1"), GO) is None


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([], "empty array"),
        ([GO, calling("1")], "did not have response messages: 1"),
        ([GO, calling("1", "2"), answer("1"), GO], "did not have response messages: 2"),
        ([GO, answer("1")], "must follow"),
        ([GO, calling("1"), answer("1"), answer("1")], "must follow"),
        ([GO, calling("", "2"), answer(""), answer("2")], "tool_calls[0].id"),
        ([GO, calling("1", "1"), answer("1")], "Duplicate"),
    ],
)
def test_bad_openai_histories(messages: list[Message], words: str) -> None:
    assert words in (openai(*messages) or "")


@pytest.mark.parametrize("raw", [b"no json", b"[]", b'{"model": "m"}', b'{"model": "m", "messages": [1]}'])
def test_nonsense(raw: bytes) -> None:
    with ScriptedProvider(SCENARIO) as provider:
        for path in ("/v1/messages", "/v1/chat/completions"):
            response = httpx.post(provider.url + path, content=raw, verify=False)
            assert response.status_code == 400 and "make sense" in response.json()["error"]["message"]


def test_shared_prefix_of_two_requests() -> None:
    with ScriptedProvider(SCENARIO) as provider:
        mark = {"cache_control": {"type": "ephemeral"}}
        marked = {"role": "user", "content": [{"type": "text", "text": "go", **mark}]}
        replied = {"role": "assistant", "content": "a"}
        for messages in ([marked], [GO, replied, GO], [{"role": "user", "content": "GO"}]):
            body = {"model": "m", "max_tokens": 9, "system": "be brief", "messages": messages}
            httpx.post(provider.url + "/v1/messages", json=body, verify=False)
        first, second, third = provider.requests
        assert shared_prefix(first, second) == 1
        assert 0.5 < shared_prefix(first, third) < 1
        assert [block.data for block in first.prefix_blocks] == [
            b'{"role":"system","content":{"type":"text","text":"be brief"}}',
            b'{"role":"user","content":{"type":"text","text":"go"}}',
        ]


def test_the_place_is_found_from_the_request_alone() -> None:
    lanes = [
        {"match_system": "titles", "steps": [{"text": "A title"}]},
        {"match": "first", "steps": [{"text": "1a"}, {"text": "1b"}]},
        {"match": "second", "steps": [{"text": "2a"}, {"text": "2b"}]},
    ]
    said = [{"role": "user", "content": text} for text in ("first", "second", "go on")]
    replied = {"role": "assistant", "content": "ok"}

    def text(*messages: Message, system: str = "") -> str:
        body = {"model": "m", "max_tokens": 99, "system": system, "messages": messages}
        content: str = httpx.post(provider.url + "/v1/messages", json=body, verify=False).json()["content"][
            0
        ]["text"]
        return content

    with ScriptedProvider({"lanes": lanes}) as provider:
        assert text(said[0]) == "1a"
        assert text(said[0], replied, said[2]) == "1b"
        assert text(said[0], replied, said[1]) == "2a"
        assert text(said[0], replied, said[1], replied, said[2]) == "2b"
        assert text(said[0], system="make titles") == "A title"
        assert [(seen.lane, seen.step) for seen in provider.requests] == [
            (1, 0),
            (1, 1),
            (2, 0),
            (2, 1),
            (0, 0),
        ]

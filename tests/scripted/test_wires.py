"""The two wires as a client sees them, streaming and not."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from kcode.scripted import ScriptedProvider

STEP = {
    "thinking": "Let me think.",
    "text": "Grüße, here I look.",
    "calls": [{"name": "read", "arguments": {"path": "{{root}}/a.py"}}, {"name": "list", "arguments": {}}],
    "chunk": 5,
}
SCENARIO = {
    "lanes": [{"match": "fix", "steps": [STEP, {"expect": "contents", "text": "Done."}]}],
    "values": {"root": "/r"},
}


def events(response: httpx.Response) -> list[dict[str, Any]]:
    lines = [line[6:] for line in response.text.splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def openai(provider: ScriptedProvider, messages: list[Any], **more: Any) -> httpx.Response:
    return httpx.post(
        f"{provider.url}/v1/chat/completions", json={"model": "m", "messages": messages, **more}, verify=False
    )


def anthropic(provider: ScriptedProvider, messages: list[Any], **more: Any) -> httpx.Response:
    body = {"model": "m", "max_tokens": 1000, "messages": messages, **more}
    return httpx.post(f"{provider.url}/v1/messages", json=body, verify=False)


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def joined(deltas: list[dict[str, Any]], key: str) -> str:
    return "".join(delta.get(key) or "" for delta in deltas)


def test_openai_stream() -> None:
    with ScriptedProvider(SCENARIO) as provider:
        response = openai(provider, [user("fix it")], stream=True, stream_options={"include_usage": True})
    *chunks, last = events(response)
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert joined(deltas, "content") == "Grüße, here I look."
    assert joined(deltas, "reasoning_content") == "Let me think."
    calls = [call for delta in deltas for call in delta.get("tool_calls", [])]
    arguments = [
        "".join(c["function"]["arguments"] for c in calls if c["index"] == index) for index in (0, 1)
    ]
    assert [json.loads(text) for text in arguments] == [{"path": "/r/a.py"}, {}]
    assert [call["function"]["name"] for call in calls if call.get("id")] == ["read", "list"]
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"
    assert last["choices"] == [] and last["usage"]["completion_tokens"] == 4 + 6 + 6 + 2
    assert last["usage"]["completion_tokens_details"] == {"reasoning_tokens": 4}
    assert response.text.endswith("data: [DONE]\n\n")


def test_openai_whole() -> None:
    with ScriptedProvider(SCENARIO) as provider:
        reply = openai(provider, [user("fix it")]).json()
    message = reply["choices"][0]["message"]
    assert message["content"] == "Grüße, here I look." and message["reasoning_content"] == "Let me think."
    assert [call["function"]["name"] for call in message["tool_calls"]] == ["read", "list"]
    assert reply["usage"]["total_tokens"] == reply["usage"]["prompt_tokens"] + 18


def test_anthropic_stream() -> None:
    with ScriptedProvider(SCENARIO) as provider:
        found = events(anthropic(provider, [user("fix it")], stream=True))
    assert [found[0]["type"], found[-2]["type"], found[-1]["type"]] == [
        "message_start",
        "message_delta",
        "message_stop",
    ]
    starts = [e["content_block"] for e in found if e["type"] == "content_block_start"]
    assert [block["type"] for block in starts] == ["thinking", "text", "tool_use", "tool_use"]
    deltas = [e["delta"] for e in found if e["type"] == "content_block_delta"]
    assert joined(deltas, "thinking") == "Let me think." and joined(deltas, "text") == "Grüße, here I look."
    assert json.loads(joined([d for d in deltas if "partial_json" in d][:-1], "partial_json")) == {
        "path": "/r/a.py"
    }
    assert len(joined(deltas, "signature")) == 44
    assert found[-2]["delta"]["stop_reason"] == "tool_use" and found[-2]["usage"] == {"output_tokens": 18}
    assert sum(e["type"] == "content_block_stop" for e in found) == 4


def test_anthropic_conversation_to_its_end() -> None:
    with ScriptedProvider(SCENARIO) as provider:
        first = anthropic(provider, [user("fix it")]).json()
        calls = [part for part in first["content"] if part["type"] == "tool_use"]
        results = [
            {"type": "tool_result", "tool_use_id": call["id"], "content": "contents"} for call in calls
        ]
        history = [user("fix it"), {"role": "assistant", "content": first["content"]}]
        second = anthropic(provider, [*history, {"role": "user", "content": results}]).json()
        assert (
            second["content"] == [{"type": "text", "text": "Done."}] and second["stop_reason"] == "end_turn"
        )
        assert provider.mismatches == []
        assert [(r.lane, r.step) for r in provider.requests] == [(0, 0), (0, 1)]


def test_usage_is_told_on_the_openai_wire_only_when_asked_for() -> None:
    with ScriptedProvider(SCENARIO) as provider:
        assert "prompt_tokens" not in openai(provider, [user("fix it")], stream=True).text
        assert (
            "prompt_tokens" in openai(provider, [user("fix it")], stream=True, usage={"include": True}).text
        )
    with ScriptedProvider({**SCENARIO, "report_usage": False}) as provider:
        assert "usage" not in openai(provider, [user("fix it")]).json()
        assert "usage" not in anthropic(provider, [user("fix it")]).json()


def test_expectation_that_does_not_hold() -> None:
    with ScriptedProvider({"lanes": [{"steps": [{"expect": "cat", "text": "x"}]}]}) as provider:
        response = openai(provider, [user("a dog")])
        assert response.status_code == 400 and "expected 'cat'" in response.json()["error"]["message"]
        assert len(provider.mismatches) == 1 and provider.invoice == []


def test_no_lane_and_no_step_left() -> None:
    with ScriptedProvider(SCENARIO) as provider:
        reply = openai(provider, [user("dance")]).json()
        assert "no reply" in reply["choices"][0]["message"]["content"]
        assert len(provider.mismatches) == 1


@pytest.mark.parametrize("path", ["/v1/models", "/models", "/api/v1/models"])
def test_models(path: str) -> None:
    with ScriptedProvider({"prices": {"m": {"input": "1", "output": "2"}}}) as provider:
        assert [model["id"] for model in httpx.get(provider.url + path, verify=False).json()["data"]] == ["m"]
        listed = httpx.get(
            provider.url + path, headers={"anthropic-version": "2023-06-01"}, verify=False
        ).json()
        assert listed["data"][0]["type"] == "model"


def test_openrouter_with_explicit_marks() -> None:
    rules = {"kind": "explicit", "min_tokens": 10}
    part = {"type": "text", "text": "go", "cache_control": {"type": "ephemeral"}}
    with ScriptedProvider({"lanes": [{"steps": [{"text": "x"}]}], "cache": rules}) as provider:
        usages = [openai(provider, [{"role": "user", "content": [part]}]).json()["usage"] for _ in range(2)]
        details = [usage["prompt_tokens_details"] for usage in usages]
        assert details == [{"cached_tokens": 0, "cache_write_tokens": 14}, {"cached_tokens": 14}]
        assert usages[0]["prompt_tokens"] == 14
        assert "Found 5" in openai(provider, [{"role": "user", "content": [part] * 5}]).text


def test_anthropic_cache_on_the_wire() -> None:
    mark = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
    system = [{"type": "text", "text": "be brief " * 9, **mark}]
    with ScriptedProvider({"lanes": [{"steps": [{"text": "x"}]}], "cache": {"min_tokens": 10}}) as provider:
        usages = [anthropic(provider, [user("go")], system=system).json()["usage"] for _ in range(2)]
        provider.clock.advance(3601)
        usages.append(anthropic(provider, [user("go")], system=system, cache_control={}).json()["usage"])
    # The system block has 136 bytes: 34 tokens; the prompt 14.
    assert [usage["input_tokens"] for usage in usages] == [14, 14, 0]
    assert [usage["cache_read_input_tokens"] for usage in usages] == [0, 34, 0]
    assert [usage["cache_creation"] for usage in usages] == [
        {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 34},
        {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        {"ephemeral_5m_input_tokens": 14, "ephemeral_1h_input_tokens": 34},
    ]


def test_max_tokens_is_kept_to() -> None:
    with ScriptedProvider({"lanes": [{"steps": [{"text": "x" * 400}]}]}) as provider:
        reply = openai(provider, [user("go")], max_tokens=7).json()
        assert reply["choices"][0] == {
            "index": 0,
            "message": {"role": "assistant", "content": "x" * 28},
            "logprobs": None,
            "finish_reason": "length",
        }
        assert provider.invoice[0].usage.output == 7
        assert anthropic(provider, [user("go")], max_tokens=7).json()["stop_reason"] == "max_tokens"


def test_stop_word_of_a_step() -> None:
    with ScriptedProvider({"lanes": [{"steps": [{"text": "x" * 40, "stop": "pause_turn"}]}]}) as provider:
        assert anthropic(provider, [user("go")]).json()["stop_reason"] == "pause_turn"
        assert anthropic(provider, [user("go")], max_tokens=3).json()["stop_reason"] == "max_tokens"


def test_raw_arguments_go_out_as_they_are() -> None:
    call = {"name": "f", "arguments": '{"a": {{n}}', "id": "mine"}
    with ScriptedProvider({"lanes": [{"steps": [{"calls": [call]}]}], "values": {"n": "1"}}) as provider:
        sent = openai(provider, [user("go")]).json()["choices"][0]["message"]["tool_calls"][0]
        assert (sent["id"], sent["function"]["arguments"]) == ("mine", '{"a": 1')
        assert anthropic(provider, [user("go")]).json()["content"][0]["input"] == {}


def test_the_same_request_has_other_ids_each_time() -> None:
    with ScriptedProvider(SCENARIO) as provider:
        replies = [anthropic(provider, [user("fix it")]).json() for _ in range(2)]
        ids = [part["id"] for reply in replies for part in reply["content"] if part["type"] == "tool_use"]
        assert len(set(ids)) == 4

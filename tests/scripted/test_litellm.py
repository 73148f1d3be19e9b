"""Real LiteLLM talks to the scripted provider: what it makes of the usage is what stands in the invoice.

LiteLLM runs in a process of its own: its switches must be set before its import, and it wants one event loop.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from kcode.scripted import ScriptedProvider
from kcode.scripted.reply import sign

CLIENT = """
import asyncio, gc, json, os, sys, warnings
gc.disable()  # half a second of the import
warnings.simplefilter("ignore")
import litellm
litellm.suppress_debug_info = True

async def ask(request):
    stream = await litellm.acompletion(
        stream=True, stream_options={"include_usage": True}, max_retries=0, _skip_mcp_handler=True,
        api_key="sk-test", timeout=5, **request)
    chunks = []
    try:
        async for chunk in stream:
            chunks.append(chunk)
    finally:
        await stream.aclose()
    deltas = [c.choices[0].delta for c in chunks if c.choices]
    calls = [c.function for d in deltas for c in (d.tool_calls or [])]
    usage = chunks[-1].usage
    thinking = [b for d in deltas for b in (getattr(d, "thinking_blocks", None) or [])]
    return {
        "text": "".join(d.content or "" for d in deltas),
        "reasoning": "".join(getattr(d, "reasoning_content", None) or "" for d in deltas),
        "names": [c.name for c in calls if c.name],
        "arguments": "".join(c.arguments or "" for c in calls),
        "signature": "".join(b.get("signature") or "" for b in thinking),
        "finish": [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason],
        "usage": usage.model_dump() if usage else None,
    }

async def main():
    for line in json.load(sys.stdin):
        try:
            print(json.dumps(await ask(line)), flush=True)
        except Exception as error:
            print(json.dumps({"error": type(error).__name__, "text": str(error)}), flush=True)

asyncio.run(main())
os._exit(0)  # tearing litellm down takes most of a second
"""
SWITCHES = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_MODE": "PRODUCTION",
    "LITELLM_OFFLINE_MODE": "true",
    "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
    "HF_HUB_OFFLINE": "1",
    "LITELLM_LOG": "CRITICAL",
}
STEP = {
    "thinking": "Let me think.",
    "text": "I look.",
    "calls": [{"name": "read", "arguments": {"path": "a.py"}}],
    "chunk": 3,
}
SCENARIO = {
    "lanes": [{"steps": [STEP, {"expect": "contents", "text": "Done."}]}],
    "cache": {"min_tokens": 100, "chunk": 10},
    "prices": {"gpt-x": {"input": "2", "output": "8", "cached": "0.2"}},
    "openrouter_cost": True,
    "faults": [
        {"request": [6], "kind": "context_overflow"},
        {"request": [7], "kind": "rate_limit", "retry_after": 1},
    ],
}
TOOL = {"type": "function", "function": {"name": "read", "parameters": {"type": "object", "properties": {}}}}


def history(signature: str | None) -> list[dict[str, Any]]:
    """Two calls and their results, the thinking in the shape the wire wants back."""
    calls = [
        {"id": f"c{n}", "type": "function", "function": {"name": "read", "arguments": "{}"}} for n in (1, 2)
    ]
    block = {"type": "thinking", "thinking": "hm", "signature": signature}
    thinking = {"thinking_blocks": [block]} if signature else {"reasoning_content": "hm"}
    results = [{"role": "tool", "tool_call_id": f"c{n}", "content": "contents"} for n in (1, 2)]
    reply = {"role": "assistant", "content": "I look.", "tool_calls": calls, **thinking}
    return [{"role": "user", "content": "go"}, reply, *results]


def message(ttl: str | None) -> dict[str, Any]:
    part: dict[str, Any] = {"type": "text", "text": "word " * 200}
    if ttl:
        part["cache_control"] = {"type": "ephemeral", "ttl": ttl}
    return {"role": "user", "content": [part]}


@pytest.fixture(scope="module")
def talk() -> Any:
    """The provider after ten requests, and what LiteLLM said to each."""
    with ScriptedProvider(SCENARIO) as provider:
        claude = {
            "model": "anthropic/claude-x",
            "api_base": provider.url,
            "max_tokens": 1000,
            "tools": [TOOL],
        }
        gpt = {"model": "openai/gpt-x", "api_base": provider.url + "/v1", "tools": [TOOL]}
        router = {"model": "openrouter/z/gpt-x", "api_base": provider.url + "/v1", "tools": [TOOL]}
        requests = [
            {**claude, "messages": [message("1h")]},
            {**claude, "messages": [message("1h")]},
            {**gpt, "messages": [message(None)]},
            {**gpt, "messages": [message(None)]},
            {**router, "messages": [message(None)]},
            {**claude, "messages": [message(None)]},
            {**gpt, "messages": [message(None)]},
            {**claude, "messages": history(sign("hm"))},
            {**gpt, "messages": history(None)},
            {**claude, "messages": history("forged")},
        ]
        done = subprocess.run(
            [sys.executable, "-c", CLIENT],
            input=json.dumps(requests),
            capture_output=True,
            text=True,
            env={**os.environ, **SWITCHES},
            timeout=60,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        yield provider, [json.loads(line) for line in done.stdout.splitlines()]


def test_content_arrives_on_every_wire(talk: Any) -> None:
    _, said = talk
    for reply in said[:5]:
        assert (reply["text"], reply["reasoning"]) == ("I look.", "Let me think.")
        assert reply["names"] == ["read"] and json.loads(reply["arguments"]) == {"path": "a.py"}
        assert reply["finish"] == ["tool_calls"]
    assert len(said[0]["signature"]) == 44


def test_usage_is_that_of_the_invoice(talk: Any) -> None:
    provider, said = talk
    for row, reply in zip(provider.invoice[:5], said[:5], strict=True):
        usage, details = reply["usage"], reply["usage"]["prompt_tokens_details"]
        assert usage["prompt_tokens"] == row.usage.input
        assert usage["completion_tokens"] == row.usage.output
        assert (details["cached_tokens"] or 0) == row.usage.cached
        if row.wire == "anthropic":
            assert usage["cache_creation_input_tokens"] == row.usage.stored + row.usage.stored_1h
    first, second, third, fourth, fifth = (row.usage for row in provider.invoice[:5])
    assert first.stored_1h > 0 and second.cached == first.stored_1h and second.stored_1h == 0
    assert third.cached == 0 and fourth.cached == third.fresh // 10 * 10
    assert fifth.cached == 0
    assert said[0]["usage"]["prompt_tokens_details"]["cache_creation_token_details"] == {
        "ephemeral_5m_input_tokens": 0,
        "ephemeral_1h_input_tokens": first.stored_1h,
    }


def test_errors_are_recognised(talk: Any) -> None:
    _, said = talk
    assert [reply.get("error") for reply in said[5:7]] == ["ContextWindowExceededError", "RateLimitError"]


def test_histories_as_litellm_writes_them_are_accepted(talk: Any) -> None:
    _, said = talk
    assert [reply["text"] for reply in said[7:9]] == ["Done.", "Done."]


def test_one_request_each_and_a_forged_signature_is_seen(talk: Any) -> None:
    provider, said = talk
    assert len(provider.requests) == len(said) == 10
    assert len(provider.mismatches) == 1 and "Invalid `signature`" in provider.mismatches[0]

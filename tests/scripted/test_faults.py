"""Every fault as a client meets it, and what it costs."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx
import pytest

from kcode.scripted import ScriptedProvider

WIRES = pytest.mark.parametrize("wire", ["openai", "anthropic"])
CALLS = [{"name": "read", "arguments": {"path": "a.py"}}, {"name": "read", "arguments": {"path": "b.py"}}]
PRICES = {"m": {"input": "1", "output": "1"}}


def play(kind: str, step: dict[str, Any] | None = None, **options: Any) -> ScriptedProvider:
    steps = [step or {"text": "abcd" * 10, "chunk": 4}]
    fault = {"kind": kind, "request": 1, **options}
    return ScriptedProvider({"lanes": [{"steps": steps}], "faults": [fault], "prices": PRICES})


def post(provider: ScriptedProvider, wire: str, **more: Any) -> httpx.Response:
    path = "/v1/messages" if wire == "anthropic" else "/v1/chat/completions"
    options = {"stream_options": {"include_usage": True}} if wire == "openai" and more.get("stream") else {}
    body = {
        "model": "m",
        "max_tokens": 999,
        "messages": [{"role": "user", "content": "go"}],
        **options,
        **more,
    }
    return httpx.post(
        provider.url + path, json=body, headers={"x-api-key": "sk-secret"}, timeout=5, verify=False
    )


def stream_until_it_breaks(provider: ScriptedProvider, wire: str) -> tuple[str, bool]:
    """What came, and whether the connection broke."""
    path = "/v1/messages" if wire == "anthropic" else "/v1/chat/completions"
    body = {"model": "m", "max_tokens": 999, "messages": [{"role": "user", "content": "go"}], "stream": True}
    text = ""
    try:
        with httpx.stream("POST", provider.url + path, json=body, verify=False) as response:
            for piece in response.iter_text():
                text += piece
    except httpx.HTTPError:
        return text, True
    return text, False


ERRORS = [
    ("rate_limit", 429, "rate_limit_exceeded", 429, "rate_limit_error"),
    ("quota", 429, "insufficient_quota", 400, "usage limits"),
    ("server_error", 500, "server_error", 500, "api_error"),
    ("overloaded", 503, "overloaded", 529, "overloaded_error"),
    ("context_overflow", 400, "context_length_exceeded", 400, "prompt is too long"),
    ("bad_key", 401, "invalid_api_key", 401, "authentication_error"),
    ("forbidden", 403, "request_forbidden", 403, "permission_error"),
    ("no_credit", 402, "more credits", 400, "credit balance is too low"),
    ("unknown_model", 404, "model_not_found", 404, "not_found_error"),
    ("html", 200, "<html>", 200, "<html>"),
    ("not_json", 400, "upstream said no", 400, "upstream said no"),
    ("empty", 200, "", 200, ""),
]


@pytest.mark.parametrize(("kind", "status", "words", "status_a", "words_a"), ERRORS)
def test_errors_are_worded_as_the_wire_does_and_cost_nothing(
    kind: str, status: int, words: str, status_a: int, words_a: str
) -> None:
    with play(kind, request=[1, 2]) as provider:
        for wire, expected, text in (("openai", status, words), ("anthropic", status_a, words_a)):
            response = post(provider, wire, stream=True)
            assert response.status_code == expected and text in response.text
        assert [request.fault for request in provider.requests] == [kind, kind]
        assert provider.invoice == [] and provider.requests[0].micro_dollars == 0
        assert post(provider, "openai").status_code == 200
        assert len(provider.invoice) == 1


def test_retry_after() -> None:
    with play("rate_limit", retry_after=2, retry_after_ms=1500) as provider:
        headers = post(provider, "openai").headers
        assert (headers["retry-after"], headers["retry-after-ms"]) == ("2", "1500")
    with play("overloaded", retry_after="Fri, 01 Jan 2038 00:00:00 GMT", status=502) as provider:
        response = post(provider, "anthropic")
        assert response.headers["retry-after"].startswith("Fri") and response.status_code == 502


def test_keys() -> None:
    with play("bad_key", echo_key=True) as provider:
        assert "sk-secret" in post(provider, "openai").text
    with ScriptedProvider({"lanes": [{"steps": [{"text": "x"}]}], "require_key": "sk-right"}) as provider:
        response = post(provider, "anthropic")
        assert response.status_code == 401 and "sk-" not in response.text
        assert httpx.get(provider.url + "/v1/models", verify=False).status_code == 401
        assert (
            httpx.get(
                provider.url + "/v1/models", headers={"authorization": "Bearer sk-right"}, verify=False
            ).status_code
            == 200
        )


@WIRES
def test_reset_before_the_headers(wire: str) -> None:
    with play("reset") as provider:
        assert stream_until_it_breaks(provider, wire) == ("", True)
        assert provider.wait_for_end(1).hung_up is None
        assert provider.invoice == []


@WIRES
def test_reset_in_the_middle(wire: str) -> None:
    with play("reset_mid", after=3) as provider:
        text, broke = stream_until_it_breaks(provider, wire)
        assert broke and text.count('"abcd"') == 3
        assert provider.wait_for_end(1).hung_up is None
        assert provider.invoice[0].usage.output == 3 and not provider.invoice[0].whole


@WIRES
def test_end_in_the_middle(wire: str) -> None:
    with play("eof_mid", after=2) as provider:
        text, broke = stream_until_it_breaks(provider, wire)
        assert not broke and text.count('"abcd"') == 2
        assert "DONE" not in text and "message_stop" not in text
        assert provider.invoice[0].usage.output == 2


@WIRES
def test_fault_after_more_deltas_than_there_are_strikes_before_the_end(wire: str) -> None:
    with play("eof_mid", after=99) as provider:
        text, _ = stream_until_it_breaks(provider, wire)
        assert (
            text.count('"abcd"') == 10
            and '"finish_reason": "stop"' not in text
            and "message_delta" not in text
        )


@WIRES
def test_stall_that_ends(wire: str) -> None:
    with play("stall", after=1, seconds=0.1) as provider:
        start = time.monotonic()
        text, broke = stream_until_it_breaks(provider, wire)
        assert not broke and text.count('"abcd"') == 10 and time.monotonic() - start > 0.1
        assert provider.invoice[0].whole


def test_keep_alive_comments() -> None:
    with play("keepalive_stall", after=0, seconds=0.12) as provider:
        text, _ = stream_until_it_breaks(provider, "openai")
        assert text.startswith(": keep-alive\n\n") and text.count(": keep-alive") == 3


@WIRES
def test_error_event(wire: str) -> None:
    with play("error_event", after=1) as provider:
        text, _ = stream_until_it_breaks(provider, wire)
        assert text.count('"abcd"') == 1 and "overloaded" in text.lower() and "DONE" not in text
        assert provider.invoice[0].usage.output == 1
    with play("error_event", after=0, status=429) as provider:
        text, _ = stream_until_it_breaks(provider, wire)
        assert "rate" in text.lower() and "message_start" not in text and provider.invoice == []


@WIRES
def test_garbage_line(wire: str) -> None:
    with play("malformed_sse", after=2) as provider:
        text, _ = stream_until_it_breaks(provider, wire)
        assert text.count('"abcd"') == 10
        bad = [line for line in text.splitlines() if line.startswith("data: {") and not line.endswith("}")]
        assert len(bad) == 1


@pytest.mark.parametrize("kind", ["eof_mid", "malformed_sse"])
def test_whole_replies_are_cut_too(kind: str) -> None:
    with play(kind) as provider:
        with pytest.raises(json.JSONDecodeError):
            post(provider, "openai").json()
        assert provider.invoice[0].usage.output == 0


def openai_calls(response: httpx.Response) -> list[dict[str, Any]]:
    calls: list[dict[str, Any]] = response.json()["choices"][0]["message"]["tool_calls"]
    return calls


def test_truncated_json() -> None:
    with play("truncated_json", {"calls": CALLS}, request=[1, 2]) as provider:
        response = post(provider, "openai")
        assert [call["function"]["arguments"] for call in openai_calls(response)] == ['{"path":', '{"path":']
        assert response.json()["choices"][0]["finish_reason"] == "tool_calls"
        text = post(provider, "anthropic", stream=True).text
        assert '"stop_reason": "tool_use"' in text and "a.py" not in text


def test_ids() -> None:
    with play("missing_ids", {"calls": CALLS}) as provider:
        assert [call.get("id") for call in openai_calls(post(provider, "openai"))] == [None, None]
    with play("duplicate_ids", {"calls": CALLS}) as provider:
        assert len({call["id"] for call in openai_calls(post(provider, "openai"))}) == 1
        assert len({call["id"] for call in openai_calls(post(provider, "openai"))}) == 2


@pytest.mark.parametrize(
    ("kind", "openai", "anthropic", "text"),
    [
        ("empty_reply", "stop", "end_turn", None),
        ("content_filter", "content_filter", "refusal", "abcd" * 5),
        ("max_tokens", "length", "max_tokens", "abcd" * 5),
    ],
)
def test_bent_replies(kind: str, openai: str, anthropic: str, text: str | None) -> None:
    with play(kind, request=[1, 2, 3, 4]) as provider:
        choice = post(provider, "openai").json()["choices"][0]
        assert choice["finish_reason"] == openai and choice["message"]["content"] == text
        whole = post(provider, "anthropic").json()
        assert whole["stop_reason"] == anthropic
        assert whole["content"] == ([{"type": "text", "text": text}] if text else [])
        for wire, word in (("openai", openai), ("anthropic", anthropic)):
            streamed = post(provider, wire, stream=True).text
            assert f'"{word}"' in streamed and "abcd" * 6 not in streamed
        assert {row.usage.output for row in provider.invoice} == {5 if text else 0}


def test_max_tokens_in_the_middle_of_a_call() -> None:
    with play("max_tokens", {"calls": CALLS}) as provider:
        text = post(provider, "anthropic", stream=True).text
        assert '"stop_reason": "max_tokens"' in text and "a.py" in text and "b.py" not in text


def test_faults_by_place_strike_so_many_times() -> None:
    scenario = {
        "lanes": [{"match": "other", "steps": []}, {"steps": [{"text": "x"}]}],
        "faults": [{"kind": "overloaded", "lane": 1, "step": 0, "times": 2}],
    }
    with ScriptedProvider(scenario) as provider:
        assert [post(provider, "anthropic").status_code for _ in range(3)] == [529, 529, 200]
        assert [seen.status for seen in provider.requests] == [529, 529, 200]


def test_window() -> None:
    with ScriptedProvider({"lanes": [{"steps": [{"text": "x"}]}], "window": 10}) as provider:
        assert "prompt is too long" in post(provider, "anthropic").text
        assert provider.mismatches == [] and provider.invoice == []

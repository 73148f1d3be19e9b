import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from kcode.errors import ProviderError, WindowFull
from kcode.llm import transport
from kcode.llm.deltas import Delta, FinishDelta, Heard, TextDelta, ThinkingBlock, ThinkingDelta, UsageDelta
from kcode.llm.transport import WireRequest
from kcode.messages import Reply, Usage
from kcode.scripted import ScriptedProvider
from tests.frames import Server, serving, sse

KEY = "sk-acme-0123456789abcdefghij"
TOOL = {"type": "function", "function": {"name": "read", "parameters": {"type": "object", "properties": {}}}}
WIRES = {
    "anthropic": ("anthropic/claude-x", ""),
    "openai": ("openai/gpt-x", "/v1"),
    "openrouter": ("openrouter/acme/x", "/v1"),
    "deepseek": ("deepseek/deepseek-chat", "/v1"),
}
STEP: dict[str, Any] = {
    "thinking": "Let me think.",
    "text": "I look.",
    "calls": [
        {"name": "read", "arguments": {"path": "a.py"}},
        {"name": "read", "arguments": {"path": "b.py"}},
    ],
    "chunk": 3,
}
EVERYWHERE = [*WIRES, "gemini/gemini-2.5-pro", "ollama_chat/q", "openai/responses/gpt-5.3-codex"]
every_wire = pytest.mark.parametrize("wire", WIRES)


def request(url: str, wire: str = "openai", **terms: Any) -> WireRequest:
    model, suffix = WIRES.get(wire, (wire, ""))
    return WireRequest.model_validate(
        {
            "provider": "Acme",
            "model": model,
            "messages": [{"role": "user", "content": "hi"}],
            "tools": [TOOL],
            "max_tokens": 2000,
            "base_url": url + suffix,
            "key": SecretStr(KEY),
            "key_hint": "ACME_API_KEY",
            "silence": 5,
            **terms,
        }
    )


async def listen(asked: WireRequest) -> tuple[list[Delta], ProviderError | None]:
    deltas: list[Delta] = []
    try:
        await transport.stream(asked, deltas.append)
    except ProviderError as error:
        return deltas, error
    return deltas, None


async def reply_to(asked: WireRequest) -> Reply:
    heard = Heard()
    await transport.stream(asked, heard.add)
    return heard.reply("acme/x")


async def failure_of(asked: WireRequest) -> ProviderError:
    _, error = await listen(asked)
    assert error is not None
    return error


def scripted(*steps: dict[str, Any], **terms: Any) -> ScriptedProvider:
    return ScriptedProvider({"lanes": [{"steps": list(steps)}], **terms})


def faulty(kind: str, **terms: Any) -> ScriptedProvider:
    return scripted(STEP, faults=[{"request": 1, "kind": kind, **terms}])


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    await transport.ready()
    async with serving() as played:
        yield played


def chat(delta: dict[str, Any] | None = None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    """A chunk on OpenAI's wire."""
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish}
    return {
        "id": "c-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "x",
        "choices": [choice],
        **more,
    }


def counted(**usage: Any) -> dict[str, Any]:
    return {**chat(), "choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 5, **usage}}


@every_wire
async def test_a_reply_arrives_piece_by_piece_and_whole(wire: str) -> None:
    with scripted(STEP) as provider:
        deltas, error = await listen(request(provider.url, wire))
    heard = Heard()
    for delta in deltas:
        heard.add(delta)
    assert error is None
    assert [type(delta) for delta in deltas].count(TextDelta) > 1
    assert "".join(d.text for d in deltas if isinstance(d, ThinkingDelta)) == "Let me think."
    assert heard.text == "I look."
    assert [(call.name, json.loads(call.arguments)) for call in heard.calls] == [
        ("read", {"path": "a.py"}),
        ("read", {"path": "b.py"}),
    ]
    assert isinstance(deltas[-1], FinishDelta)
    assert heard.stop == "calls"
    assert provider.mismatches == []


@every_wire
async def test_the_counts_are_those_of_the_invoice(wire: str) -> None:
    with scripted(STEP, cache={"min_tokens": 1}) as provider:
        asked = request(provider.url, wire, messages=[{"role": "user", "content": "hi " * 600}])
        for _ in range(2):
            reply = await reply_to(asked)
        billed = provider.invoice[-1].usage
    assert reply.usage.fresh == billed.fresh
    assert reply.usage.cached == billed.cached
    assert reply.usage.output == billed.output
    assert (reply.usage.cached > 0) == (wire != "anthropic")


async def test_anthropics_input_is_known_before_its_first_word() -> None:
    with scripted(STEP) as provider:
        deltas, _ = await listen(request(provider.url, "anthropic"))
    first, *_, last = [delta for delta in deltas if isinstance(delta, UsageDelta)]
    assert deltas[0] == first
    assert first.is_partial
    assert not last.is_partial
    assert first.usage.input == last.usage.input > 0


async def test_a_signed_thought_goes_back_as_it_came() -> None:
    with scripted(STEP) as provider:
        reply = await reply_to(request(provider.url, "anthropic"))
    (block,) = reply.thinking
    assert block["type"] == "thinking"
    assert block["thinking"] == "Let me think."
    assert block["signature"]


@every_wire
async def test_counts_that_nobody_told_are_not_made_up(wire: str) -> None:
    with scripted(STEP, report_usage=False) as provider:
        reply = await reply_to(request(provider.url, wire))
        deltas, _ = await listen(request(provider.url, wire))
    assert reply.usage == Usage()
    assert not [delta for delta in deltas if isinstance(delta, UsageDelta)]


@every_wire
@pytest.mark.parametrize(
    ("kind", "trouble", "status"),
    [
        ("rate_limit", "rate_limit", 429),
        ("quota", "credit", None),
        ("server_error", "server", 500),
        ("overloaded", "overloaded", None),
        ("context_overflow", "window", 400),
        ("bad_key", "key", 401),
        ("no_credit", "credit", None),
        ("unknown_model", "model", 404),
        ("html", "garbled", None),
        ("not_json", "request", 400),
        ("empty", "empty", None),
        ("empty_reply", "empty", None),
        ("reset", "unreachable", None),
        ("reset_mid", "cut", None),
        ("eof_mid", "cut", None),
        ("error_event", "overloaded", None),
        ("malformed_sse", "garbled", None),
    ],
)
async def test_a_failure_is_one_request_and_one_trouble(
    wire: str, kind: str, trouble: str, status: int | None
) -> None:
    with faulty(kind) as provider:
        error = await failure_of(request(provider.url, wire))
    assert error.trouble == trouble
    assert isinstance(error, WindowFull) == (trouble == "window")
    assert status is None or error.status == status
    assert str(error).startswith("Acme ")
    assert len(provider.requests) == 1


@every_wire
@pytest.mark.parametrize("kind", ["stall", "keepalive_stall"])
async def test_silence_ends_at_its_limit_also_when_the_line_is_kept_open(wire: str, kind: str) -> None:
    with faulty(kind, after=3) as provider:
        began = time.monotonic()
        error = await failure_of(request(provider.url, wire, silence=0.4))
        assert 0.4 <= time.monotonic() - began < 1.5
        assert error.trouble == "timeout"
        assert (await asyncio.to_thread(provider.wait_for_hang_up, 1)).hung_up


@every_wire
async def test_the_provider_is_given_up_before_its_headers_too(wire: str) -> None:
    with scripted({"text": "late", "first_delay": 3}) as provider:
        error = await failure_of(request(provider.url, wire, silence=0.3))
        assert error.trouble == "timeout"
        assert (await asyncio.to_thread(provider.wait_for_hang_up, 1)).hung_up


async def test_news_begin_the_silence_anew() -> None:
    with scripted({"text": "slow but alive", "chunk": 2, "pace": 0.15}) as provider:
        assert (await reply_to(request(provider.url, silence=0.5))).text == "slow but alive"


@every_wire
@pytest.mark.parametrize(
    ("kind", "stop"), [("content_filter", "refused"), ("max_tokens", "length"), ("truncated_json", "calls")]
)
async def test_how_it_stopped_is_told(wire: str, kind: str, stop: str) -> None:
    with faulty(kind) as provider:
        assert (await reply_to(request(provider.url, wire))).stop == stop


@every_wire
@pytest.mark.parametrize("kind", ["missing_ids", "duplicate_ids"])
async def test_every_call_has_an_id_of_its_own(wire: str, kind: str) -> None:
    with faulty(kind) as provider:
        calls = (await reply_to(request(provider.url, wire))).calls
    assert len({call.id for call in calls}) == 2
    assert all(call.id for call in calls)


@pytest.mark.parametrize(
    ("terms", "seconds"),
    [
        ({"retry_after": 7}, 7),
        ({"retry_after_ms": 1500}, 1.5),
        ({"retry_after": "Wed, 21 Oct 2015 07:28:00 GMT"}, None),
    ],
)
@every_wire
async def test_the_providers_wish_to_wait_is_passed_on(
    wire: str, terms: dict[str, Any], seconds: float | None
) -> None:
    with faulty("rate_limit", **terms) as provider:
        assert (await failure_of(request(provider.url, wire))).retry_after == seconds


@every_wire
@pytest.mark.parametrize("kind", ["bad_key", "rate_limit", "server_error"])
async def test_a_key_that_the_provider_repeats_is_struck_out(wire: str, kind: str) -> None:
    with faulty(kind, echo_key=True) as provider:
        asked = request(provider.url, wire, headers={"x-second-key": "hush-hush-hush"})
        error = await failure_of(asked)
    assert KEY not in str(error)
    assert KEY not in repr(asked)
    assert "hush-hush-hush" not in repr(asked)


@every_wire
async def test_no_way_leads_from_an_error_to_frames_that_hold_the_key(wire: str) -> None:
    with faulty("bad_key", echo_key=True) as provider:
        error = await failure_of(request(provider.url, wire))
    assert error.__cause__ is None
    assert error.__context__ is None
    trace = error.__traceback__
    while trace is not None:
        shown = {name: value for name, value in trace.tb_frame.f_locals.items() if name != "KEY"}
        assert KEY not in repr(shown)
        trace = trace.tb_next


async def test_a_bad_key_is_named_with_the_place_where_it_is_set() -> None:
    with faulty("bad_key") as provider:
        error = await failure_of(request(provider.url))
    assert str(error) == "Acme does not accept the key (401): Incorrect API key provided. Check ACME_API_KEY."


async def test_nobody_at_the_other_end_is_unreachable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        error = await failure_of(request(f"http://127.0.0.1:{taken.getsockname()[1]}"))
    assert error.trouble == "unreachable"
    assert error.status is None


@pytest.mark.skipif(sys.platform != "linux", reason="a full queue is deaf only on Linux")
@pytest.mark.parametrize("wire", EVERYWHERE)
async def test_who_does_not_answer_the_call_is_not_waited_for(
    wire: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "CONNECT", 0.2)
    with ExitStack() as open_sockets:
        deaf, *callers = [open_sockets.enter_context(socket.socket()) for _ in range(4)]
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        for caller in callers:  # they fill its queue
            caller.setblocking(False)
            caller.connect_ex(deaf.getsockname())
        error = await failure_of(request(f"http://127.0.0.1:{deaf.getsockname()[1]}", wire))
    assert error.trouble == "unreachable"


async def test_a_password_in_the_address_is_not_shown() -> None:
    assert "secret-word" not in str(await failure_of(request("http://me:secret-word@127.0.0.1:9")))


@every_wire
@pytest.mark.parametrize("moment", ["at once", "before the headers", "in the middle", "in a stall"])
async def test_the_provider_sees_the_cancel_within_300_ms(wire: str, moment: str) -> None:
    step = {"text": "word " * 200, "chunk": 2, "pace": 0.01}
    delay = {"before the headers": 3.0}.get(moment, 0.0)
    faults = [{"request": 1, "kind": "stall", "after": 2}] if moment == "in a stall" else []
    with scripted({**step, "first_delay": delay}, faults=faults) as provider:
        task = asyncio.create_task(listen(request(provider.url, wire)))
        if moment == "at once":
            await asyncio.sleep(0)
        elif moment == "before the headers":
            await asyncio.to_thread(provider.wait_for_request, 1)
        else:
            await asyncio.to_thread(provider.wait_for_first_byte, 1)
        cancelled = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - cancelled < 0.3
        if moment == "at once":
            assert provider.requests == []
        else:
            seen = await asyncio.to_thread(provider.wait_for_hang_up, 1)
            assert seen.hung_up is not None
            assert seen.hung_up - cancelled < 0.3


@every_wire
async def test_a_burst_does_not_hold_the_loop(wire: str) -> None:
    with scripted({"text": "x" * 3000, "chunk": 1}) as provider:
        longest, last, heard = 0.0, time.monotonic(), Heard()
        task = asyncio.create_task(transport.stream(request(provider.url, wire), heard.add))
        while not task.done():
            await asyncio.sleep(0)
            now = time.monotonic()
            longest, last = max(longest, now - last), now
    assert heard.text == "x" * 3000
    assert longest < 0.25


async def test_it_works_on_the_loop_of_another_thread() -> None:
    provider = scripted(STEP).start()

    async def ask() -> Reply:
        reply = await reply_to(request(provider.url, "anthropic"))
        await asyncio.to_thread(provider.close)
        await asyncio.sleep(0.05)  # the connection ends before its loop does
        return reply

    assert (await asyncio.to_thread(lambda: asyncio.run(ask()))).text == "I look."


async def test_text_about_the_end_of_a_stream_is_text(server: Server) -> None:
    server.play(sse(chat({"content": 'if data == "[DONE]": '}), chat({"content": "break"}), chat({}, "stop")))
    for wire in ("openai", "openrouter", "deepseek"):
        assert (await reply_to(request(server.url, wire))).text == 'if data == "[DONE]": break'


async def test_line_separators_of_unicode_are_no_ends_of_lines(server: Server) -> None:
    server.play(sse(chat({"content": "a\u2028b"}), chat({"content": "c"}), chat({}, "stop")))
    assert (await reply_to(request(server.url))).text == "a\u2028bc"


async def test_a_character_cut_in_two_is_put_together(server: Server) -> None:
    pieces = [
        chat({"content": "\ud83d"}),
        chat({"content": "\ude00!"}),
        chat({"content": "\udc00"}),
        chat({}, "stop"),
    ]
    server.play(*(f"data: {json.dumps(piece)}\n\n".encode() for piece in pieces))
    assert (await reply_to(request(server.url))).text == "😀!\ufffd"


async def test_bytes_of_a_character_may_come_in_two_packets(server: Server) -> None:
    whole = sse(chat({"content": "grün"}), chat({}, "stop"))
    cut = whole.index("ü".encode()) + 1
    server.play(whole[:cut], 0.05, whole[cut:])
    assert (await reply_to(request(server.url))).text == "grün"


async def test_an_answer_is_whole_when_the_provider_forgets_to_hang_up(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "GRACE", 0.2)
    server.play(sse(chat({"content": "done"}), chat({}, "stop")), 5.0)
    assert (await reply_to(request(server.url))).text == "done"
    await asyncio.wait_for(server.left.wait(), 1)


async def test_a_provider_that_gives_up_in_the_middle_is_no_end(server: Server) -> None:
    server.play(sse(chat({"content": "half"}), chat({}, "error")))
    assert (await failure_of(request(server.url, "openrouter"))).trouble == "server"


async def test_thinking_in_tags_is_thinking(server: Server) -> None:
    server.play(sse(*(chat({"content": c}) for c in "<think>hm</think>\n\nyes"), chat({}, "stop")))
    deltas, _ = await listen(request(server.url))
    assert "".join(d.text for d in deltas if isinstance(d, ThinkingDelta)) == "hm"
    assert "".join(d.text for d in deltas if isinstance(d, TextDelta)) == "yes"


async def test_openrouters_price_and_signed_details_are_kept(server: Server) -> None:
    details = [{"type": "reasoning.text", "text": "h", "index": 0, "format": "anthropic-claude-v1"}]
    more = [{"type": "reasoning.text", "text": "m", "index": 0}]
    signed = [{"type": "reasoning.text", "signature": "sig", "index": 0}]
    server.play(
        sse(
            chat({"content": "", "reasoning": "h", "reasoning_details": details}),
            chat({"content": "", "reasoning": "m", "reasoning_details": more}),
            chat({"content": "", "reasoning_details": signed}),
            chat({"content": "yes"}),
            chat({}, "stop"),
            counted(cost=0.0123456, prompt_tokens_details={"cached_tokens": 4, "cache_write_tokens": 3}),
        ),
    )
    deltas, _ = await listen(request(server.url, "openrouter"))
    (block,) = [delta.block for delta in deltas if isinstance(delta, ThinkingBlock)]
    merged = {
        "type": "reasoning.text",
        "text": "hm",
        "index": 0,
        "format": "anthropic-claude-v1",
        "signature": "sig",
    }
    assert block == {"type": "reasoning_details", "reasoning_details": [merged]}
    (told,) = [delta for delta in deltas if isinstance(delta, UsageDelta)]
    assert told.reported_micro_dollars == 12346
    assert told.usage == Usage(fresh=3, cached=4, stored=3, output=5)


async def test_behind_a_router_the_users_own_provider_is_paid_too(server: Server) -> None:
    end = counted(cost=0.001, is_byok=True, cost_details={"upstream_inference_cost": 0.02})
    server.play(sse(chat({"content": "yes"}, "stop"), end))
    deltas, _ = await listen(request(server.url, "openrouter"))
    assert [d.reported_micro_dollars for d in deltas if isinstance(d, UsageDelta)] == [21_000]


@pytest.mark.parametrize(
    ("model", "usage"),
    [
        ("moonshot/kimi-k2.5", {"cached_tokens": 4}),
        ("deepseek/deepseek-chat", {"prompt_cache_hit_tokens": 4, "prompt_cache_miss_tokens": 6}),
        ("openai/gpt-x", {"prompt_tokens_details": {"cached_tokens": 4}}),
    ],
)
async def test_cached_tokens_are_found_wherever_the_provider_puts_them(
    server: Server, model: str, usage: dict[str, Any]
) -> None:
    server.play(sse(chat({"content": "yes"}, "stop"), counted(**usage)))
    assert (await reply_to(request(server.url, model))).usage == Usage(fresh=6, cached=4, output=5)


async def test_moonshots_counts_may_stand_in_the_choice(server: Server) -> None:
    last = chat({}, "stop")
    last["choices"][0]["usage"] = {"prompt_tokens": 10, "completion_tokens": 5, "cached_tokens": 4}
    server.play(sse(chat({"content": "yes"}), last))
    assert (await reply_to(request(server.url, "moonshot/kimi-k2.5"))).usage.cached == 4


@pytest.mark.parametrize("model", ["moonshot/kimi-k2.5", "deepseek/deepseek-chat", "openai/m"])
async def test_reasoning_without_signature_goes_back_as_one_text(server: Server, model: str) -> None:
    thoughts = [chat({"reasoning_content": text}) for text in ("let ", "me see")]
    server.play(sse(*thoughts, chat({"content": "yes"}, "stop")))
    reply = await reply_to(request(server.url, model))
    assert reply.thinking == ({"type": "reasoning_content", "text": "let me see"},)


async def test_gemini_is_read(server: Server) -> None:
    def part(**content: Any) -> dict[str, Any]:
        return {
            "candidates": [{"content": {"role": "model", "parts": [content]}, "index": 0}],
            "responseId": "g-1",
        }

    call = part(functionCall={"name": "read", "args": {"path": "a"}}, thoughtSignature="c2ln")
    last = part(text="")
    last["candidates"][0]["finishReason"] = "STOP"
    last["usageMetadata"] = {
        "promptTokenCount": 10,
        "cachedContentTokenCount": 4,
        "candidatesTokenCount": 5,
        "thoughtsTokenCount": 3,
        "totalTokenCount": 18,
    }
    server.play(sse(part(text="hm", thought=True), part(text="I look."), call, last))
    reply = await reply_to(request(server.url, "gemini/gemini-2.5-pro"))
    assert (reply.text, reply.stop) == ("I look.", "calls")
    assert reply.usage == Usage(fresh=6, cached=4, output=8, reasoning=3)
    assert json.loads(reply.calls[0].arguments) == {"path": "a"}
    assert "c2ln" in json.dumps([reply.calls[0].id, reply.calls[0].extra])


@pytest.mark.parametrize(("reason", "trouble"), [(None, "cut"), ("MALFORMED_FUNCTION_CALL", "garbled")])
async def test_gemini_ends_only_with_its_own_word(server: Server, reason: str | None, trouble: str) -> None:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": [{"text": "half"}]}, "index": 0}
    end = [{"candidates": [{"content": {}, "finishReason": reason, "index": 0}]}] if reason else []
    server.play(sse({"candidates": [candidate]}, *end))
    assert (await failure_of(request(server.url, "gemini/gemini-2.5-pro"))).trouble == trouble


async def test_ollama_is_read(server: Server) -> None:
    def line(done: bool = False, **message: Any) -> bytes:
        said = {"model": "q", "created_at": "x", "message": {"role": "assistant", "content": "", **message}}
        end = {"done_reason": "stop", "prompt_eval_count": 10, "eval_count": 5} if done else {}
        return json.dumps({**said, "done": done, **end}).encode() + b"\n"

    call = {"function": {"name": "read", "arguments": {"path": "a"}}}
    lines = [line(thinking="hm"), line(content="I look."), line(tool_calls=[call]), line(done=True)]
    server.play(*lines, headers={"content-type": "application/x-ndjson"})
    reply = await reply_to(request(server.url, "ollama_chat/q"))
    assert (reply.text, reply.stop, reply.usage) == ("I look.", "calls", Usage(fresh=10, output=5))
    assert json.loads(reply.calls[0].arguments) == {"path": "a"}
    assert reply.thinking == ({"type": "reasoning_content", "text": "hm"},)
    assert server.paths == ["/api/chat"]


async def test_encrypted_thoughts_of_responses_go_back_as_they_came(server: Server) -> None:
    thought = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "ENC"}
    said = {"type": "message", "id": "m_1", "role": "assistant", "status": "completed", "content": []}
    usage = {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 4},
        "output_tokens": 5,
        "total_tokens": 15,
    }
    whole = {"id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "x"}
    whole |= {
        "output": [thought, said],
        "usage": usage,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
    }
    text = {
        "type": "response.output_text.delta",
        "item_id": "m_1",
        "output_index": 1,
        "content_index": 0,
        "delta": "yes",
    }
    done = {"type": "response.output_item.done", "output_index": 0, "item": thought}
    server.play(sse(done, text, {"type": "response.completed", "response": whole}))
    reply = await reply_to(request(server.url, "openai/responses/gpt-5.3-codex"))
    assert (reply.text, reply.stop) == ("yes", "end")
    assert reply.usage == Usage(fresh=6, cached=4, output=5)
    assert reply.thinking[0]["reasoning_items"][0]["encrypted_content"] == "ENC"


async def test_the_tokens_of_a_call_without_arguments_are_an_empty_object(server: Server) -> None:
    call = {"index": 0, "id": "a", "type": "function", "function": {"name": "read", "arguments": ""}}
    server.play(sse(chat({"tool_calls": [call]}), chat({}, "tool_calls")))
    assert (await reply_to(request(server.url))).calls[0].arguments == "{}"


async def test_kcode_gives_its_own_name_and_no_other(server: Server) -> None:
    server.play(sse(chat({"content": "yes"}, "stop")))
    for wire in ("openai", "openrouter", "gemini/gemini-2.5-pro", "anthropic"):
        await listen(request(server.url, wire))
    assert all(head["user-agent"].startswith("kcode/") for head in server.heads)
    assert "litellm" not in json.dumps(server.heads).lower()
    assert [head.get("x-title") for head in server.heads] == [None, "kcode", None, None]
    assert not [name for head in server.heads for name in head if name.startswith("x-stainless")]


async def test_without_a_key_none_is_taken_from_the_environment(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "OLLAMA_API_KEY"):
        monkeypatch.setenv(name, "sk-of-somebody-else")
    for wire in ("openai", "anthropic", "ollama_chat/q"):
        await listen(request(server.url, wire, key=None))
    assert len(server.heads) == 3
    assert "sk-of-somebody-else" not in json.dumps(server.heads)


@pytest.mark.parametrize("wire", EVERYWHERE)
async def test_a_redirect_is_not_followed_and_no_key_goes_elsewhere(server: Server, wire: str) -> None:
    async with serving() as elsewhere:
        server.play(status="307 Temporary Redirect", headers={"location": f"{elsewhere.url}/v1"})
        error = await failure_of(request(server.url, wire))
        assert elsewhere.heads == []
    assert (error.trouble, error.status) == ("request", 307)
    assert f"{elsewhere.url}/v1. If you trust that address" in str(error)


@pytest.mark.parametrize("wire", EVERYWHERE)
async def test_a_request_whose_connection_is_lost_is_not_sent_again(server: Server, wire: str) -> None:
    server.play(status="")
    assert (await failure_of(request(server.url, wire))).trouble == "unreachable"
    assert len(server.heads) == 1


async def test_several_answers_may_come_at_once() -> None:
    steps = [
        {"match": f"number {n}.", "steps": [{"text": f"answer {n}", "chunk": 1, "pace": 0.001}]}
        for n in range(6)
    ]
    with ScriptedProvider({"lanes": steps}) as provider:
        asked = [
            request(provider.url, wire, messages=[{"role": "user", "content": f"number {n}."}])
            for n, wire in enumerate([*WIRES, "openai", "anthropic"])
        ]
        replies = await asyncio.gather(*map(reply_to, asked))
    assert [reply.text for reply in replies] == [f"answer {n}" for n in range(6)]


async def test_the_same_request_is_the_same_bytes(server: Server) -> None:
    server.play(sse(chat({"content": "yes"}, "stop")))
    for wire in (*WIRES, "gemini/gemini-2.5-pro", "ollama_chat/q"):
        server.bodies.clear()
        for _ in range(2):
            await listen(request(server.url, wire))
        first, second = map(json.dumps, server.bodies)
        assert first == second


PROBE = """
import asyncio, json, os, sys
refused = []
def guard(event, arguments):
    if event in ("socket.getaddrinfo", "socket.gethostbyname") and arguments[0] not in ("127.0.0.1", None):
        refused.append(str(arguments[0]))
        raise OSError("no network")
    if event == "socket.connect" and arguments[1][0] != "127.0.0.1":
        refused.append(str(arguments[1]))
        raise OSError("no network")
sys.addaudithook(guard)
from pydantic import SecretStr
from kcode.llm import transport
from kcode.errors import ProviderError
url, report = sys.argv[1:]
environment = dict(os.environ)
async def ask(model, base):
    asked = transport.WireRequest(provider="Acme", model=model, messages=[{"role": "user", "content": "hi"}],
        max_tokens=100, base_url=base, key=SecretStr("sk-acme-0123456789abcdefghij"), silence=5, effort="low")
    try:
        await transport.stream(asked, lambda delta: None)
    except ProviderError as error:
        return error.trouble
    return "whole"
async def main():
    for delay in (0.1, 20, *(number % 30 * 0.0002 for number in range(150))):
        task = asyncio.create_task(ask("deepseek/deepseek-chat", url + "/v1"))
        await asyncio.wait([task], timeout=delay)
        task.cancel()
    told = []
    for model, suffix in (("openai/gpt-x", "/v1"), ("anthropic/claude-x", ""), ("anthropic/claude-x", "/none"),
            ("openrouter/llama-3", "/v1"), ("deepseek/deepseek-chat", "/v1"), ("moonshot/kimi-k2.5", "/v1"),
            ("ollama_chat/llama3", ""), ("gemini/gemini-2.5-pro", ""), ("openai/responses/gpt-5.3-codex", "/v1")):
        told.append([model, await ask(model, url + suffix)])
    left = {k: v for k, v in os.environ.items() if environment.get(k) != v}
    with open(report, "w") as file:
        json.dump({"told": told, "refused": refused, "environment": left}, file)
asyncio.run(main())
"""


async def test_nothing_is_printed_nothing_else_is_asked_and_no_env_file_is_read(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("OPENAI_API_BASE=http://evil.example\n")
    (tmp_path / "probe.py").write_text(PROBE)
    report = tmp_path / "report.json"
    with scripted(STEP, STEP) as provider:
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "probe.py", provider.url, str(report)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.getcwd()},
            capture_output=True,
            timeout=120,
        )
    seen = json.loads(report.read_text())
    assert done.stdout + done.stderr == b""
    assert done.returncode == 0
    assert seen["refused"] == []
    assert [trouble for _, trouble in seen["told"]][:6] == [
        "whole",
        "whole",
        "model",
        "whole",
        "whole",
        "whole",
    ]
    assert not [name for name in seen["environment"] if name.startswith(("HF_", "LITELLM_", "OPENAI_"))]

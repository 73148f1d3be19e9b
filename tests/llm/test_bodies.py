"""What the providers really get of a conversation, after LiteLLM has written it in their way."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import SecretStr

from kcode.errors import ProviderError
from kcode.llm import cache, transport
from kcode.llm.transport import WireRequest
from kcode.llm.wire import Family, to_wire
from kcode.messages import Image, Message, Prompt, Reply, ToolCall, ToolResult
from tests.frames import Server, serving

PNG = Image(media_type="image/png", data="iVBORw0KGgo=")
SIGNED = {"type": "thinking", "thinking": "hm", "signature": "sig"}
REDACTED = {"type": "redacted_thinking", "data": "xyz"}
TOOL = {"type": "function", "function": {"name": "read", "parameters": {"type": "object", "properties": {}}}}


def conversation(model: str, *thinking: dict[str, Any], id: str = "a") -> list[Message]:
    return [
        Prompt(text="look at this", notes="today", images=(PNG,)),
        Reply(
            text="I look.",
            thinking=thinking,
            calls=(
                ToolCall(id=id, name="read", arguments='{"path": "a"}'),
                ToolCall(id="b", name="read", arguments="{"),
            ),
            model=model,
            stop="calls",
        ),
        ToolResult(call_id=id, text="what is in a", images=(PNG,)),
        ToolResult(call_id="b", text="no valid JSON", ok=False),
        Reply(calls=(ToolCall(id="c", name="read", arguments=""),), model=model, stop="calls"),
        ToolResult(call_id="c", text=""),
        Reply(text="", model=model, stop="cancelled"),
        Prompt(text="and now?"),
        Prompt(text="quick!"),
    ]


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    await transport.ready()
    async with serving() as played:
        played.play(status="400 Bad Request")
        yield played


async def body(
    server: Server, family: Family, litellm_model: str, messages: list[Message], **terms: Any
) -> Any:
    in_blocks = family == "anthropic" or "openrouter/anthropic" in litellm_model
    written = to_wire(family, litellm_model, "SYSTEM", "PROJECT", messages, in_blocks=in_blocks)
    request = WireRequest(
        provider="Acme",
        model=litellm_model,
        messages=cache.marked(written) if in_blocks else written,
        tools=[TOOL],
        max_tokens=16_000,
        base_url=server.url,
        key=SecretStr("sk-0123456789"),
        silence=5,
        **terms,
    )
    with pytest.raises(ProviderError):
        await transport.stream(request, print)
    return server.bodies[-1]


async def test_anthropic_gets_turns_that_alternate_and_blocks_that_are_whole(server: Server) -> None:
    sent = await body(
        server,
        "anthropic",
        "anthropic/claude-x",
        conversation("anthropic/claude-x", SIGNED, REDACTED, id="x:0/1"),
    )
    assert [m["role"] for m in sent["messages"]] == ["user", "assistant", "user", "assistant", "user"]
    assert [b["text"] for b in sent["system"]] == ["SYSTEM", "PROJECT"]
    prompt, reply, results, _, last = (m["content"] for m in sent["messages"])
    assert [b["type"] for b in prompt] == ["text", "text", "image"]
    assert reply[:2] == [SIGNED, REDACTED]
    assert [b["type"] for b in reply[2:]] == ["text", "tool_use", "tool_use"]
    assert reply[-1]["input"] == {"unparsed": "{"}
    assert [b["tool_use_id"] for b in results] == [b["id"] for b in reply[3:]]
    assert [b["type"] for b in results[0]["content"]] == ["text", "image"]
    assert [b["type"] for b in last] == ["tool_result", "text", "text"]
    assert (sent["max_tokens"], sent["stream"]) == (16_000, True)


async def test_the_cache_marks_reach_anthropic_and_are_four(server: Server) -> None:
    sent = await body(server, "anthropic", "anthropic/claude-x", conversation("anthropic/claude-x"))
    assert repr(sent).count("cache_control") == 4
    assert "cache_control" in sent["messages"][-1]["content"][-1]


async def test_a_mark_on_an_image_reaches_anthropic(server: Server) -> None:
    sent = await body(server, "anthropic", "anthropic/claude-x", [Prompt(text="see", images=(PNG,))])
    image = sent["messages"][-1]["content"][-1]
    assert (image["type"], "cache_control" in image) == ("image", True)


async def test_the_marks_pass_through_the_router(server: Server) -> None:
    sent = await body(
        server, "openrouter", "openrouter/anthropic/claude-x", conversation("openrouter/anthropic/claude-x")
    )
    assert repr(sent).count("cache_control") == 4


@pytest.mark.parametrize(
    ("family", "model"),
    [
        ("openai", "openai/gpt-4o"),
        ("compatible", "openai/m"),
        ("openrouter", "openrouter/acme/x"),
        ("deepseek", "deepseek/deepseek-chat"),
        ("moonshot", "moonshot/kimi-k2.5"),
    ],
)
async def test_others_get_results_directly_behind_their_calls(
    server: Server, family: Family, model: str
) -> None:
    sent = await body(server, family, model, conversation(model))
    roles = [m["role"] for m in sent["messages"]]
    assert roles == [
        "system",
        "user",
        "assistant",
        "tool",
        "tool",
        "user",
        "assistant",
        "tool",
        "user",
        "user",
    ]
    assert sent["messages"][0]["content"] == "SYSTEM\n\nPROJECT"
    assert sent["stream_options"] == {"include_usage": True}
    assert "cache_control" not in repr(sent)


async def test_gemini_gets_parts_and_its_signature_back(server: Server) -> None:
    extra = {"provider_specific_fields": {"thought_signature": "c2ln"}}
    call = ToolCall(id="call_1__thought__c2ln", name="read", arguments='{"path": "a"}', extra=extra)
    sent = await body(
        server,
        "gemini",
        "gemini/gemini-2.5-pro",
        [
            Prompt(text="go"),
            Reply(calls=(call,), model="gemini/gemini-2.5-pro"),
            ToolResult(call_id=call.id, text="A"),
        ],
    )
    assert [m["role"] for m in sent["contents"]] == ["user", "model", "user"]
    (part,) = sent["contents"][1]["parts"]
    assert part["function_call"]["args"] == {"path": "a"}
    assert "c2ln" in repr(part)


async def test_ollama_gets_images_and_arguments_as_objects(server: Server) -> None:
    sent = await body(
        server, "ollama", "ollama_chat/q", conversation("ollama_chat/q"), extra={"num_ctx": 32_000}
    )
    assert sent["messages"][1]["images"] == [PNG.data]
    assert sent["messages"][2]["tool_calls"][0]["function"]["arguments"] == {"path": "a"}
    assert sent["options"] == {"num_predict": 16_000, "num_ctx": 32_000}


async def test_responses_get_the_encrypted_thought_before_what_was_said(server: Server) -> None:
    item = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "ENC"}
    thinking = {"type": "reasoning_items", "reasoning_items": [item]}
    model = "openai/responses/gpt-5.3-codex"
    sent = await body(server, "openai", model, conversation(model, thinking), effort="high")
    kinds = [part.get("type") for part in sent["input"]]
    assert kinds.index("reasoning") < kinds.index("function_call") < kinds.index("function_call_output")
    assert "ENC" in repr(sent["input"])
    assert sent["store"] is False
    assert sent["include"] == ["reasoning.encrypted_content"]
    assert sent["reasoning"] == {"effort": "high"}
    assert sent["instructions"] == "SYSTEM\n\nPROJECT"


@pytest.mark.parametrize(
    "model", ["anthropic/claude-3-haiku-20240307", "openai/gpt-4o", "gemini/gemini-2.0-flash"]
)
async def test_who_does_not_reason_is_not_asked_to(server: Server, model: str) -> None:
    family: Family = (
        "anthropic" if model.startswith("anthropic") else "gemini" if "gemini" in model else "openai"
    )
    sent = await body(server, family, model, [Prompt(text="hi")], effort="high")
    assert not any(word in repr(sent) for word in ("thinking", "reasoning", "effort"))

"""Anthropic's messages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from kcode.scripted.asked import Asked, Turn
from kcode.scripted.blocks import Block, block, lifetime, parts_of, text_of
from kcode.scripted.reply import Part, Reply, pieces, sign
from kcode.scripted.wire import Bill, Delta, Json, Refusal, event

STOPS = {"end": "end_turn", "calls": "tool_use", "length": "max_tokens", "refused": "refusal"}
BAD = "invalid_request_error"
ERRORS: dict[str, tuple[int, str, str]] = {
    "bad_request": (400, BAD, "Invalid request."),
    "rate_limit": (429, "rate_limit_error", "This request would exceed your organization's rate limit."),
    "quota": (
        400,
        BAD,
        "You have reached your specified API usage limits. You will regain access on the 1st.",
    ),
    "server_error": (500, "api_error", "Internal server error"),
    "overloaded": (529, "overloaded_error", "Overloaded"),
    "context_overflow": (400, BAD, "prompt is too long: 208310 tokens > 200000 maximum"),
    "bad_key": (401, "authentication_error", "invalid x-api-key"),
    "forbidden": (
        403,
        "permission_error",
        "Your API key does not have permission to use the specified resource.",
    ),
    "no_credit": (
        400,
        BAD,
        "Your credit balance is too low to access the Anthropic API. "
        "Please go to Plans & Billing to upgrade or purchase credits.",
    ),
    "unknown_model": (404, "not_found_error", "model: {model}"),
}


class AnthropicWire:
    """The wire of `POST /v1/messages`."""

    name = "anthropic"

    def read(self, body: Json) -> Asked:
        return Asked(
            model=body["model"],
            stream=bool(body.get("stream")),
            system=text_of(body.get("system")),
            turns=[turn(message) for message in body["messages"]],
            blocks=blocks_of(body),
            max_tokens=body.get("max_tokens"),
        )

    def flaw(self, body: Json) -> str | None:
        return next(flaws(body), None)

    def opening(self, reply: Reply, bill: Bill | None) -> bytes:
        message = {**head(reply), "content": [], "stop_reason": None, "stop_sequence": None}
        if bill:
            message["usage"] = {**input_counts(bill), "output_tokens": min(bill.usage.output, 1)}
        start = event({"type": "message_start", "message": message}, "message_start")
        return start + event({"type": "ping"}, "ping")

    def deltas(self, reply: Reply) -> Iterator[Delta]:
        for index, part in enumerate(reply.parts):
            carried = started(index, part)
            if part.kind == "call":
                yield Delta(carried, index, len(part.name.encode()))
                carried = b""
            texts = list(pieces(part.text, reply.chunk))
            for n, piece in enumerate(texts, start=1):
                end = ended(index, part) if n == len(texts) else b""
                yield Delta(carried + grown(index, part, piece) + end, index, len(piece.encode()))
                carried = b""
            if not texts:
                yield Delta(carried + ended(index, part), index, 0)

    def closing(self, reply: Reply, bill: Bill | None) -> bytes:
        data: Json = {
            "type": "message_delta",
            "delta": {"stop_reason": stop_word(reply), "stop_sequence": None},
        }
        if bill:
            data["usage"] = {"output_tokens": bill.usage.output}
        return event(data, "message_delta") + event({"type": "message_stop"}, "message_stop")

    def whole(self, reply: Reply, bill: Bill | None) -> Json:
        usage = {"usage": {**input_counts(bill), "output_tokens": bill.usage.output}} if bill else {}
        content = [entire(part) for part in reply.parts]
        return {
            **head(reply),
            "content": content,
            "stop_reason": stop_word(reply),
            "stop_sequence": None,
            **usage,
        }

    def refusal(self, kind: str, message: str | None = None, model: str = "") -> Refusal:
        status, type_, words = ERRORS[kind]
        error = {"type": type_, "message": message or words.format(model=model)}
        return Refusal(status, {"type": "error", "error": error})

    def error_event(self, refusal: Refusal) -> bytes:
        return event(refusal.body, "error")

    def models(self, names: list[str]) -> Json:
        data = [
            {"type": "model", "id": name, "display_name": name, "created_at": "2024-01-01T00:00:00Z"}
            for name in names
        ]
        return {"data": data, "has_more": False, "first_id": names[0] if names else None}


def head(reply: Reply) -> Json:
    return {"id": f"msg_{reply.id}", "type": "message", "role": "assistant", "model": reply.model}


def stop_word(reply: Reply) -> str:
    return reply.stop_word or STOPS[reply.stop]


def started(index: int, part: Part) -> bytes:
    empty: dict[str, Json] = {
        "text": {"type": "text", "text": ""},
        "thinking": {"type": "thinking", "thinking": "", "signature": ""},
        "call": {"type": "tool_use", "id": part.id, "name": part.name, "input": {}},
    }
    data = {"type": "content_block_start", "index": index, "content_block": empty[part.kind]}
    return event(data, "content_block_start")


def grown(index: int, part: Part, piece: str) -> bytes:
    deltas = {
        "text": {"type": "text_delta", "text": piece},
        "thinking": {"type": "thinking_delta", "thinking": piece},
        "call": {"type": "input_json_delta", "partial_json": piece},
    }
    return block_delta(index, deltas[part.kind])


def ended(index: int, part: Part) -> bytes:
    """The end of a block; that of a thinking block begins with its signature."""
    signature = {"type": "signature_delta", "signature": sign(part.text)}
    signed = block_delta(index, signature) if part.kind == "thinking" else b""
    return signed + event({"type": "content_block_stop", "index": index}, "content_block_stop")


def block_delta(index: int, delta: Json) -> bytes:
    return event({"type": "content_block_delta", "index": index, "delta": delta}, "content_block_delta")


def entire(part: Part) -> Json:
    if part.kind == "text":
        return {"type": "text", "text": part.text}
    if part.kind == "thinking":
        return {"type": "thinking", "thinking": part.text, "signature": sign(part.text)}
    return {"type": "tool_use", "id": part.id, "name": part.name, "input": parsed(part.text)}


def parsed(arguments: str) -> Any:
    """Arguments as an object; this wire has no way to write invalid ones in one piece."""
    try:
        return json.loads(arguments)
    except json.JSONDecodeError:
        return {}


def input_counts(bill: Bill) -> Json:
    usage = bill.usage
    return {
        "input_tokens": usage.fresh,
        "cache_creation_input_tokens": usage.stored + usage.stored_1h,
        "cache_read_input_tokens": usage.cached,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.stored,
            "ephemeral_1h_input_tokens": usage.stored_1h,
        },
        "service_tier": "standard",
    }


def turn(message: Json) -> Turn:
    content = parts_of(message["content"])
    results = [part.get("content") for part in content if part.get("type") == "tool_result"]
    return Turn(message["role"], text_of(content), "\n".join(text_of(result) for result in results))


def blocks_of(body: Json) -> list[Block]:
    """Tools, system, messages. A `cache_control` on the request itself is one on its last block."""
    messages = [block(p, role=m["role"]) for m in body["messages"] for p in parts_of(m["content"])]
    system = [block(part, role="system") for part in parts_of(body.get("system"))]
    blocks = [*(block(tool) for tool in body.get("tools") or []), *system, *messages]
    if blocks and (mark := lifetime(body.get("cache_control"))):
        blocks[-1] = Block(blocks[-1].data, mark)
    return blocks


def flaws(body: Json) -> Iterator[str]:
    """What Anthropic refuses, in its words."""
    messages = merged(body["messages"])
    if not body.get("max_tokens"):
        yield "max_tokens: Field required"
    if not messages:
        yield "messages: at least one message is required"
    elif messages[0][0] != "user":
        yield 'messages: first message must use the "user" role'
    seen: set[str] = set()
    asked: list[str] = []
    for at, (_role, parts) in enumerate(messages):
        yield from part_flaws(at, parts)
        yield from answer_flaws(at, asked, parts)
        asked = [part["id"] for part in parts if part["type"] == "tool_use"]
        if len(set(asked)) < len(asked) or seen.intersection(asked):
            yield f"messages.{at}: `tool_use` ids must be unique"
        seen.update(asked)
    yield from answer_flaws(len(messages), asked, [])
    if messages and messages[-1][0] == "assistant":
        yield "This model does not support assistant message prefill. The conversation must end with a user message."


def merged(messages: list[Json]) -> list[tuple[str, list[Json]]]:
    """The messages with successive ones of one role made one, as the API does."""
    result: list[tuple[str, list[Json]]] = []
    for message in messages:
        if not result or result[-1][0] != message["role"]:
            result.append((message["role"], []))
        content = message["content"]
        result[-1][1].extend([{"type": "text", "text": content}] if isinstance(content, str) else content)
    return result


def part_flaws(at: int, parts: list[Json]) -> Iterator[str]:
    """What is wrong with single parts."""
    if not parts:
        yield f"messages.{at}: all messages must have non-empty content"
    for n, part in enumerate(parts):
        if part["type"] == "text" and not part["text"]:
            yield "messages: text content blocks must be non-empty"
        if part["type"] == "thinking" and part.get("signature") != sign(part["thinking"]):
            yield f"messages.{at}.content.{n}: Invalid `signature` in `thinking` block"
        if part["type"] == "tool_use" and not part.get("id"):
            yield f"messages.{at}.content.{n}.tool_use.id: String should have at least 1 character"


def answer_flaws(at: int, asked: list[str], parts: list[Json]) -> Iterator[str]:
    """Calls want all their results at the beginning of the next message, and no result comes uncalled."""
    results = [part["tool_use_id"] for part in parts if part["type"] == "tool_result"]
    leading = {part["tool_use_id"] for part in parts[: len(results)] if part["type"] == "tool_result"}
    for n, part in enumerate(parts):
        if part["type"] == "tool_result" and part["tool_use_id"] not in asked:
            yield (
                f"messages.{at}.content.{n}: unexpected `tool_use_id` found in `tool_result` blocks: "
                f"{part['tool_use_id']}. Each `tool_result` block must have a corresponding `tool_use` block "
                "in the previous message."
            )
    if missing := [id_ for id_ in asked if id_ not in leading]:
        yield (
            f"messages.{at - 1}: `tool_use` ids were found without `tool_result` blocks immediately after: "
            f"{', '.join(missing)}. Each `tool_use` block must have a corresponding `tool_result` block "
            "in the next message."
        )
    if len(set(results)) < len(results):
        yield f"messages.{at}: each tool_use must have a single result. Found multiple `tool_result` blocks"

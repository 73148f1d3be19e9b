"""OpenAI's chat completions, and what OpenRouter adds to them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kcode.scripted.asked import Asked, Turn
from kcode.scripted.blocks import Block, block, lifetime, parts_of, text_of
from kcode.scripted.reply import Part, Reply, pieces
from kcode.scripted.wire import Bill, Delta, Json, Refusal, event

SYSTEM = ("system", "developer")
STOPS = {"end": "stop", "calls": "tool_calls", "length": "length", "refused": "content_filter"}
CREATED = 1_700_000_000
ERRORS: dict[str, tuple[int, str, str | None, str]] = {
    "bad_request": (400, "invalid_request_error", None, "Invalid request."),
    "rate_limit": (
        429,
        "requests",
        "rate_limit_exceeded",
        "Rate limit reached for {model} on requests per min (RPM).",
    ),
    "quota": (
        429,
        "insufficient_quota",
        "insufficient_quota",
        "You exceeded your current quota, please check your plan and billing details.",
    ),
    "server_error": (500, "server_error", None, "The server had an error while processing your request."),
    "overloaded": (
        503,
        "server_error",
        "overloaded",
        "The engine is currently overloaded, please try again later.",
    ),
    "context_overflow": (
        400,
        "invalid_request_error",
        "context_length_exceeded",
        "This model's maximum context length is 128000 tokens. "
        "However, your messages resulted in 130123 tokens. Please reduce the length of the messages.",
    ),
    "bad_key": (401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
    "forbidden": (403, "request_forbidden", "unsupported_country_region_territory", "Country not supported."),
    "no_credit": (
        402,
        "insufficient_credits",
        None,
        "This request requires more credits, or fewer max_tokens. You requested up to 64000 tokens, "
        "but can only afford 18227.",
    ),
    "unknown_model": (
        404,
        "invalid_request_error",
        "model_not_found",
        "The model `{model}` does not exist or you do not have access to it.",
    ),
}


class OpenAIWire:
    """The wire of `POST /v1/chat/completions`."""

    name = "openai"

    def read(self, body: Json) -> Asked:
        options = body.get("stream_options") or {}
        router = body.get("usage") or {}
        stream = bool(body.get("stream"))
        return Asked(
            model=body["model"],
            stream=stream,
            system="\n".join(text_of(m.get("content")) for m in body["messages"] if m["role"] in SYSTEM),
            turns=[turn(message) for message in body["messages"] if message["role"] not in SYSTEM],
            blocks=[*tool_blocks(body), *(b for message in body["messages"] for b in blocks_of(message))],
            max_tokens=body.get("max_completion_tokens") or body.get("max_tokens"),
            wants_usage=not stream or bool(options.get("include_usage") or router.get("include")),
        )

    def flaw(self, body: Json) -> str | None:
        messages = body["messages"]
        return next(unanswered(messages), None) if messages else "Invalid 'messages': empty array."

    def opening(self, reply: Reply, bill: Bill | None) -> bytes:
        return chunk(reply, {"role": "assistant", "content": ""})

    def deltas(self, reply: Reply) -> Iterator[Delta]:
        calls = 0
        for index, part in enumerate(reply.parts):
            if part.kind == "call":
                yield Delta(chunk(reply, named(part, calls)), index, len(part.name.encode()))
            for piece in pieces(part.text, reply.chunk):
                yield Delta(chunk(reply, delta(part, piece, calls)), index, len(piece.encode()))
            calls += part.kind == "call"

    def closing(self, reply: Reply, bill: Bill | None) -> bytes:
        last = chunk(reply, {}, stop_word(reply))
        usage = event({**head(reply), "choices": [], "usage": counts(bill)}) if bill else b""
        return last + usage + b"data: [DONE]\n\n"

    def whole(self, reply: Reply, bill: Bill | None) -> Json:
        message: Json = {"role": "assistant", "content": reply.text("text") or None}
        if thinking := reply.text("thinking"):
            message.update(thought(thinking))
        if calls := reply.of("call"):
            message["tool_calls"] = [entire(part) for part in calls]
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": stop_word(reply)}
        usage = {"usage": counts(bill)} if bill else {}
        return {**head(reply), "object": "chat.completion", "choices": [choice], **usage}

    def refusal(self, kind: str, message: str | None = None, model: str = "") -> Refusal:
        status, type_, code, words = ERRORS[kind]
        text = message or words.format(model=model)
        return Refusal(status, {"error": {"message": text, "type": type_, "param": None, "code": code}})

    def error_event(self, refusal: Refusal) -> bytes:
        return event({"error": {**refusal.body["error"], "code": refusal.status}})

    def models(self, names: list[str]) -> Json:
        data = [{"id": name, "object": "model", "created": CREATED, "owned_by": "scripted"} for name in names]
        return {"object": "list", "data": data}


def head(reply: Reply) -> Json:
    return {
        "id": f"chatcmpl-{reply.id}",
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": reply.model,
    }


def chunk(reply: Reply, delta: Json, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return event({**head(reply), "choices": [choice], "usage": None})


def stop_word(reply: Reply) -> str:
    return reply.stop_word or STOPS[reply.stop]


def named(part: Part, number: int) -> Json:
    """The delta that opens a call; a call without an id has none on the wire either."""
    id_ = {"id": part.id} if part.id else {}
    call = {"index": number, **id_, "type": "function", "function": {"name": part.name, "arguments": ""}}
    return {"tool_calls": [call]}


def delta(part: Part, piece: str, number: int) -> Json:
    if part.kind == "call":
        return {"tool_calls": [{"index": number, "function": {"arguments": piece}}]}
    return thought(piece) if part.kind == "thinking" else {"content": piece}


def thought(text: str) -> Json:
    """Thinking under both names that are in use: DeepSeek's and OpenRouter's."""
    return {"reasoning_content": text, "reasoning": text}


def entire(part: Part) -> Json:
    id_ = {"id": part.id} if part.id else {}
    return {**id_, "type": "function", "function": {"name": part.name, "arguments": part.text}}


def counts(bill: Bill) -> Json:
    """The usage object: totals, and the cached and reasoning tokens among them."""
    usage = bill.usage
    cost = {} if bill.dollars is None else {"cost": bill.dollars}
    stored = usage.stored + usage.stored_1h
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "prompt_tokens_details": {
            "cached_tokens": usage.cached,
            **({"cache_write_tokens": stored} if stored else {}),
        },
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
        **cost,
    }


def turn(message: Json) -> Turn:
    text = text_of(message.get("content"))
    if message["role"] == "tool":
        return Turn("user", results=text)
    return Turn("assistant" if message["role"] == "assistant" else "user", text=text)


def tool_blocks(body: Json) -> list[Block]:
    return [block(tool) for tool in body.get("tools") or []]


def blocks_of(message: Json) -> Iterator[Block]:
    """Each part of the content, each call, and whatever else (thinking, say) a message has.

    A mark on the message itself is one on its last part."""
    context = {"role": message["role"], **{k: message[k] for k in ("name", "tool_call_id") if message.get(k)}}
    content = [block(part, **context) for part in parts_of(message.get("content"))]
    if content and (mark := lifetime(message.get("cache_control"))):
        content[-1] = Block(content[-1].data, mark)
    yield from content
    for call in message.get("tool_calls") or []:
        yield block(call, **context)
    for key in sorted(
        message.keys() - {"role", "name", "tool_call_id", "content", "tool_calls", "cache_control"}
    ):
        if message[key] is not None:
            yield block(message[key], **context, part=key)


def unanswered(messages: list[Json]) -> Iterator[str]:
    """Every call is answered by a tool message before anybody else speaks, and no answer comes uncalled."""
    open_: list[str] = []
    for at, message in enumerate(messages):
        if message["role"] == "tool":
            if message.get("tool_call_id") not in open_:
                yield f"messages.[{at}].role: a 'tool' message must follow one with its 'tool_calls' id."
                return
            open_.remove(message["tool_call_id"])
            continue
        if open_:
            yield missing_answers(open_)
        open_ = [call.get("id") or "" for call in message.get("tool_calls") or []]
        if "" in open_:
            yield f"Missing required parameter: 'messages[{at}].tool_calls[{open_.index('')}].id'."
        if len(set(open_)) < len(open_):
            yield f"Duplicate 'id' in 'messages[{at}].tool_calls'."
    if open_:
        yield missing_answers(open_)


def missing_answers(ids: list[Any]) -> str:
    return (
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
        f"'tool_call_id'. The following tool_call_ids did not have response messages: {', '.join(ids)}"
    )

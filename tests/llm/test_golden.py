"""Every usage of usages.toml, through the real transport, to the micro-dollar."""

import json
import tomllib
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from kcode.llm import transport
from kcode.llm.deltas import Delta, UsageDelta
from kcode.llm.transport import WireRequest
from kcode.messages import Usage
from kcode.spend.prices import PriceRow, Tier, cost, filled
from tests.frames import Server, serving, sse

TABLE = tomllib.loads((Path(__file__).parent / "usages.toml").read_text(encoding="utf-8"))
CASES = {case["name"]: case for case in TABLE["case"]}


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    await transport.ready()
    async with serving() as played:
        yield played


@pytest.mark.parametrize("name", CASES)
async def test_what_a_provider_says_is_priced_exactly(server: Server, name: str) -> None:
    case = CASES[name]
    play(server, case)
    told: list[Delta] = []
    await transport.stream(request(server.url, case["model"]), told.append)
    last = [delta for delta in told if isinstance(delta, UsageDelta)][-1]
    assert last.usage == Usage(**case["usage"]) and not last.is_partial
    assert last.reported_micro_dollars == case.get("reports")
    price = price_of(case)
    assert (cost(price, last.usage) if price else None) == case.get("costs")


def price_of(case: dict[str, Any]) -> PriceRow | None:
    if "prices" not in case:
        return None
    told = dict(TABLE["prices"][case["prices"]])
    above = dict(told.pop("above", {}))
    limit = above.pop("tokens", None)
    tiers = (Tier(least_input=limit + 1, **rates(above)),) if limit else ()
    return PriceRow(**rates(told), tiers=tiers, source="golden", date="2026-11-20")


def rates(told: dict[str, str]) -> dict[str, Any]:
    return filled(**{name: Decimal(text) for name, text in told.items()}, surcharge=False).model_dump()


def request(url: str, model: str) -> WireRequest:
    on_v1 = not model.startswith(("anthropic/", "gemini/", "ollama_chat/"))
    return WireRequest(
        provider="Acme",
        model=model,
        messages=[{"role": "user", "content": "hi"}],
        max_tokens=2000,
        base_url=url + ("/v1" if on_v1 else ""),
        key="k" * 20,
        silence=5,
    )


def play(server: Server, case: dict[str, Any]) -> None:
    says = json.loads(case["says"])
    match case["model"].split("/"):
        case ["anthropic", _]:
            server.play(named(*anthropic(json.loads(case["starts"]), says)))
        case ["gemini", _]:
            content = {"role": "model", "parts": [{"text": "yes"}]}
            end = {"content": content, "index": 0, "finishReason": "STOP"}
            server.play(sse({"candidates": [end], "usageMetadata": says, "responseId": "g"}))
        case ["ollama_chat", _]:
            said = {"model": "q", "created_at": "x", "message": {"role": "assistant", "content": "yes"}}
            line = json.dumps({**said, "done": True, "done_reason": "stop", **says}).encode() + b"\n"
            server.play(line, headers={"content-type": "application/x-ndjson"})
        case ["openai", "responses", _]:
            server.play(sse(*responses(says)))
        case _:
            server.play(sse(chunk([{"content": "yes"}], "stop"), chunk([], None) | {"usage": says}))


def chunk(deltas: list[dict[str, Any]], finish: str | None) -> dict[str, Any]:
    choices = [{"index": 0, "delta": delta, "finish_reason": finish} for delta in deltas]
    head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "x"}
    return head | {"choices": choices}


def anthropic(starts: dict[str, Any], says: dict[str, Any]) -> list[dict[str, Any]]:
    message = {"id": "m", "type": "message", "role": "assistant", "model": "x", "content": []}
    text = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "yes"}}
    return [
        {"type": "message_start", "message": message | {"stop_reason": None, "usage": starts}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        text,
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": says},
        {"type": "message_stop"},
    ]


def named(*events: dict[str, Any]) -> bytes:
    return b"".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in events)


def responses(says: dict[str, Any]) -> list[dict[str, Any]]:
    text = {"type": "response.output_text.delta", "item_id": "m", "output_index": 0, "content_index": 0}
    said = {"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": []}
    whole = {"id": "r", "object": "response", "created_at": 1, "status": "completed", "model": "x"}
    whole |= {
        "output": [said],
        "usage": says,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
    }
    return [text | {"delta": "yes"}, {"type": "response.completed", "response": whole}]

"""A client that leaves is noticed at once, and pays for what it heard."""

from __future__ import annotations

import json
import socket
import time
from typing import Any

import pytest

from kcode.scripted import ScriptedProvider

SOON = 0.02
PRICES = {"m": {"input": "1", "output": "1"}}


def connect(provider: ScriptedProvider, *, stream: bool = True, text: str = "go") -> socket.socket:
    """Sends a request by hand, so that a test can leave when it likes."""
    body = json.dumps({"model": "m", "stream": stream, "messages": [{"role": "user", "content": text}]})
    port = int(provider.url.rsplit(":", 1)[1])
    client = socket.create_connection(("127.0.0.1", port))
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    client.sendall((head + body).encode())
    return client


def read_until(client: socket.socket, word: bytes, times: int = 1) -> None:
    seen = b""
    while seen.count(word) < times:
        seen += client.recv(65536)


def play(step: dict[str, Any], **fault: Any) -> ScriptedProvider:
    faults = [{"request": 1, **fault}] if fault else []
    return ScriptedProvider({"lanes": [{"steps": [step]}], "faults": faults, "prices": PRICES})


@pytest.mark.parametrize(
    ("step", "fault", "stream"),
    [
        ({"text": "x", "first_delay": 60}, {}, True),
        ({"text": "x", "first_delay": 60}, {}, False),
        ({"text": "x"}, {"kind": "stall", "after": 0}, True),
        ({"text": "x"}, {"kind": "stall"}, False),
        ({"text": "x"}, {"kind": "keepalive_stall", "after": 0}, True),
    ],
    ids=["delay", "delay, whole", "stall", "stall, whole", "keep-alive"],
)
def test_before_the_first_token(step: dict[str, Any], fault: dict[str, Any], stream: bool) -> None:
    with play(step, **fault) as provider:
        client = connect(provider, stream=stream)
        provider.wait_for_request(1)
        time.sleep(0.05)
        left = time.monotonic()
        client.close()
        seen = provider.wait_for_hang_up(1)
        assert seen.hung_up is not None and seen.hung_up - left < SOON
        assert seen.first_byte is None
        assert [(row.usage.fresh, row.usage.output, row.whole) for row in provider.invoice] == [
            (14, 0, False)
        ]
        assert provider.total == seen.micro_dollars == 14


def test_between_deltas() -> None:
    with play({"text": "abcd" * 20, "chunk": 4, "pace": 0.03}) as provider:
        client = connect(provider)
        read_until(client, b'"abcd"', 3)
        left = time.monotonic()
        client.close()
        seen = provider.wait_for_hang_up(1)
        assert seen.hung_up is not None and seen.hung_up - left < SOON
        assert seen.usage.output in (3, 4) and provider.total == 14 + seen.usage.output


def test_in_a_stall_after_some_deltas() -> None:
    with play({"text": "abcd" * 9, "chunk": 4}, kind="stall", after=5) as provider:
        client = connect(provider)
        read_until(client, b'"abcd"', 5)
        client.close()
        assert provider.wait_for_hang_up(1).usage.output == 5


def test_after_the_end_is_no_hang_up() -> None:
    with play({"text": "x"}) as provider:
        client = connect(provider)
        read_until(client, b"[DONE]")
        client.close()
        assert provider.wait_for_end(1).hung_up is None and provider.invoice[0].whole


def test_closing_the_provider_is_quick_and_no_hang_up() -> None:
    provider = play({"text": "x", "first_delay": 60}).start()
    client = connect(provider)
    provider.wait_for_request(1)
    start = time.monotonic()
    provider.close()
    client.close()
    assert time.monotonic() - start < 1 and provider.requests[0].hung_up is None


def test_waiting_has_an_end() -> None:
    with play({"text": "x"}) as provider, pytest.raises(TimeoutError, match="0 requests"):
        provider.wait_for(1, timeout=0.01)


def test_what_is_stored_can_be_read_when_the_first_token_has_left() -> None:
    rules = {"min_tokens": 1, "chunk": 1}
    lanes = [{"steps": [{"text": "abcd", "first_delay": 0.1}]}]
    with ScriptedProvider({"lanes": lanes, "cache": rules}) as provider:
        both = [connect(provider), connect(provider)]
        for client in both:
            read_until(client, b"[DONE]")
        third = connect(provider)
        read_until(third, b"[DONE]")
        for client in (*both, third):
            client.close()
        assert [row.usage.cached for row in provider.invoice] == [0, 0, 14]

"""`python -m kcode.scripted`, and scenarios as files."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pydantic
import pytest

import kcode.scripted
from kcode.scripted import Scenario, ScriptedProvider

GO = {"model": "m", "max_tokens": 99, "messages": [{"role": "user", "content": "go"}]}


def test_the_example_of_the_package_is_a_scenario() -> None:
    text = re.search(r"^    \{\n.*?^    \}\n", kcode.scripted.__doc__ or "", re.DOTALL | re.MULTILINE)
    assert text is not None
    example = Scenario.of(json.loads(text[0]))
    assert [len(lane.steps) for lane in example.lanes] == [2, 1]
    with ScriptedProvider(example) as provider:
        body = {
            **GO,
            "model": "claude-demo",
            "messages": [{"role": "user", "content": "please fix the test"}],
        }
        content = httpx.post(provider.url + "/v1/messages", json=body, verify=False).json()["content"]
        assert content[2]["input"] == {"path": "/tmp/demo/sums.py"}
        assert provider.total > 0


def test_misspelled_fields_are_errors() -> None:
    with pytest.raises(pydantic.ValidationError, match="txet"):
        Scenario.of({"lanes": [{"steps": [{"txet": "x"}]}]})


def test_a_port_in_use_is_an_error() -> None:
    with ScriptedProvider({}) as provider, pytest.raises(OSError, match="in use"):
        ScriptedProvider({}, port=int(provider.url.rsplit(":", 1)[1])).start()


def test_the_program_serves_and_prints_its_invoice(tmp_path: Path) -> None:
    path = tmp_path / "scenario.json"
    path.write_text(
        '{"lanes": [{"steps": [{"text": "four"}]}], "prices": {"m": {"input": "2", "output": "10"}}}'
    )
    command = [sys.executable, "-m", "kcode.scripted", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ}) as program:
        assert program.stdout is not None
        url = program.stdout.readline().split()[-1]
        assert httpx.post(url + "/v1/messages", json=GO, verify=False).json()["content"][0]["text"] == "four"
        program.send_signal(signal.SIGINT)
        rest = program.stdout.read()
    assert program.returncode == 0 and re.search(r"1 m +14 +0 +0 +1 +38", rest), rest


def test_a_large_request_is_quick() -> None:
    parts = [{"type": "text", "text": "word " * 200} for _ in range(1000)]
    body = {**GO, "messages": [{"role": "user", "content": parts}]}
    with ScriptedProvider({"lanes": [{"steps": [{"text": "x"}]}]}) as provider:
        start = time.monotonic()
        for path in ("/v1/messages", "/v1/chat/completions", "/v1/chat/completions"):
            httpx.post(provider.url + path, json=body, verify=False)
        assert time.monotonic() - start < 1
        assert provider.invoice[2].usage.cached > 250_000


def test_a_long_reply_streams() -> None:
    step = {"text": "abcd" * 5000, "chunk": 4}
    with ScriptedProvider({"lanes": [{"steps": [step]}]}) as provider:
        body = {**GO, "max_tokens": 10_000, "stream": True}
        text = httpx.post(provider.url + "/v1/messages", json=body, verify=False).text
        assert text.count('"abcd"') == 5000 and provider.invoice[0].usage.output == 5000

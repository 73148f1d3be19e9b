"""The invoice's arithmetic, to the micro-dollar."""

from __future__ import annotations

import httpx
import pytest

from kcode.scripted import Price, ScriptedProvider, Usage
from kcode.scripted.invoice import micro_dollars, table

PRICE = Price.model_validate(
    {
        "input": "3",
        "output": "15",
        "cached": "0.3",
        "stored": "3.75",
        "stored_1h": "6",
        "long_context": {"above": 1000, "input": "6", "output": "22.5", "cached": "0.6"},
    }
)


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (Usage(fresh=10, output=2), 60),
        (Usage(cached=1), 0),
        (Usage(cached=5), 2),  # 1.5 is rounded up
        (Usage(fresh=100, cached=200, stored=300, stored_1h=400, output=7, reasoning=5), 3990),
        (Usage(fresh=1001, output=1), 6029),  # 6006 + 22.5
        (Usage(stored=501, stored_1h=500), 6006),  # above the limit together, at the dearer input rate
        (Usage(), 0),
    ],
)
def test_micro_dollars(usage: Usage, expected: int) -> None:
    assert micro_dollars(usage, PRICE) == expected


def test_without_a_price_nothing_is_claimed() -> None:
    assert micro_dollars(Usage(fresh=10), None) is None


def test_sums_that_floats_get_wrong() -> None:
    price = Price.model_validate({"input": "0.1", "output": "0.7"})
    assert micro_dollars(Usage(fresh=3, output=1), price) == 1
    assert micro_dollars(Usage(fresh=10**15 + 5, output=0), price) == 10**14 + 1


def test_rows_and_total() -> None:
    scenario = {
        "lanes": [{"steps": [{"text": "four"}]}],
        "prices": {"m": {"input": "2", "output": "10"}},
        "openrouter_cost": True,
    }
    with ScriptedProvider(scenario) as provider:
        body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
        usage = httpx.post(provider.url + "/v1/chat/completions", json=body, verify=False).json()["usage"]
        httpx.post(provider.url + "/v1/chat/completions", json={**body, "model": "unknown"}, verify=False)
        # {"role":"user","content":{"type":"text","text":"hi"}} has 53 bytes: 14 tokens; the reply has one.
        assert usage["prompt_tokens"] == 14 and usage["cost"] == 38e-6
        assert [row.micro_dollars for row in provider.invoice] == [38, None]
        assert provider.total == 38
        assert "38" in table(provider.invoice) and "?" in table(provider.invoice)

from typing import Any

import pytest
from pydantic import SecretStr

from kcode.events import Effort
from kcode.llm.asking import WireRequest, arguments

MODELS = {
    "claude-adaptive": {"supports_adaptive_thinking": True, "supports_max_reasoning_effort": True},
    "claude-older": {"supports_reasoning": True},
    "gpt-thinks": {"supports_reasoning": True, "supports_xhigh_reasoning_effort": True},
    "gpt-talks": {"supports_vision": True},
    "moonshot/kimi": {"reasoning_effort_levels": ["low", "high", "max"]},
    "mistral/medium": {"reasoning_effort_levels": ["none", "high"]},
}


def asked(model: str, **terms: Any) -> dict[str, Any]:
    messages = [{"role": "assistant", "content": "yes", "reasoning_items": [{"id": "rs_1"}]}]
    request = WireRequest.model_validate(
        {"model": model, "provider": "Acme", "messages": messages, "max_tokens": 16_000} | terms
    )
    return arguments(request, MODELS)


@pytest.mark.parametrize(
    ("model", "effort", "sent"),
    [
        ("anthropic/claude-adaptive", "max", "max"),
        ("anthropic/claude-older", "max", "xhigh"),
        ("anthropic/claude-unheard-of", "max", "high"),
        ("openai/gpt-thinks", "max", "xhigh"),
        ("openai/gpt-talks", "max", "high"),
        ("openrouter/acme/x", "max", "xhigh"),
        ("moonshot/kimi", "max", "max"),
        ("moonshot/kimi", "medium", "high"),
        ("mistral/medium", "low", "high"),
        ("gemini/any", "medium", "medium"),
        ("gemini/any", None, None),
    ],
)
def test_the_effort_is_the_nearest_that_the_model_takes(
    model: str, effort: Effort | None, sent: str | None
) -> None:
    assert asked(model, effort=effort).get("reasoning_effort") == sent


@pytest.mark.parametrize(
    ("max_tokens", "sent"), [(20_000, "max"), (6_000, "high"), (3_000, "low"), (1_500, None)]
)
def test_thinking_leaves_older_claudes_room_to_speak(max_tokens: int, sent: str | None) -> None:
    assert (
        asked("anthropic/claude-older", effort="max", max_tokens=max_tokens).get("reasoning_effort") == sent
    )


def test_there_is_one_attempt_and_its_limit_is_explicit() -> None:
    sent = asked("openai/gpt-talks")
    assert (sent["max_retries"], sent["num_retries"], sent["max_tokens"]) == (0, 0, 16_000)
    assert sent["stream_options"] == {"include_usage": True}


def test_openais_thinkers_are_asked_by_responses_which_stores_nothing() -> None:
    sent = asked("openai/gpt-thinks")
    assert sent["model"] == "openai/responses/gpt-thinks"
    assert sent["store"] is False
    assert sent["include"] == ["reasoning.encrypted_content"]
    assert "reasoning_items" in sent["messages"][0]


def test_a_model_of_openai_that_nobody_knows_yet_is_taken_for_a_thinker() -> None:
    assert asked("openai/gpt-of-tomorrow")["model"] == "openai/responses/gpt-of-tomorrow"


@pytest.mark.parametrize(
    ("model", "base_url"), [("openai/gpt-talks", None), ("openai/gpt-thinks", "http://127.0.0.1:1/v1")]
)
def test_others_are_asked_by_chat_without_thoughts_that_it_does_not_know(
    model: str, base_url: str | None
) -> None:
    sent = asked(model, base_url=base_url)
    assert sent["model"] == model
    assert "store" not in sent
    assert sent["messages"] == [{"role": "assistant", "content": "yes"}]


def test_an_address_in_the_environment_counts_as_another_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    assert asked("openai/gpt-thinks")["model"] == "openai/gpt-thinks"


def test_headers_of_the_user_win() -> None:
    sent = asked("openrouter/acme/x", headers={"X-Title": "mine"})["extra_headers"]
    assert sent["X-Title"] == "mine"
    assert sent["User-Agent"].startswith("kcode/")


def test_further_fields_are_passed_on() -> None:
    assert asked("ollama_chat/q", extra={"num_ctx": 32_000})["num_ctx"] == 32_000


def test_a_key_is_always_given_so_that_none_is_looked_for() -> None:
    assert asked("openai/gpt-talks")["api_key"] == "none"
    assert asked("openai/gpt-talks", key=SecretStr("sk-1"))["api_key"] == "sk-1"

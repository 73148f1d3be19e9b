"""How a request is put to LiteLLM, whatever the provider. Pure."""

import os
from collections.abc import Mapping
from typing import Any

from pydantic import Field, SecretStr

from kcode import __version__
from kcode.events import Effort
from kcode.messages import Record

NEAREST = {
    "low": ("low", "medium", "high"),
    "medium": ("medium", "high", "low"),
    "high": ("high", "medium", "low"),
    "max": ("max", "xhigh", "high", "medium", "low"),
}
BUDGETS = {"low": 1024, "medium": 2048, "high": 4096, "xhigh": 8192, "max": 16384}
"""Tokens of thinking that LiteLLM grants older Claude models, out of max_tokens."""
ROOM_TO_SPEAK = 1024

NO_KEY = "none"
"""Sent where no key is needed: else LiteLLM takes one from the environment and tells it to a stranger."""


class WireRequest(Record):
    provider: str
    """Its name for people."""
    name: str = ""
    """The model's, for people: `provider/name`."""
    model: str
    """In LiteLLM's spelling."""
    messages: list[dict[str, Any]] = Field(repr=False)
    tools: list[dict[str, Any]] = Field(default=[], repr=False)
    max_tokens: int
    effort: Effort | None = None
    """None for models that do not reason."""
    base_url: str | None = None
    key: SecretStr | None = None
    key_hint: str = "the key"
    """Where the key is from, for the advice on a refused one: `ANTHROPIC_API_KEY`."""
    headers: dict[str, str] = Field(default={}, repr=False)
    extra: dict[str, Any] = Field(default={})
    """Further fields of the request's body, such as `prompt_cache_key`."""
    silence: float = 180.0
    """Seconds without any news after which the provider is given up."""


def arguments(request: WireRequest, models: Mapping[str, Any]) -> dict[str, Any]:
    """For `litellm.acompletion`. `models`: LiteLLM's map of what the models can do."""
    facts = models.get(request.model) or models.get(request.model.partition("/")[2]) or {}
    asked = {
        "model": request.model,
        "messages": request.messages,
        "max_tokens": request.max_tokens,
        "stream": True,
        "stream_options": {"include_usage": True},
        "api_key": request.key.get_secret_value() if request.key else NO_KEY,
        "extra_headers": _headers(request),
        "max_retries": 0,
        "num_retries": 0,
        "drop_params": True,
        "_skip_mcp_handler": True,  # some versions want the package mcp for every call of a tool
        **request.extra,
    }
    if request.tools:
        asked["tools"] = request.tools
    if request.base_url:
        asked["api_base"] = request.base_url
    if effort := _effort(facts, request):
        asked["reasoning_effort"] = effort
    if request.model.startswith("openai/"):
        asked |= _openai_terms(facts, request)
    return asked


def _openai_terms(facts: Mapping[str, Any], request: WireRequest) -> dict[str, Any]:
    """OpenAI's own models that reason are asked by Responses: the other wire lets them call no tools while they do.

    Nothing is stored there; their thoughts come encrypted, and go back with the conversation.
    """
    name = request.model.removeprefix("openai/")
    is_elsewhere = request.base_url or os.environ.get("OPENAI_BASE_URL") or os.environ.get("OPENAI_API_BASE")
    is_thinker = facts.get("supports_reasoning", not facts)
    if name.startswith("responses/") or (is_thinker and not is_elsewhere):
        return {
            "model": f"openai/responses/{name.removeprefix('responses/')}",
            "store": False,
            "include": ["reasoning.encrypted_content"],
        }
    return {"messages": [{k: v for k, v in m.items() if k != "reasoning_items"} for m in request.messages]}


def _headers(request: WireRequest) -> dict[str, str]:
    headers = {"User-Agent": f"kcode/{__version__}"}
    if request.model.startswith("openrouter/"):
        headers |= {"X-Title": "kcode", "HTTP-Referer": ""}
    return headers | request.headers


def _effort(facts: Mapping[str, Any], request: WireRequest) -> str | None:
    """The wished one, or the nearest that the model takes; None: it takes none."""
    provider = request.model.partition("/")[0]
    if levels := facts.get("reasoning_effort_levels"):
        taken = set(levels)
    elif provider == "anthropic" and facts and not facts.get("supports_adaptive_thinking"):
        taken = {level for level, budget in BUDGETS.items() if budget + ROOM_TO_SPEAK <= request.max_tokens}
    else:
        taken = {"low", "medium", "high"}
        taken |= {level for level in ("xhigh", "max") if facts.get(f"supports_{level}_reasoning_effort")}
        taken |= {"xhigh"} if provider == "openrouter" else set()
    return next((level for level in NEAREST.get(request.effort or "", ()) if level in taken), None)

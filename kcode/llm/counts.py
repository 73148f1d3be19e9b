"""Token counts and prices, wherever a provider puts them. Pure."""

from decimal import Decimal
from typing import Any

from kcode.messages import Usage
from kcode.spend.money import micro_dollars

Json = dict[str, Any]


def usage_in(raw: Json) -> Usage | None:
    """Disjoint counts; None for counts that cannot be. LiteLLM's `prompt_tokens` hold the cached and stored ones.

    Where these stand: as OpenAI and LiteLLM have it, Moonshot (cached_tokens), OpenRouter (cache_write_tokens).
    """
    of_input, of_output = raw.get("prompt_tokens_details") or {}, raw.get("completion_tokens_details") or {}
    prompt, output = raw.get("prompt_tokens") or 0, raw.get("completion_tokens") or 0
    cached = (
        of_input.get("cached_tokens") or raw.get("cache_read_input_tokens") or raw.get("cached_tokens") or 0
    )
    stored = raw.get("cache_creation_input_tokens") or of_input.get("cache_creation_tokens") or 0
    stored = stored or of_input.get("cache_write_tokens") or 0
    for_an_hour = (of_input.get("cache_creation_token_details") or {}).get("ephemeral_1h_input_tokens") or 0
    reasoning = of_output.get("reasoning_tokens") or 0
    if reasoning and raw.get("total_tokens") == prompt + output + reasoning:
        output += reasoning  # xAI, and who copies it: beside the others, not one of them
    counts = (prompt, output, cached, stored, for_an_hour, reasoning)
    if not all(isinstance(n, int) and n >= 0 for n in counts) or not prompt + output:
        return None
    return Usage(
        fresh=max(0, prompt - cached - stored),
        cached=cached,
        stored=max(0, stored - for_an_hour),
        stored_1h=for_an_hour,
        output=output,
        reasoning=min(reasoning, output),
    )


def reported_in(raw: Json) -> int | None:
    """What OpenRouter says it took, and what the user's own provider behind it takes besides."""
    cost = raw.get("cost")
    if not isinstance(cost, int | float) or isinstance(cost, bool) or cost < 0:
        return None
    behind = (raw.get("cost_details") or {}).get("upstream_inference_cost") if raw.get("is_byok") else 0
    return micro_dollars(Decimal(str(cost)) + Decimal(str(behind or 0)))

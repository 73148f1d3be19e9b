import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcode.messages import Usage
from kcode.settings import Price
from kcode.spend.pricemap import PriceMap, price_map, read
from kcode.spend.prices import PriceRow, cost, local_price, price_from_settings, price_of, upper_bound

MAP = """{
  "claude-sonnet-4-5": {"litellm_provider": "anthropic", "input_cost_per_token": 3e-06,
    "output_cost_per_token": 1.5e-05, "cache_read_input_token_cost": 3e-07,
    "cache_creation_input_token_cost": 3.75e-06, "cache_creation_input_token_cost_above_1hr": 6e-06},
  "claude-bare": {"litellm_provider": "anthropic", "input_cost_per_token": 4e-06,
    "output_cost_per_token": 2e-05},
  "claude-haiku-5-5": {"litellm_provider": "anthropic", "input_cost_per_token": 1e-07,
    "output_cost_per_token": 5e-07, "cache_read_input_token_cost": 1e-08,
    "cache_creation_input_token_cost": 1.25e-07, "cache_creation_input_token_cost_above_1hr": 2e-07,
    "input_cost_per_token_above_100k_tokens": 5e-07, "output_cost_per_token_above_100k_tokens": 2.5e-06,
    "cache_read_input_token_cost_above_100k_tokens": 5e-08,
    "cache_creation_input_token_cost_above_100k_tokens": 6.25e-07,
    "cache_creation_input_token_cost_above_1hr_above_100k_tokens": 1e-06,
    "input_cost_per_token_above_100k_tokens_batches": 2.5e-07},
  "gpt-5-mini": {"litellm_provider": "openai", "input_cost_per_token": 2.5e-07,
    "output_cost_per_token": 2e-06, "cache_read_input_token_cost": 2.5e-08},
  "gpt-5.6": {"litellm_provider": "openai", "input_cost_per_token": 4e-06, "output_cost_per_token": 2e-05,
    "cache_read_input_token_cost": 4e-07, "cache_creation_input_token_cost": 5e-06},
  "gemini/gemini-2.5-pro": {"litellm_provider": "gemini", "input_cost_per_token": 1.25e-06,
    "output_cost_per_token": 1e-05, "cache_read_input_token_cost": 1.25e-07,
    "input_cost_per_token_above_200k_tokens": 2.5e-06, "output_cost_per_token_above_200k_tokens": 1.5e-05,
    "cache_read_input_token_cost_above_200k_tokens": 2.5e-07},
  "gemini/gemini-2.5-flash": {"litellm_provider": "gemini", "input_cost_per_token": 3e-07,
    "output_cost_per_token": 2.5e-06, "output_cost_per_reasoning_token": 3.5e-06},
  "xai/grok-4.3": {"litellm_provider": "xai", "input_cost_per_token": 1.25e-06,
    "output_cost_per_token": 2.5e-06, "cache_read_input_token_cost": 2e-07,
    "input_cost_per_token_above_200k_tokens": 2.5e-06, "output_cost_per_token_above_200k_tokens": 5e-06,
    "cache_read_input_token_cost_above_200k_tokens": 4e-07},
  "moonshot/kimi-k2.6": {"litellm_provider": "moonshot", "input_cost_per_token": 9.5e-07,
    "output_cost_per_token": 4e-06, "cache_read_input_token_cost": 1.6e-07},
  "deepseek/deepseek-flash": {"litellm_provider": "deepseek", "input_cost_per_token": 3e-07,
    "output_cost_per_token": 1.2e-06, "cache_read_input_token_cost": 6e-09,
    "cache_creation_input_token_cost": 0.0,
    "off_peak_pricing": {"input_cost_per_token": 1.5e-07, "output_cost_per_token": 6e-07,
      "cache_read_input_token_cost": 3e-09, "windows": [
        {"hours_utc": ["00:00-01:00", "04:00-06:00", "10:00-00:00"], "weekdays": [1, 2, 3, 4, 5]},
        {"hours_utc": "00:00-00:00", "weekdays": [6, 7]}]}},
  "deepseek/odd-hours": {"litellm_provider": "deepseek", "input_cost_per_token": 3e-07,
    "output_cost_per_token": 1.2e-06,
    "off_peak_pricing": {"input_cost_per_token": 1e-07, "hours_utc": "at night"}},
  "zai/free": {"litellm_provider": "zai", "input_cost_per_token": 0, "output_cost_per_token": 0},
  "groq/no-output": {"litellm_provider": "groq", "input_cost_per_token": 1e-06},
  "openrouter/auto": {"litellm_provider": "openrouter"}
}"""


@pytest.fixture(scope="module")
def prices(tmp_path_factory: pytest.TempPathFactory) -> PriceMap:
    file = tmp_path_factory.mktemp("map") / "prices.json"
    file.write_text(MAP)
    return read(file, "litellm 9.9.9")


GOLDEN = [
    # 1000·3 + 200·15
    ("anthropic/claude-sonnet-4-5", Usage(fresh=1000, output=200), 6_000),
    # 50·3 + 2000·0.3 + 100·3.75 + 200·6 + 120·15
    (
        "anthropic/claude-sonnet-4-5",
        Usage(fresh=50, cached=2000, stored=100, stored_1h=200, output=120),
        4_125,
    ),
    # 1·0.3 = 0.3, and 5·0.3 = 1.5, which goes up
    ("anthropic/claude-sonnet-4-5", Usage(cached=1), 0),
    ("anthropic/claude-sonnet-4-5", Usage(cached=5), 2),
    # no cache prices: 10·4 read at the full price, 100·4·1.25 and 100·4·2 written, 1·20
    ("anthropic/claude-bare", Usage(cached=10, stored=100, stored_1h=100, output=1), 1_360),
    # exactly 100k of input is the low tier: 60000·0.1 + 30000·0.01 + 10000·0.125 + 1000·0.5
    ("anthropic/claude-haiku-5-5", Usage(fresh=60_000, cached=30_000, stored=10_000, output=1_000), 8_050),
    # one more: 60001·0.5 + 30000·0.05 + 10000·0.625 + 1000·2.5 = 40250.5
    ("anthropic/claude-haiku-5-5", Usage(fresh=60_001, cached=30_000, stored=10_000, output=1_000), 40_251),
    # the hour's price of the high tier: 200000·1
    ("anthropic/claude-haiku-5-5", Usage(stored_1h=200_000), 200_000),
    # reasoning is a part of the output: 100·0.25 + 900·0.025 + 300·2
    ("openai/gpt-5-mini", Usage(fresh=100, cached=900, output=300, reasoning=250), 648),
    # 1000·5 written, and an hour costs the same here
    ("openai/gpt-5.6", Usage(stored=600, stored_1h=400), 5_000),
    # 200k is not above 200k: 150000·1.25 + 50000·0.125 + 10·10
    ("gemini/gemini-2.5-pro", Usage(fresh=150_000, cached=50_000, output=10), 193_850),
    # the whole request is dearer, its output too: 150001·2.5 + 50000·0.25 + 10·15 = 387652.5
    ("gemini/gemini-2.5-pro", Usage(fresh=150_001, cached=50_000, output=10), 387_653),
    # 10·0.3 + 60·2.5 + 40·3.5
    ("gemini/gemini-2.5-flash", Usage(fresh=10, output=100, reasoning=40), 293),
    # xAI's limit is inclusive: 200000·2.5 + 100·5, and one less: 199999·1.25 + 100·2.5 = 250248.75
    ("xai/grok-4.3", Usage(fresh=200_000, output=100), 500_500),
    ("xai/grok-4.3", Usage(fresh=199_999, output=100), 250_249),
    # 1000·0.95 + 9000·0.16 + 500·4
    ("moonshot/kimi-k2.6", Usage(fresh=1_000, cached=9_000, output=500), 4_390),
    # by day: 10000·0.3 + 90000·0.006 + 1000·1.2
    ("deepseek/deepseek-flash", Usage(fresh=10_000, cached=90_000, output=1_000), 4_740),
]


@pytest.mark.parametrize(("model", "usage", "micro"), GOLDEN)
def test_a_request_costs_to_the_micro_dollar(prices: PriceMap, model: str, usage: Usage, micro: int) -> None:
    row = price_of(model, prices)
    assert row is not None
    assert cost(row, usage) == micro


MONDAY_MORNING = datetime(2026, 11, 16, 9, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "micro"),
    [
        (MONDAY_MORNING, 4_740),
        (MONDAY_MORNING.replace(hour=10, minute=0), 2_370),
        (MONDAY_MORNING.replace(hour=23, minute=59), 2_370),
        (MONDAY_MORNING.replace(hour=0, minute=59), 2_370),
        (MONDAY_MORNING.replace(hour=1, minute=0), 4_740),
        (datetime.fromisoformat("2026-11-16T12:30:00+08:00"), 2_370),
        (datetime(2026, 11, 21, 9, 59, tzinfo=UTC), 2_370),
    ],
)
def test_deepseek_is_cheaper_off_peak(prices: PriceMap, at: datetime, micro: int) -> None:
    row = price_of("deepseek/deepseek-flash", prices)
    assert row is not None
    assert cost(row, Usage(fresh=10_000, cached=90_000, output=1_000), at) == micro


def test_hours_that_are_not_understood_are_not_cheap(prices: PriceMap) -> None:
    row = price_of("deepseek/odd-hours", prices)
    assert row is not None
    assert row.off_peak is None


@pytest.mark.parametrize(
    "model",
    [
        "anthropic/claude-opus-9",
        "anthropic/gpt-5-mini",
        "openai/claude-sonnet-4-5",
        "openai/gpt-5-mini-2030-01-01",
        "openrouter/auto",
        "openrouter/anthropic/claude-sonnet-4-5",
        "zai/free",
        "groq/no-output",
        "claude-sonnet-4-5",
        "",
    ],
)
def test_a_price_that_is_not_written_down_exactly_is_unknown(prices: PriceMap, model: str) -> None:
    assert price_of(model, prices) is None


def test_a_row_says_where_its_price_is_from(prices: PriceMap) -> None:
    row = price_of("openai/gpt-5-mini", prices)
    assert row is not None
    assert (row.source, row.date) == ("litellm 9.9.9", prices.date)
    assert row.input == Decimal("0.25")


def test_a_row_survives_being_stored(prices: PriceMap) -> None:
    for model in ("deepseek/deepseek-flash", "anthropic/claude-haiku-5-5"):
        row = price_of(model, prices)
        assert row is not None
        assert PriceRow.model_validate_json(row.model_dump_json()) == row


def test_the_users_price_is_filled_in_by_the_providers_custom() -> None:
    price = Price(input=Decimal(4), output=Decimal(20))
    plain, anthropic = price_from_settings(price, surcharge=False), price_from_settings(price, surcharge=True)
    assert [plain.cached, plain.stored, plain.stored_1h] == [4, 4, 4]
    assert [anthropic.cached, anthropic.stored, anthropic.stored_1h] == [4, 5, 8]
    assert (plain.source, anthropic.reasoning) == ("settings", Decimal(20))


def test_what_runs_here_costs_nothing() -> None:
    assert cost(local_price(), Usage(fresh=10**6, output=10**6)) == 0
    assert local_price().source == "local"


counts = st.integers(0, 3_000_000)


@given(fresh=counts, cached=counts, stored=counts, output=counts)
def test_no_request_costs_more_than_its_upper_bound(
    fresh: int, cached: int, stored: int, output: int
) -> None:
    for name in ("anthropic/claude-sonnet-5-5", "openai/gpt-5.6", "gemini/gemini-2.5-pro", "xai/grok-4.3"):
        row = price_of(name)
        assert row is not None
        usage = Usage(fresh=fresh, cached=cached, stored=stored, output=output)
        assert cost(row, usage) <= upper_bound(row, usage.input, usage.output)


@given(stored_1h=counts)
def test_the_upper_bound_of_what_is_kept_an_hour_is_higher(stored_1h: int) -> None:
    row = price_of("anthropic/claude-sonnet-5-5")
    assert row is not None
    assert cost(row, Usage(stored_1h=stored_1h)) <= upper_bound(row, stored_1h, 0, stores_1h=True)


def test_no_model_of_the_installed_map_is_free() -> None:
    found = [price_of(f"{entry.get('litellm_provider')}/{key}") for key, entry in price_map().entries.items()]
    known = [row for row in found if row]
    assert len(known) > 100
    assert all(row.input > 0 and row.cached > 0 and row.stored > 0 for row in known)


THEIR_ARITHMETIC = """
import json, sys, litellm
from litellm.types.utils import CacheCreationTokenDetails, CompletionTokensDetailsWrapper
from litellm.types.utils import PromptTokensDetailsWrapper, Usage
def cost(model, u):
    provider, _, name = model.partition("/")
    written, read = u["stored"] + u["stored_1h"], u["cached"]
    hours = CacheCreationTokenDetails(
        ephemeral_5m_input_tokens=u["stored"], ephemeral_1h_input_tokens=u["stored_1h"])
    prompt = u["fresh"] + read + written
    usage = Usage(
        prompt_tokens=prompt, completion_tokens=u["output"], total_tokens=prompt + u["output"],
        cache_read_input_tokens=read, cache_creation_input_tokens=written,
        prompt_tokens_details=PromptTokensDetailsWrapper(cached_tokens=read, text_tokens=u["fresh"],
            cache_creation_tokens=written, cache_creation_token_details=hours),
        completion_tokens_details=CompletionTokensDetailsWrapper(
            reasoning_tokens=u["reasoning"], text_tokens=u["output"] - u["reasoning"]))
    return sum(litellm.cost_per_token(model=name, custom_llm_provider=provider, usage_object=usage)) * 1e6
print(json.dumps([cost(model, usage) for model, usage in json.load(sys.stdin)]))
"""
SWITCHES = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_MODE": "PRODUCTION",
    "LITELLM_OFFLINE_MODE": "true",
    "HF_HUB_OFFLINE": "1",
    "LITELLM_LOG": "CRITICAL",
}


@pytest.mark.slow
def test_litellm_reckons_the_same_for_every_model_of_our_providers(tmp_path: Path) -> None:
    usages = [
        Usage(fresh=1_000, output=500),
        Usage(fresh=1_234, cached=50_000, output=777, reasoning=400),
        Usage(fresh=210_000, cached=90_000, output=5_000),
        Usage(fresh=200_000, output=1),
        Usage(fresh=500, cached=1_000, stored=3_000, stored_1h=700, output=9),
    ]
    providers = ("anthropic", "openai", "gemini", "moonshot", "mistral", "xai", "groq")
    asked = [
        (model, usage, cost(row, usage))
        for key, entry in price_map().entries.items()
        if (provider := entry.get("litellm_provider")) in providers and entry.get("mode") == "chat"
        if (row := price_of(model := key if key.startswith(f"{provider}/") else f"{provider}/{key}"))
        for usage in usages
        if provider == "anthropic" or not usage.stored
    ]
    done = subprocess.run(
        [sys.executable, "-c", THEIR_ARITHMETIC],
        input=json.dumps([(model, usage.model_dump()) for model, usage, _ in asked]),
        env={**os.environ, **SWITCHES},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    theirs = json.loads(done.stdout.splitlines()[-1])
    assert len(theirs) == len(asked) > 300
    different = [ask for ask, their in zip(asked, theirs, strict=True) if abs(ask[2] - their) > 0.51]
    assert different == []

from datetime import date
from decimal import Decimal

import pytest

from kcode.errors import BadInput, NoKey
from kcode.llm.catalog import Catalog, is_own_host, key_for, model_with_key
from kcode.llm.providers import PROVIDERS
from kcode.settings import Price, Provider, Settings
from kcode.spend.pricemap import PriceMap

MAP = PriceMap(
    {
        "claude-sonnet-5": {
            "litellm_provider": "anthropic",
            "mode": "chat",
            "input_cost_per_token": Decimal("3e-06"),
            "output_cost_per_token": Decimal("15e-06"),
            "max_input_tokens": 200_000,
            "max_output_tokens": 64_000,
            "prompt_cache_min_tokens": 512,
            "supports_vision": True,
            "supports_function_calling": True,
        },
        "claude-old": {"litellm_provider": "anthropic", "mode": "chat", "deprecation_date": "2020-01-31"},
        "gpt-5": {"litellm_provider": "openai", "mode": "responses", "deprecation_date": "2999-12-31"},
        "gpt-image": {"litellm_provider": "openai", "mode": "image_generation"},
        "ft:gpt-5": {"litellm_provider": "openai", "mode": "chat"},
        "deepseek-chat": {"litellm_provider": "deepseek", "mode": "chat"},
        "deepseek/deepseek-chat": {
            "litellm_provider": "deepseek",
            "mode": "chat",
            "supports_function_calling": False,
        },
        "ollama/llama2": {"litellm_provider": "ollama", "mode": "chat", "max_input_tokens": 4096},
        "fireworks_ai/x": {"litellm_provider": "fireworks_ai", "mode": "chat"},
    },
    "litellm 9.9.9",
    "2026-11-20",
)


def catalog(**settings: object) -> Catalog:
    return Catalog(Settings.model_validate(settings), MAP)


def test_a_known_model_comes_with_all_facts() -> None:
    facts = catalog().model("anthropic/claude-sonnet-5")
    assert (facts.id, facts.provider, facts.litellm_model) == (
        "anthropic/claude-sonnet-5",
        "anthropic",
        "anthropic/claude-sonnet-5",
    )
    assert (facts.family, facts.cache, facts.cache_min_tokens) == ("anthropic", "explicit", 512)
    assert (facts.window, facts.max_output) == (200_000, 64_000)
    assert (facts.takes_images, facts.calls_tools, facts.reasons) == (True, True, None)
    assert (facts.key_names, facts.key_from, facts.base_url) == (("ANTHROPIC_API_KEY",), None, None)
    assert (facts.source, facts.date) == ("litellm 9.9.9", "2026-11-20")
    assert facts.price is not None
    assert facts.price.stored == Decimal("3.75")


def test_an_unknown_model_of_a_known_provider_is_taken_without_facts() -> None:
    facts = catalog().model("anthropic/claude-tomorrow")
    assert facts.litellm_model == "anthropic/claude-tomorrow"
    assert (facts.price, facts.window, facts.calls_tools, facts.takes_images) == (None, None, None, None)
    assert (facts.source, facts.cache, facts.cache_min_tokens) == ("unknown model", "explicit", 1024)


def test_what_a_model_cannot_do_is_no_guess() -> None:
    assert catalog().model("deepseek/deepseek-chat").calls_tools is False
    assert catalog().model("openai/gpt-5").retires == date(2999, 12, 31)


def test_openrouter_takes_marks_for_anthropics_models_alone() -> None:
    assert catalog().model("openrouter/anthropic/claude-sonnet-4.5").cache == "explicit"
    assert catalog().model("openrouter/qwen/qwen3-coder").cache == "automatic"
    assert catalog().model("openrouter/qwen/qwen3-coder").price is None


@pytest.mark.parametrize("model", ["ollama/qwen3-coder", "ollama_chat/qwen3-coder"])
def test_ollama_is_free_because_it_runs_here(model: str) -> None:
    facts = catalog().model(model)
    assert (facts.id, facts.litellm_model) == ("ollama/qwen3-coder", "ollama_chat/qwen3-coder")
    assert facts.is_local
    assert facts.price is not None
    assert (facts.price.input, facts.price.source) == (Decimal(0), "local")
    assert key_for(facts) is None


@pytest.mark.parametrize("name", ["gpt-oss:120b-cloud", "kimi-k2:cloud"])
def test_what_ollama_passes_on_to_its_cloud_is_not_free(name: str) -> None:
    facts = catalog().model(f"ollama/{name}")
    assert (facts.price, facts.is_local) == (None, False)


def test_ollama_can_be_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_API_BASE", "http://192.168.1.5:11434")
    assert catalog().model("ollama/x").base_url == "http://192.168.1.5:11434"
    assert catalog().model("ollama/x").is_local
    away = catalog(providers={"ollama": {"base_url": "https://ollama.com"}}).model("ollama/x")
    assert (away.base_url, away.is_local, away.price, away.key_from) == (
        "https://ollama.com",
        False,
        None,
        None,
    )


def test_the_users_own_server_speaks_the_wire_it_says() -> None:
    mine = {"wire": "openai", "base_url": "http://127.0.0.1:8000/v1", "headers": {"X-Team": "ours"}}
    facts = catalog(providers={"mylab": mine}).model("mylab/Qwen/qwen3-coder")
    assert (facts.litellm_model, facts.family, facts.cache) == (
        "openai/Qwen/qwen3-coder",
        "compatible",
        "automatic",
    )
    assert (facts.base_url, facts.headers) == ("http://127.0.0.1:8000/v1", {"X-Team": "ours"})
    assert facts.price is not None
    assert (facts.price.input, facts.is_local, facts.key_from) == (Decimal(0), True, "none")
    assert "ours" not in repr(facts)


def test_a_server_that_wants_a_key_or_is_far_away_is_not_taken_to_be_free() -> None:
    own = {"wire": "anthropic", "base_url": "http://127.0.0.1:4000", "key": "env:PROXY_KEY"}
    far = {"wire": "openai", "base_url": "https://llm.example.com/v1"}
    facts = catalog(providers={"proxy": own, "far-off": far})
    assert facts.model("proxy/claude").price is None
    assert (facts.model("proxy/claude").family, facts.model("proxy/claude").cache) == (
        "anthropic",
        "explicit",
    )
    assert (facts.model("far-off/x").price, facts.model("far-off/x").key_names) == (
        None,
        ("FAR_OFF_API_KEY",),
    )


def test_an_own_server_is_not_mistaken_for_one_of_the_map() -> None:
    mine = {"wire": "openai", "base_url": "https://gateway.example.com"}
    facts = catalog(providers={"fireworks_ai": mine}).model("fireworks_ai/x")
    assert (facts.source, facts.price) == ("unknown model", None)


def test_a_known_provider_at_another_address_keeps_its_prices() -> None:
    facts = catalog(providers={"anthropic": {"base_url": "http://127.0.0.1:9"}}).model(
        "anthropic/claude-sonnet-5"
    )
    assert facts.base_url == "http://127.0.0.1:9"
    assert not facts.is_local
    assert facts.price is not None
    assert facts.price.input == 3


def test_a_known_provider_can_be_spoken_to_in_another_wire() -> None:
    terms = {"wire": "anthropic", "base_url": "https://api.deepseek.com/anthropic"}
    facts = catalog(providers={"deepseek": terms}).model("deepseek/deepseek-chat")
    assert (facts.litellm_model, facts.family, facts.cache) == (
        "anthropic/deepseek-chat",
        "anthropic",
        "explicit",
    )
    assert facts.source == "litellm 9.9.9"


def test_the_users_price_wins() -> None:
    prices = {
        name: Price(input=Decimal(1), output=Decimal(2)) for name in ("anthropic/claude-sonnet-5", "ollama/x")
    }
    known = Catalog(Settings(prices=prices), MAP)
    for name in ("anthropic/claude-sonnet-5", "ollama/x", "ollama_chat/x"):
        price = known.model(name).price
        assert price is not None
        assert (price.source, price.output) == ("settings", Decimal(2))


def test_a_server_without_an_address_is_refused() -> None:
    with pytest.raises(BadInput, match=r"providers\.mylab .* wants a wire .* and a base_url"):
        catalog(providers={"mylab": {"wire": "openai"}}).model("mylab/x")


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("antropic/claude-sonnet-5", "no provider 'antropic'. Did you mean anthropic/claude-sonnet-5?"),
        ("claude-sonnet-5", "written provider/name. Did you mean anthropic/claude-sonnet-5?"),
        ("openai/", "written provider/name."),
        ("/gpt-5", "Did you mean openai/gpt-5?"),
        ("", "Known are anthropic, openai, gemini"),
        ("mylab/x", r"[providers.NAME] with wire and base_url"),
    ],
)
def test_a_mistyped_model_is_told_with_the_nearest(model: str, words: str) -> None:
    with pytest.raises(BadInput) as caught:
        catalog().model(model)
    assert words in str(caught.value)


def test_a_search_finds_every_word_and_only_what_can_be_asked() -> None:
    assert catalog().search() == ["anthropic/claude-sonnet-5", "deepseek/deepseek-chat", "openai/gpt-5"]
    assert catalog().search("SONNET anthropic") == ["anthropic/claude-sonnet-5"]
    assert catalog().search("", "deepseek") == ["deepseek/deepseek-chat"]
    assert catalog().search("sonnet deepseek") == []


def test_a_search_finds_the_models_of_the_settings() -> None:
    mine = catalog(
        providers={"mylab": {"wire": "openai", "base_url": "http://127.0.0.1:1"}},
        models={"code": "mylab/coder", "ask": "nowhere/x"},
        prices={"openrouter/qwen/coder": {"input": 1, "output": 1}},
    )
    assert mine.search("coder") == ["mylab/coder", "openrouter/qwen/coder"]
    assert mine.search("nowhere") == []


def test_near_names_are_suggested() -> None:
    assert catalog().suggest("anthropic/claude-sonet-5") == ["anthropic/claude-sonnet-5"]
    assert catalog().suggest("openai/deepseek-chatt") == ["deepseek/deepseek-chat"]
    assert catalog().suggest("zzz") == []


@pytest.mark.parametrize(
    ("url", "is_own"),
    [
        ("http://127.0.0.1:8000/v1", True),
        ("http://[::1]:8000", True),
        ("http://localhost:1234", True),
        ("http://10.0.0.7", True),
        ("http://nas.local:11434", True),
        ("http://host.docker.internal:11434", True),
        ("http://ollama:11434", True),
        ("https://api.example.com", False),
        ("http://localhost.example.com", False),
        ("http://8.8.8.8", False),
        ("", False),
    ],
)
def test_which_addresses_are_ones_own(url: str, is_own: bool) -> None:
    assert is_own_host(url) is is_own


def test_a_missing_key_is_told_with_every_way_to_give_one(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = catalog().model("gemini/gemini-x")
    with pytest.raises(
        NoKey, match=r"Set GOOGLE_API_KEY or GEMINI_API_KEY, or keep one: `kcode auth login gemini"
    ):
        key_for(facts)
    monkeypatch.setenv("GEMINI_API_KEY", "AIza-secret")
    key = key_for(facts)
    assert key is not None
    assert key.value.get_secret_value() == "AIza-secret"


def test_the_settings_word_on_the_key_is_kept() -> None:
    elsewhere = catalog(providers={"openai": {"key": "env:WORK"}}).model("openai/gpt-5")
    with pytest.raises(NoKey, match="the settings want it in WORK, which is not set"):
        key_for(elsewhere)
    none = catalog(providers={"openai": {"key": "none", "base_url": "http://127.0.0.1:1"}}).model(
        "openai/gpt-5"
    )
    assert key_for(none) is None


def test_the_first_provider_with_a_key_gives_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROQ_API_KEY", "gsk")
    monkeypatch.setenv("OPENAI_API_KEY", "sk")
    assert model_with_key(Settings()).startswith("openai/")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant")
    assert model_with_key(Settings()).startswith("anthropic/claude-")
    settings = Settings(providers={"anthropic": Provider(key="env:NOT_SET"), "openai": Provider(key="none")})
    assert model_with_key(settings).startswith("groq/")


def test_without_any_key_every_way_to_begin_is_named() -> None:
    with pytest.raises(NoKey) as caught:
        model_with_key(Settings())
    for way in ("ANTHROPIC_API_KEY", "`kcode auth login`", "ollama/", "`kcode demo`"):
        assert way in str(caught.value)


@pytest.mark.parametrize(
    "name", [row.name for row in PROVIDERS.values() if row.preferred and row.name != "openrouter"]
)
def test_the_model_to_begin_with_is_one_that_the_installed_map_prices(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PROVIDERS[name].key_names[0], "key")
    facts = Catalog().model(model_with_key(Settings()))
    assert facts.provider == name
    assert facts.price is not None
    assert facts.retires is None
    assert facts.calls_tools

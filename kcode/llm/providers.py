"""The providers that kcode knows: a row each. Any other server is a `[providers.NAME]` in the settings."""

from typing import Literal

from kcode.llm.wire import Family
from kcode.messages import Record

Cache = Literal["explicit", "automatic", "none"]
"""How the provider's prompt cache is used: by marks in the request, by itself, or not at all."""


class Provider(Record):
    name: str
    title: str
    litellm: str
    """The prefix of its models in LiteLLM."""
    family: Family
    key_names: tuple[str, ...] = ()
    """Environment variables that hold the key, in the order in which LiteLLM reads them."""
    cache: Cache = "automatic"
    base_url: str | None = None
    """None: LiteLLM's own."""
    base_url_name: str = ""
    """The environment variable that names another one, as LiteLLM reads it."""
    is_local: bool = False
    """It runs on the user's own machine: its models cost nothing."""
    keys_at: str = ""
    """Where one gets a key."""
    preferred: tuple[str, ...] = ()
    """Models to begin with: the first one that LiteLLM's map knows, else the last one."""


PROVIDERS = {
    provider.name: provider
    for provider in (
        Provider(
            name="anthropic",
            title="Anthropic",
            litellm="anthropic",
            family="anthropic",
            key_names=("ANTHROPIC_API_KEY",),
            cache="explicit",
            keys_at="https://platform.claude.com/settings/keys",
            preferred=("claude-sonnet-5-5", "claude-sonnet-5", "claude-sonnet-4-6"),
        ),
        Provider(
            name="openai",
            title="OpenAI",
            litellm="openai",
            family="openai",
            key_names=("OPENAI_API_KEY",),
            keys_at="https://platform.openai.com/api-keys",
            preferred=("gpt-6.1-sol", "gpt-6-sol", "gpt-5.5", "gpt-5.2"),
        ),
        Provider(
            name="gemini",
            title="Google Gemini",
            litellm="gemini",
            family="gemini",
            key_names=("GOOGLE_API_KEY", "GEMINI_API_KEY"),
            keys_at="https://aistudio.google.com/apikey",
            preferred=("gemini-3.8-flash", "gemini-3.1-pro-preview", "gemini-2.5-pro"),
        ),
        Provider(
            name="openrouter",
            title="OpenRouter",
            litellm="openrouter",
            family="openrouter",
            key_names=("OPENROUTER_API_KEY", "OR_API_KEY"),
            keys_at="https://openrouter.ai/settings/keys",
            preferred=("qwen/qwen3-coder",),
        ),
        Provider(
            name="deepseek",
            title="DeepSeek",
            litellm="deepseek",
            family="deepseek",
            key_names=("DEEPSEEK_API_KEY",),
            keys_at="https://platform.deepseek.com/api_keys",
            preferred=("deepseek-v4-pro", "deepseek-flash", "deepseek-v3.2"),
        ),
        Provider(
            name="moonshot",
            title="Moonshot (Kimi)",
            litellm="moonshot",
            family="moonshot",
            key_names=("MOONSHOT_API_KEY",),
            keys_at="https://platform.moonshot.ai/console/api-keys",
            preferred=("kimi-k2.7-code", "kimi-k2.6", "kimi-k2.5"),
        ),
        Provider(
            name="mistral",
            title="Mistral",
            litellm="mistral",
            family="compatible",
            key_names=("MISTRAL_API_KEY",),
            keys_at="https://console.mistral.ai/api-keys",
            preferred=("devstral-latest", "mistral-medium-latest"),
        ),
        Provider(
            name="xai",
            title="xAI",
            litellm="xai",
            family="compatible",
            key_names=("XAI_API_KEY",),
            keys_at="https://console.x.ai",
            preferred=("grok-4.7", "grok-4.3", "grok-code-fast-1"),
        ),
        Provider(
            name="groq",
            title="Groq",
            litellm="groq",
            family="compatible",
            key_names=("GROQ_API_KEY",),
            keys_at="https://console.groq.com/keys",
            preferred=("openai/gpt-oss-120b",),
        ),
        Provider(
            name="ollama",
            title="Ollama",
            litellm="ollama_chat",
            family="ollama",
            key_names=("OLLAMA_API_KEY",),
            cache="none",
            base_url="http://127.0.0.1:11434",
            base_url_name="OLLAMA_API_BASE",
            is_local=True,
        ),
        Provider(
            name="lmstudio",
            title="LM Studio",
            litellm="openai",
            family="compatible",
            cache="none",
            base_url="http://127.0.0.1:1234/v1",
            base_url_name="LM_STUDIO_API_BASE",
            is_local=True,
        ),
        Provider(
            name="vllm",
            title="vLLM",
            litellm="openai",
            family="compatible",
            cache="none",
            base_url="http://127.0.0.1:8000/v1",
            base_url_name="HOSTED_VLLM_API_BASE",
            is_local=True,
        ),
    )
}
"""In the order in which a key is looked for when no model was chosen."""

LISTS = {"openrouter": "https://openrouter.ai/api/v1"}
"""Providers that list prices of their own at `/models`, with no key needed, and where."""

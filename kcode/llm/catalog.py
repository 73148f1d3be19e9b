"""The models: how they are asked, what they can do and what they cost.

Facts come from the table of providers, from LiteLLM's map (exact names only) and from the user's settings,
which win. What nobody says is None, never a guess.
"""

import difflib
import ipaddress
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field

from kcode.errors import BadInput, NoKey
from kcode.keys import Key, find_keys, keyring_trouble
from kcode.llm.providers import LISTS, PROVIDERS, Cache, Provider
from kcode.llm.wire import Family
from kcode.messages import Record
from kcode.settings import Provider as Terms
from kcode.settings import Settings
from kcode.spend.listed import NOTHING, listed
from kcode.spend.pricemap import PriceMap, price_map
from kcode.spend.prices import PriceRow, local_price, price_from_settings, price_listed, price_of

CHAT_MODES = {"chat", "responses"}
HOUSE_NAMES = (".localhost", ".local", ".internal", ".lan", ".home.arpa")
SMALLEST_CACHED = 1024
"""Tokens from which a marked prefix is cached, where the map does not say (Anthropic: 512 to 4096)."""


class ModelFacts(Record):
    """All that kcode knows of one model. None is "unknown"."""

    id: str
    """`provider/name`."""
    provider: str
    title: str
    """The provider's name for people."""
    litellm_model: str
    family: Family
    base_url: str | None
    """None: LiteLLM's own."""
    headers: dict[str, str] = Field(repr=False)
    key_names: tuple[str, ...]
    key_from: str | None
    """The settings' word: `keyring`, `env:NAME`, `none`, or None for everywhere."""
    keys_from: tuple[str, ...] = ()
    """Where several keys are, in the settings' words."""
    window: int | None
    """Tokens of input."""
    max_output: int | None
    price: PriceRow | None
    cache: Cache
    cache_min_tokens: int | None
    """Tokens below which marking a prefix is in vain; None where nothing is marked."""
    takes_images: bool | None
    calls_tools: bool | None
    """False only of models that were made for something else; unknown ones are best tried."""
    reasons: bool | None
    is_local: bool
    retires: date | None
    """When the provider takes it out of service, as far as it was announced."""
    source: str
    """Where the facts are from: `litellm 1.105.3`, or `unknown model`."""
    date: str


@dataclass(slots=True)
class Catalog:
    settings: Settings = field(default_factory=Settings)
    map: PriceMap = field(default_factory=price_map)

    def model(self, model: str) -> ModelFacts:
        """The facts of `provider/name`. BadInput when there is no such provider; any name of one is taken."""
        provider, name = self._resolved(model)
        id = f"{provider.name}/{name}"
        entry, source, day = self._entry(provider.name, name)
        terms = self.settings.providers.get(provider.name, Terms())
        is_local = provider.is_local and not _runs_elsewhere(name)
        cache = _cache(provider, name)
        return ModelFacts(
            id=id,
            provider=provider.name,
            title=provider.title,
            litellm_model=f"{provider.litellm}/{name}",
            family=provider.family,
            base_url=provider.base_url,
            headers=terms.headers,
            key_names=provider.key_names,
            key_from=self._key_from(provider),
            keys_from=terms.keys,
            window=self.settings.windows.get(model) or entry.get("max_input_tokens"),
            max_output=entry.get("max_output_tokens"),
            price=self._price(id, model, cache, is_local),
            cache=cache,
            cache_min_tokens=entry.get("prompt_cache_min_tokens", SMALLEST_CACHED)
            if cache == "explicit"
            else None,
            takes_images=entry.get("supports_vision"),
            calls_tools=entry.get("supports_function_calling"),
            reasons=entry.get("supports_reasoning"),
            is_local=is_local,
            retires=_date(entry),
            source=source,
            date=day,
        )

    def _entry(self, provider: str, name: str) -> tuple[Mapping[str, Any], str, str]:
        """What is known of a model: by the map, or else by the router's own list; and by whom, and since when."""
        entry = self.map.entry(f"{provider}/{name}") if provider in PROVIDERS else None
        if entry:
            return entry, self.map.source, self.map.date
        told = listed(provider) if provider in LISTS else NOTHING
        if name in told.entries:
            return told.entries[name], told.source, told.date
        return {}, "unknown model", ""

    def providers(self) -> Iterator[Provider]:
        """Those of the table and those of the settings, under the settings' terms."""
        for name in dict.fromkeys([*PROVIDERS, *self.settings.providers]):
            yield self._provider(name)

    def key_of(self, provider: Provider) -> Key | None:
        """The key of a provider, wherever the settings say that it is; None when there is none."""
        listed = self.settings.providers.get(provider.name, Terms()).keys
        return next(
            iter(find_keys(provider.name, provider.key_names, self._key_from(provider), listed)), None
        )

    def search(self, query: str = "", provider: str | None = None) -> list[str]:
        """Ids that hold every word of the query: models in service in the map, and those of the settings."""
        words = query.lower().split()
        return sorted(
            id
            for id in set(self._known())
            if all(word in id.lower() for word in words) and provider in (None, id.partition("/")[0])
        )

    def suggest(self, model: str, count: int = 3) -> list[str]:
        """Names near to this one, the nearest first: for a message about a mistyped or unpriced model."""
        by_name = {id.partition("/")[2]: id for id in self._known()}
        near = difflib.get_close_matches(model, list(self._known()), count, 0.6)
        near += [
            by_name[n] for n in difflib.get_close_matches(model.rpartition("/")[2], list(by_name), count, 0.6)
        ]
        return list(dict.fromkeys(near))[:count]

    def _key_from(self, provider: Provider) -> str | None:
        terms = self.settings.providers.get(provider.name, Terms())
        return terms.key or ("none" if provider.is_local else None)

    def _known(self) -> Iterator[str]:
        """Ids of the settings and of the map, one may come twice. What is on this machine only its servers know."""
        for id in (*self.settings.prices, *self.settings.models.values()):
            if id.partition("/")[0] in {*PROVIDERS, *self.settings.providers}:
                yield id
        for provider in LISTS:
            yield from (f"{provider}/{name}" for name in listed(provider).entries)
        today = date.today()
        for key, entry in self.map.entries.items():
            provider = str(entry.get("litellm_provider"))
            row = PROVIDERS.get(provider)
            if row and not row.is_local and entry.get("mode") in CHAT_MODES and not key.startswith("ft:"):
                retires = _date(entry)
                if retires is None or retires > today:
                    yield key if key.startswith(f"{provider}/") else f"{provider}/{key}"

    def _resolved(self, model: str) -> tuple[Provider, str]:
        provider, slash, name = model.partition("/")
        if slash and name and (provider in PROVIDERS or provider in self.settings.providers):
            return self._provider(provider), name
        for row in PROVIDERS.values():  # LiteLLM's spelling, where it is not ours: ollama_chat/qwen3-coder
            if slash and name and provider == row.litellm:
                return self._provider(row.name), name
        raise BadInput(self._no_such(model))

    def _no_such(self, model: str) -> str:
        known = [*PROVIDERS, *self.settings.providers]
        provider, _, name = model.partition("/")
        near = difflib.get_close_matches(provider, known, 1) if name else []
        meant = [f"{near[0]}/{name}"] if near else self.suggest(model)
        problem = f"There is no provider {provider!r}." if name else "A model is written provider/name."
        hint = f" Did you mean {' or '.join(meant)}?" if meant else ""
        own = " Your own server is a [providers.NAME] with wire and base_url in the settings."
        return f"{model!r} names no model. {problem}{hint} Known are {', '.join(dict.fromkeys(known))}.{own}"

    def _provider(self, name: str) -> Provider:
        """The table's row with the settings' terms laid over it, or a row made of them alone."""
        terms = self.settings.providers.get(name, Terms())
        row = PROVIDERS.get(name) or _own_provider(name, terms)
        base_url = terms.base_url or os.environ.get(row.base_url_name) or row.base_url
        is_local = (
            row.is_local and terms.key in (None, "none") and not terms.keys and is_own_host(base_url or "")
        )
        return row.model_copy(update={"base_url": base_url, "is_local": is_local, **_wire_terms(terms)})

    def _price(self, id: str, model: str, cache: Cache, is_local: bool) -> PriceRow | None:
        override = self.settings.prices.get(id) or self.settings.prices.get(model)
        if override:
            return price_from_settings(override, surcharge=cache == "explicit")
        if is_local:
            return local_price()
        provider, _, name = id.partition("/")
        if provider not in PROVIDERS:
            return None
        price = price_of(id, self.map)
        if price is None and provider in LISTS:
            return price_listed(listed(provider), name, surcharge=cache == "explicit")
        return price


def key_for(facts: ModelFacts) -> Key | None:
    """The first key for this model, None when it needs none. NoKey with the ways to give one."""
    return keys_for(facts)[0]


def keys_for(facts: ModelFacts) -> tuple[Key | None, ...]:
    """The keys for this model in their order, at least one; None where none is needed. NoKey without one."""
    if facts.key_from == "none" and not facts.keys_from:
        return (None,)
    keys = find_keys(facts.provider, facts.key_names, facts.key_from, facts.keys_from)
    if not keys:
        raise NoKey(_no_key(facts))
    return keys


def model_with_key(settings: Settings) -> str:
    """The preferred model of the first provider, in the order of the table, that has a key: where nobody named a
    model. NoKey with the ways to begin when there is none."""
    catalog = Catalog(settings)
    for provider in catalog.providers():
        if provider.preferred and catalog.key_of(provider):
            return f"{provider.name}/{_preferred(provider, catalog.map)}"
    raise NoKey(
        "No model is set, and no key was found. Either set a provider's key in the environment "
        "(ANTHROPIC_API_KEY, OPENAI_API_KEY, GEMINI_API_KEY, OPENROUTER_API_KEY, …), or keep one with "
        "`kcode auth login`, or name a local model (`kcode -m ollama/qwen3-coder`), or look around without "
        "any: `kcode demo`."
    )


def is_own_host(url: str) -> bool:
    """Whether the address is this machine or one in the house: loopback, private, or a name of no public domain."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return bool(host) and ("." not in host or host.endswith(HOUSE_NAMES))


def _own_provider(name: str, terms: Terms) -> Provider:
    """The user's own server; on a machine of the house, and without a key, it is taken to cost nothing."""
    if not (terms.wire and terms.base_url):
        raise BadInput(f"providers.{name} in the settings wants a wire (openai or anthropic) and a base_url.")
    variable = re.sub(r"\W", "_", name).upper() + "_API_KEY"
    return Provider(
        name=name, title=name, litellm=terms.wire, family="compatible", key_names=(variable,), is_local=True
    )


def _wire_terms(terms: Terms) -> dict[str, Any]:
    match terms.wire:
        case None:
            return {}
        case "anthropic":
            return {"litellm": "anthropic", "family": "anthropic", "cache": "explicit"}
        case "openai":
            return {"litellm": "openai", "family": "compatible", "cache": "automatic"}


def _cache(provider: Provider, name: str) -> Cache:
    """OpenRouter hands marks on to Anthropic's models; others cache by themselves or not."""
    is_behind_router = provider.family == "openrouter" and name.startswith("anthropic/")
    return "explicit" if is_behind_router else provider.cache


def _runs_elsewhere(name: str) -> bool:
    """Ollama passes these on to ollama.com, which bills them."""
    return name.endswith(("-cloud", ":cloud"))


def _date(entry: Mapping[str, Any]) -> date | None:
    try:
        return date.fromisoformat(entry.get("deprecation_date", ""))
    except ValueError:
        return None


def _preferred(provider: Provider, map: PriceMap) -> str:
    known = [name for name in provider.preferred if map.entry(f"{provider.name}/{name}")]
    return known[0] if known else provider.preferred[-1]


def _no_key(facts: ModelFacts) -> str:
    none = f' Does it want none? Set providers.{facts.provider}.key = "none".' if facts.base_url else ""
    if facts.key_from and facts.key_from.startswith("env:"):
        name = facts.key_from.removeprefix("env:")
        return f"There is no key for {facts.title}: the settings want it in {name}, which is not set.{none}"
    trouble = keyring_trouble()
    login = f"kcode auth login {facts.provider}" + (" --in-file" if trouble else "")
    why = f" (this machine's keyring cannot be used: {trouble})" if trouble else ""
    names = " or ".join(facts.key_names)
    return f"There is no key for {facts.title}. Set {names}, or keep one: `{login}`{why}.{none}"

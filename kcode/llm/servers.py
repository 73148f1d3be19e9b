"""Model servers on the user's own machine: which models they hold."""

import http.client
import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from kcode.llm.providers import Provider

TIMEOUT = 0.3
"""Seconds. What is here answers in a few milliseconds."""
LONGEST_ANSWER = 4_000_000


@dataclass(frozen=True, slots=True)
class Server:
    provider: Provider
    models: dict[str, int | None]
    """Id (`provider/name`) -> window in tokens, where the server tells it."""
    trouble: str = ""
    """Why there are none; "" when it answered."""


def ask_servers(providers: Iterable[Provider], timeout: float = TIMEOUT) -> list[Server]:
    """What each of them holds: all are asked at once, by the list of models that every one of them serves."""
    asked = [provider for provider in providers if provider.base_url]
    with ThreadPoolExecutor(max_workers=max(len(asked), 1)) as threads:
        return list(threads.map(lambda provider: _ask(provider, timeout), asked))


def _ask(provider: Provider, timeout: float) -> Server:
    try:
        listed = _get(f"{(provider.base_url or '').rstrip('/').removesuffix('/v1')}/v1/models", timeout)
        models = {f"{provider.name}/{model['id']}": model.get("max_model_len") for model in listed["data"]}
    except OSError as error:
        return Server(provider, {}, (error.strerror or str(error)).lower())
    except (http.client.HTTPException, ValueError, KeyError, TypeError, AttributeError):
        return Server(provider, {}, "it answers, but with no list of models")
    return Server(provider, models)


def _get(url: str, timeout: float) -> Any:
    """Straight there: a proxy has no part in what is on this machine."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=timeout)
    try:
        connection.request("GET", parts.path, headers={"Accept": "application/json"})
        answer = connection.getresponse()
        return json.loads(answer.read(LONGEST_ANSWER))
    finally:
        connection.close()

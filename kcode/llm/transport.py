"""The door to the providers: the only module that knows LiteLLM.

It takes and gives plain records, so that it could live in a process of its own. Each `stream` is one request, with
no retry and no fallback behind anybody's back, and without LiteLLM's wrapper around the stream: see `chunks`.
"""

import asyncio
import gc
import importlib
import logging
import os
import re
import threading
import warnings
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import Future
from contextlib import aclosing, contextmanager
from typing import Any

from pydantic import SecretStr

from kcode.errors import KcodeError, ProviderError
from kcode.llm.asking import WireRequest, arguments
from kcode.llm.chunks import Reader
from kcode.llm.deltas import Delta
from kcode.llm.lines import BadStream, data_lines
from kcode.llm.troubles import Whom, trouble_of

__all__ = ["WireRequest", "ready", "start_import", "stream"]

SWITCHES = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else it asks GitHub
    "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
    "LITELLM_OFFLINE_MODE": "true",  # from 1.109 on: for all that it fetches
    "LITELLM_MODE": "PRODUCTION",  # else it loads the .env of whatever repository it lies in
    "LITELLM_LOG": "CRITICAL",
    "LITELLM_SUPPRESS_STARTUP_OUTPUT": "true",
    "HF_HUB_OFFLINE": "1",  # else it downloads tokenizers
}
NOISE: dict[str, type[Warning]] = {
    "Pydantic serializer warnings": UserWarning,
    # One that was cancelled while a thread prepared its request:
    r"coroutine '\w+(Handler|LLM|ChatCompletion)\.[\w.<>]+' was never awaited": RuntimeWarning,
}
"""Warnings of LiteLLM that mean nothing here."""
LIGHTER_OPENAI = "EXPERIMENTAL_OPENAI_BASE_LLM_HTTP_HANDLER"
"""Read with each request: OpenAI's wire without their SDK, which takes twice the CPU for a chunk, holds the loop for
100 ms to look at a long conversation, and tells the provider about the user's machine. Harmless to other programs."""
LONGEST_SLICE = 0.01
"""Seconds that a burst of chunks may hold the event loop."""
GRACE = 5.0
"""Seconds to wait for token counts and the end of the stream, when the answer itself is whole."""
CONNECT = 20.0
"""Seconds for a connection to stand."""
LONGEST = 24 * 3600.0
"""Seconds for an answer: silence is watched here, not below, where comments that keep a line open are news."""
_loading: Future[Any] | None = None
_lock = threading.Lock()


def start_import() -> None:
    """Begins to load LiteLLM in a thread: seconds of work, while the caller's event loop stays free."""
    global _loading
    with _lock:
        if _loading is None:
            _loading = Future()
            _loading.set_running_or_notify_cancel()
            threading.Thread(target=_load, args=(_loading,), name="import of litellm", daemon=True).start()


def is_loaded() -> bool:
    """Whether requests can be made at once."""
    return _loading is not None and _loading.done()


async def ready() -> None:
    """Returns when requests can be made; loads LiteLLM if nobody did."""
    await _litellm()


async def stream(request: WireRequest, hear: Callable[[Delta], None]) -> None:
    """One attempt. Tells what arrives, as it arrives, and a `FinishDelta` at the end of a whole answer.

    Raises ProviderError for every failure; what was told before it is all that came. When cancelled, at
    whatever point, it closes the connection before it returns.
    """
    error = await _attempt(request, hear)
    current = asyncio.current_task()
    if (
        current is not None and current.cancelling()
    ):  # a library below has swallowed it, while it closed a connection
        raise asyncio.CancelledError
    if error is not None:  # raised here, where no way leads from it to frames that hold the key
        raise error


async def close() -> None:
    """Ends the connections that are kept open for the next request: before the event loop of the requests ends."""
    if _loading is None or not _loading.done() or _loading.exception() is not None:
        return
    litellm, loop = _loading.result(), asyncio.get_running_loop()
    clients = [*litellm.in_memory_llm_clients_cache.cache_dict.values(), litellm.module_level_aclient]
    for client in clients:
        http = getattr(client, "client", None) or getattr(client, "_client", None)
        session = getattr(getattr(http, "_transport", None), "client", None)
        if session is not None and getattr(session, "_loop", None) is loop:
            await session.close()


async def _attempt(request: WireRequest, hear: Callable[[Delta], None]) -> ProviderError | None:
    litellm = await _litellm()
    reader = Reader(
        guesses_reasoning=request.model.startswith("anthropic/"),
        reports_cost=request.model.startswith("openrouter/"),
    )
    failure = await _hear_all(_chunks(litellm, request, reader), request.silence, reader, hear)
    if reader.stop is not None:
        failure = None  # the answer was whole by then
    failure = failure or _hear_end(reader, hear)
    return trouble_of(failure, _whom(request), reader.has_begun) if failure else None


async def _hear_all(
    chunks: AsyncGenerator[Any, None], silence: float, reader: Reader, hear: Callable[[Delta], None]
) -> Exception | None:
    """Until the stream ends. What went wrong, if anything."""
    now = asyncio.get_running_loop().time
    try:
        async with asyncio.timeout(silence) as clock, aclosing(chunks):
            slice_began = now()
            async for chunk in chunks:
                deltas = list(reader.read(chunk))
                for delta in deltas:
                    hear(delta)
                if deltas or reader.stop is not None:
                    clock.reschedule(now() + (silence if reader.stop is None else GRACE))
                if now() - slice_began > LONGEST_SLICE:
                    await asyncio.sleep(0)
                    slice_began = now()
    except (TimeoutError, _Lost, BadStream) as error:
        return error
    return None


def _hear_end(reader: Reader, hear: Callable[[Delta], None]) -> BadStream | None:
    try:
        for delta in reader.end():
            hear(delta)
    except BadStream as error:
        return error
    return None


class _Lost(Exception):
    """Something went wrong at LiteLLM or below: that is its cause."""


async def _chunks(litellm: Any, request: WireRequest, reader: Reader) -> AsyncGenerator[Any, None]:
    """What LiteLLM's wrapper would read, were it asked. Raises _Lost."""
    response: Any = None
    lines: Any = None
    try:
        response = await litellm.acompletion(**arguments(request, litellm.model_cost), timeout=LONGEST)
        raw = response.completion_stream or await response.fetch_stream()
        reader.has_begun = True
        _check_that_it_is_no_page(response)
        lines = getattr(raw, "streaming_response", None)
        if lines is not None:
            raw.streaming_response = data_lines(lines, reader.look)
        async for chunk in raw:
            yield chunk
    except Exception as error:
        raise _Lost from error
    finally:
        if hasattr(lines, "aclose"):
            await lines.aclose()
        if response is not None:
            await response.aclose()


def _check_that_it_is_no_page(response: Any) -> None:
    headers = {
        str(name).lower(): str(value) for name, value in dict(response._response_headers or {}).items()
    }
    if "html" in headers.get("content-type", ""):
        raise BadStream("garbled", "a web page came")


def _whom(request: WireRequest) -> Whom:
    return Whom(
        provider=request.provider,
        model=request.name or request.model,
        key_hint=request.key_hint,
        place=re.sub("//[^/]*@", "//", request.base_url or "") or f"that {request.provider} is in service",
        secrets=(*([request.key] if request.key else []), *map(SecretStr, request.headers.values())),
    )


async def _litellm() -> Any:
    start_import()
    assert _loading is not None
    return await asyncio.wrap_future(_loading)


def _load(loading: Future[Any]) -> None:
    try:
        with _gc_paused(), _switched():
            import litellm

            _silence(litellm)
            _send_once_and_nowhere_else(litellm.AsyncHTTPHandler)
            os.environ[LIGHTER_OPENAI] = "true"
            _warm_up(litellm)
    except Exception as error:
        loading.set_exception(KcodeError(f"LiteLLM cannot be loaded ({error!r}). Install kcode again."))
    else:
        loading.set_result(litellm)


@contextmanager
def _gc_paused() -> Iterator[None]:
    """Collections would take a third of the time, and later 200 ms each, were all this not set aside."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()


@contextmanager
def _switched() -> Iterator[None]:
    """LiteLLM reads its switches while it is imported. The commands that kcode starts must not find them."""
    before = {name: os.environ.get(name) for name in SWITCHES}
    os.environ.update(SWITCHES)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _send_once_and_nowhere_else(handler: Any) -> None:
    """LiteLLM's clients follow redirects with the key in their headers, send a request again whose connection was
    lost, also when the provider has begun to work at it, and take as long to connect as an answer may take. An own
    client does not reach all of its wires; so all of its clients are made otherwise."""
    create = handler.create_client

    async def connect_soon(request: Any) -> None:
        request.extensions["timeout"]["connect"] = CONNECT

    def create_strict(*arguments: Any, **terms: Any) -> Any:
        client = create(*arguments, **terms)
        client.follow_redirects = False
        client.event_hooks = {"request": [connect_soon]}
        return client

    async def refuse(*_: Any, **__: Any) -> None:
        raise ConnectionError("the connection was lost before an answer came")

    handler.create_client = create_strict
    handler.single_connection_post_request = refuse


def _silence(litellm: Any) -> None:
    litellm.suppress_debug_info = True
    litellm.telemetry = False
    litellm.disable_hf_tokenizer_download = True
    litellm.disable_anthropic_gemini_context_caching_transform = True
    for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
        logger = logging.getLogger(name)
        logger.handlers[:] = [logging.NullHandler()]
        logger.propagate = False
    for message, category in NOISE.items():
        warnings.filterwarnings("ignore", message, category)


def _warm_up(litellm: Any) -> None:
    """One request on each wire that goes nowhere: what they import and build would hold the loop later."""
    import httpx

    importlib.import_module("anyio._backends._asyncio")
    nowhere = httpx.MockTransport(lambda _: httpx.Response(200, text="data: [DONE]\n\n"))
    client = litellm.HTTPHandler(client=httpx.Client(transport=nowhere))
    for model in ("openai/none", "anthropic/none"):
        request = WireRequest(
            provider="nobody",
            model=model,
            messages=[{"role": "user", "content": "-"}],
            max_tokens=1,
            base_url="http://127.0.0.1",
        )
        litellm.completion(**arguments(request, {}), client=client)

"""What went wrong with a request, whatever LiteLLM, the SDKs and the network call it: a `ProviderError`."""

import ast
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from pydantic import SecretStr

from kcode.errors import ProviderError, ProviderTrouble, WindowFull
from kcode.keys import redact
from kcode.llm.lines import BadStream

LONGEST_DETAIL = 300

WINDOW = re.compile(
    r"context_length_exceeded|context.?length|context.?(?:window|limit)|maximum context|max_model_len"
    r"|prompt is too long|input is too long|input length|token count .*exceeds|maximum prompt length"
    r"|exceeds? the (?:maximum|available) (?:number of tokens|context)|too many tokens|request_too_large"
    r"|reduce the length of the (?:messages|prompt|input)|exceeds the limit of \d+ tokens|prompt.{0,20}too large",
    re.IGNORECASE,
)
CREDIT = re.compile(
    r"insufficient.?(?:quota|balance|credits?|funds)|credit balance|billing_(?:hard_limit|not_active)"
    r"|API usage limits?|out of credits|payment required|requires more credits|arrears|no resource package",
    re.IGNORECASE,
)
"""Not `quota`: Gemini says so of a limit per minute."""
REFUSED = re.compile(
    r"content.?(?:filter|policy|management)|safety system|moderation|flagged|usage polic|responsible.?ai"
    r"|inappropriate content|cyber.?policy|prohibited_content",
    re.IGNORECASE,
)
NO_MODEL = re.compile(
    r"model[^.]{0,60}(?:not found|does ?n.t exist|does not exist|is invalid|decommissioned)|model_not_found"
    r"|(?:no such|unknown|invalid|unsupported|not a valid) model|no endpoints found|LLM Provider NOT",
    re.IGNORECASE,
)
BAD_KEY = re.compile(
    r"api.?key (?:not valid|is invalid|expired|client option must be set)|invalid x-api-key|unauthorized"
    r"|(?:invalid|incorrect|missing|no).{0,20}api.?key|authentication_error",
    re.IGNORECASE,
)
OVERLOADED = re.compile(
    r"overloaded|server_is_overloaded|slow_down|at capacity|engine is currently", re.IGNORECASE
)
RATE = re.compile(r"rate.?limit|too many requests|resource_exhausted|throttl", re.IGNORECASE)
LOST = re.compile(
    r"Connect|ReadError|WriteError|Protocol|Disconnected|ClientPayload|ClientOS|gaierror|SSL|ClosedRes"
)
"""In the names of exceptions of httpx, aiohttp, anyio, the OpenAI SDK and the standard library. LiteLLM's own
mean nothing: its APIConnectionError is whatever it did not expect."""
SILENT = re.compile(r"Timeout")
NOT_CONNECTED = re.compile(r"Connect(?:ion)?Timeout")
UNREADABLE = re.compile(r"JSONDecode|Validation|UnicodeDecode")
WAIT = re.compile(r'"retryDelay": ?"([\d.]+)(s)"|try again in ([\d.]+) ?(ms|s)\b')
"""Where Gemini and OpenAI say in the text how long to wait."""
REDIRECT = re.compile(r"Redirect location: '([^']*)'")
HTML = re.compile(r"<!doctype html|<html", re.IGNORECASE)

ELSEWHERE = ("sends us on", "If you trust that address, set it as the provider's base_url.")
NO_ANSWER: frozenset[ProviderTrouble] = frozenset({"unreachable", "timeout", "cut", "empty", "garbled"})
"""There was no answer that had a status: LiteLLM makes one up."""
SAID_ALREADY: frozenset[ProviderTrouble] = frozenset({"timeout", "cut", "empty"})

HAPPENED: dict[ProviderTrouble, str] = {
    "unreachable": "cannot be reached",
    "timeout": "has been silent for too long",
    "rate_limit": "takes no more requests for now",
    "overloaded": "is overloaded",
    "server": "failed",
    "cut": "broke off its answer",
    "empty": "gave an empty answer",
    "garbled": "sent something that is no answer",
    "key": "does not accept the key",
    "credit": "says that your credit is used up",
    "model": "does not have this model for you",
    "window": "cannot take a conversation of this length",
    "request": "does not understand the request",
    "refused": "refuses to answer this",
}
TO_DO: dict[ProviderTrouble, str] = {
    "unreachable": "Check the network, the proxy and {place}.",
    "timeout": "Try again, or raise timeouts.silence in the settings.",
    "rate_limit": "Wait a little, or choose another model.",
    "overloaded": "Try again later, or choose another model.",
    "server": "Try again later, or choose another model.",
    "cut": "Try again.",
    "empty": "Ask again, or in other words.",
    "garbled": "Check {place}, and try again.",
    "key": "Check {key}.",
    "credit": "Top up your account there, or choose another model.",
    "model": "Check the name {model}, and {place}.",
    "window": "Make the conversation shorter, or choose a model with a larger window.",
    "request": "Try another model; if it stays so, report it.",
    "refused": "Put it in other words, or choose another model.",
}


@dataclass(frozen=True, slots=True)
class Whom:
    """Who was asked, as the user knows it."""

    provider: str
    model: str
    key_hint: str
    """Where the key is from, or how to give one."""
    place: str
    """The address, or what stands for it."""
    secrets: tuple[SecretStr, ...] = ()


def trouble_of(error: BaseException, whom: Whom, has_begun: bool) -> ProviderError:
    """The error as the user may read it. `has_begun`: whether the answer had begun to come."""
    chain = list(_chain(error))
    status, words = _status(chain), " ".join(map(_words, chain))
    trouble = _trouble(chain, status, words, has_begun)
    if trouble in NO_ANSWER:
        status = None
    happened, to_do = ELSEWHERE if status and status < 400 else (HAPPENED[trouble], TO_DO[trouble])
    happened += f" ({status})" if status else ""
    if detail := _detail(chain, trouble):
        happened += f": {redact(detail, whom.secrets)}"
    to_do = to_do.format(place=whom.place, key=whom.key_hint, model=whom.model)
    text = f"{whom.provider} {happened.rstrip('.')}. {to_do}"
    if trouble == "window":
        return WindowFull(text, status=status)
    return ProviderError(trouble, text, status=status, retry_after=_retry_after(chain, words))


def _trouble(chain: list[BaseException], status: int | None, words: str, has_begun: bool) -> ProviderTrouble:
    """The words first: providers wrap one trouble in the status of another."""
    broken = next((error.trouble for error in chain if isinstance(error, BadStream)), None)
    if by_words := broken or _by_words(words, status):
        return by_words
    if has_begun and "before any terminal event" in words:  # LiteLLM on Responses
        return "cut"
    if status in (None, 408) or status >= 500:  # LiteLLM makes up the one and the other
        names = " ".join(type(e).__name__ for e in chain if not type(e).__module__.startswith("litellm"))
        if SILENT.search(names) and not NOT_CONNECTED.search(names):
            return "timeout"
        if LOST.search(names):
            return "cut" if has_begun else "unreachable"
        if UNREADABLE.search(names):
            return "garbled"
    return _by_status(status, words)


def _by_words(words: str, status: int | None) -> ProviderTrouble | None:
    if status not in (401, 403, 429) and WINDOW.search(words):
        return "window"
    if CREDIT.search(words):
        return "credit"
    if status in (None, 429, 500, 503, 529) and OVERLOADED.search(words):
        return "overloaded"
    if status in (None, 500) and RATE.search(words):
        return "rate_limit"
    if status in (None, 400, 401, 403, 500) and BAD_KEY.search(words):
        return "key"
    if status in (None, 400, 403, 500) and REFUSED.search(words):
        return "refused"
    if status in (None, 400, 404, 422) and NO_MODEL.search(words):
        return "model"
    return None


def _by_status(status: int | None, words: str) -> ProviderTrouble:
    match status:
        case 401:
            return "key"
        case 402:
            return "credit"
        case 403:
            return "request" if HTML.search(words) else "key"
        case 404:
            return "model"
        case 408:
            return "timeout"
        case 429:
            return "rate_limit"
        case 503 | 529:
            return "overloaded"
        case int() if 300 <= status < 500:
            return "request"
        case _:
            return "server"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what it hides, each once."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        error = waiting.pop(0)
        if error is not None and id(error) not in seen:
            seen.add(id(error))
            yield error
            waiting += [getattr(error, "original_exception", None), error.__cause__, error.__context__]


def _status(chain: list[BaseException]) -> int | None:
    """What the provider answered: the innermost, since LiteLLM makes its own of some, such as 500 of 529."""
    for error in reversed(chain):
        status = getattr(getattr(error, "response", None), "status_code", None) or getattr(
            error, "status_code", None
        )
        if isinstance(status, int | str) and str(status).isdigit() and 300 <= int(status) < 600:
            return int(status)
    return None


def _words(error: BaseException) -> str:
    """All that it says, for the patterns."""
    return f"{error} {getattr(error, 'body', None) or ''} {getattr(error, 'code', None) or ''}"


def _detail(chain: list[BaseException], trouble: ProviderTrouble) -> str:
    """What the provider says of it, or the network, in one short line; '' when that is nothing for people."""
    if trouble in SAID_ALREADY:
        return ""
    told = reversed(chain) if trouble == "unreachable" else chain
    texts = (_message(getattr(error, "body", None)) or _unwrapped(str(error)) for error in told)
    text = next((text for text in texts if text), "")
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    line = re.sub(r"^\[Errno -?\d+\] ", "", line)
    return line if len(line) <= LONGEST_DETAIL else f"{line[:LONGEST_DETAIL]}…"


def _unwrapped(text: str) -> str:
    """The message in `litellm.X: XException - {"error": {"message": ...}}`."""
    if HTML.search(text):
        return ""
    text = text.partition(" Original exception: ")[0]
    if led := REDIRECT.search(text):
        return led[1]
    text = re.sub(r"^(?:(?:litellm\.)?\w+(?:Error|Timeout|Exception)(?:: | - ))*", "", text)
    if re.match(r"b['\"]", text):
        with suppress(ValueError, SyntaxError):
            text = ast.literal_eval(text).decode("utf-8", "replace")
    start = text.find("{")
    if start < 0:
        return text
    try:
        value, _ = json.JSONDecoder().raw_decode(text[start:])
    except ValueError:
        return text
    return _message(value) or text


def _message(body: Any) -> str:
    if not isinstance(body, dict):
        return ""
    error = body.get("error") or body
    message = error if isinstance(error, str) else error.get("message") or error.get("detail")
    return message if isinstance(message, str) else ""


def _retry_after(chain: Iterable[BaseException], words: str) -> float | None:
    """Seconds that the provider asks for; None for none, and for a moment that is past."""
    for error in chain:
        for holder in (getattr(error, "response", None), error):
            headers = getattr(holder, "headers", None)
            if headers and (wait := _wait(headers)) is not None:
                return wait
    if found := WAIT.search(words):
        seconds = float(found[1] or found[3])
        return seconds / 1000 if (found[2] or found[4]) == "ms" else seconds
    return None


def _wait(headers: Any) -> float | None:
    given = {str(name).lower(): str(value) for name, value in dict(headers).items()}
    try:
        if "retry-after-ms" in given:
            return max(0.0, float(given["retry-after-ms"]) / 1000)
        wait = given.get("retry-after", "")
        if re.fullmatch(r"\s*[\d.]+\s*", wait):
            return float(wait)
        until = parsedate_to_datetime(wait)
    except ValueError:
        return None
    seconds = (until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return seconds if seconds > 0 else None

"""The scenario: what the provider says, charges, remembers, and where it fails. All of it is data."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

CacheKind = Literal["explicit", "automatic", "none"]
ErrorKind = Literal[
    "rate_limit",
    "quota",
    "server_error",
    "overloaded",
    "context_overflow",
    "bad_key",
    "forbidden",
    "no_credit",
    "unknown_model",
]
FaultKind = Literal[
    ErrorKind,
    "html",
    "not_json",
    "empty",
    "reset",
    "reset_mid",
    "eof_mid",
    "stall",
    "keepalive_stall",
    "error_event",
    "malformed_sse",
    "truncated_json",
    "missing_ids",
    "duplicate_ids",
    "empty_reply",
    "content_filter",
    "max_tokens",
]


class Record(BaseModel):
    """Frozen, and strict about names: a misspelled field of a scenario is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Call(Record):
    """One tool call. `arguments` is an object, or a raw string that is sent as it is, valid JSON or not."""

    name: str
    arguments: dict[str, Any] | str = {}
    id: str | None = None


class Step(Record):
    """One reply of the model: thinking, then text, then calls (several calls are parallel ones).

    `expect` is looked for in what the client said since the last reply (user text and tool results).
    `chunk` characters make a delta, `pace` seconds lie between deltas, `first_delay` before the headers.
    `stop` replaces the stop reason, word for word.
    """

    text: str = ""
    thinking: str = ""
    calls: tuple[Call, ...] = ()
    expect: str | None = None
    chunk: int = Field(default=24, ge=1)
    pace: float = 0
    first_delay: float = 0
    stop: str | None = None


class Lane(Record):
    """The replies to one prompt: `match` is searched in the prompts, `match_system` in the system text."""

    match: str = ""
    match_system: str | None = None
    steps: tuple[Step, ...]


class Rates(Record):
    """Dollars per million tokens, which is micro-dollars per token.

    What is not given costs as much as `input`; `stored_1h` as much as `stored`.
    """

    input: Decimal
    output: Decimal
    cached: Decimal | None = None
    stored: Decimal | None = None
    stored_1h: Decimal | None = None


class LongContext(Rates):
    """The rates of the whole request when its input has more than `above` tokens."""

    above: int


class Price(Rates):
    """The rates of one model."""

    long_context: LongContext | None = None


class CacheRules(Record):
    """How the prompt cache works, as `cache` tells it. Without `kind` it is that of the wire's inventor."""

    kind: CacheKind | None = None
    min_tokens: int = 1024
    look_back: int = 20
    chunk: int = Field(default=128, ge=1)
    ttl: float = 300

    def kind_on(self, wire: str) -> CacheKind:
        """The kind of the cache on a wire."""
        return self.kind or ("explicit" if wire == "anthropic" else "automatic")


class Fault(Record):
    """One thing that goes wrong: at the requests with these numbers (from 1), or the first `times` times at a
    `lane`, a `step` or both.

    errors        rate_limit quota server_error overloaded context_overflow bad_key forbidden no_credit
                  unknown_model; with `status`, `retry_after` (seconds, or a text such as a date),
                  `retry_after_ms`, `echo_key` (the message holds the key that came)
    wrong bodies  html (200) not_json (400) empty (200 without a byte)
    connection    reset (before the headers) reset_mid eof_mid (no final event) stall keepalive_stall
                  error_event malformed_sse (a garbage line): after `after` deltas, 0 being the headers alone;
                  a stall lasts until the client hangs up, or for `seconds`, and then the reply goes on
    bent replies  truncated_json missing_ids duplicate_ids empty_reply content_filter max_tokens (cut in the
                  middle of the last part)

    Errors, wrong bodies, a reset before the headers and an error event with `after` 0 cost nothing.
    """

    kind: FaultKind
    request: int | tuple[int, ...] = ()
    lane: int | None = None
    step: int | None = None
    times: int = 1
    status: int | None = None
    retry_after: float | str | None = None
    retry_after_ms: int | None = None
    echo_key: bool = False
    after: int = 1
    seconds: float | None = None


class Scenario(Record):
    """Everything the provider needs to know. `values` fill `{{name}}` in texts, thinking and arguments.

    `window`: more input than that is a context overflow. `models`: the answer of `GET /v1/models`; without it
    the priced ones. `openrouter_cost`: the usage tells the price of the request too, as OpenRouter does.
    """

    lanes: tuple[Lane, ...] = ()
    values: dict[str, str] = {}
    prices: dict[str, Price] = {}
    cache: CacheRules = CacheRules()
    faults: tuple[Fault, ...] = ()
    models: tuple[str, ...] = ()
    require_key: str | None = None
    window: int | None = None
    report_usage: bool = True
    openrouter_cost: bool = False

    @classmethod
    def of(cls, source: Scenario | dict[str, Any] | str | Path) -> Scenario:
        """A scenario from itself, a plain dict, or the path of a JSON file."""
        if isinstance(source, Scenario):
            return source
        if isinstance(source, dict):
            return cls.model_validate(source)
        return cls.model_validate(json.loads(Path(source).read_text(encoding="utf-8")))

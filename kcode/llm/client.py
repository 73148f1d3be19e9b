"""The client: every request of the program goes through `Client.ask`.

It writes the ledger's row before a request leaves and settles it afterwards, waits and tries again, and goes over to
the fallback models. What the provider says is told as events while it arrives.
"""

import asyncio
import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2s
from typing import Any

from kcode.errors import BadInput, KcodeError, ProviderError, Unavailable
from kcode.events import (
    CallArrived,
    Listener,
    Retrying,
    Spend,
    SpendState,
    Spent,
    TextArrived,
    ThinkingArrived,
)
from kcode.keys import Key
from kcode.llm import cache, transport
from kcode.llm.catalog import Catalog, ModelFacts, key_for
from kcode.llm.deltas import CallDelta, Delta, Heard, TextDelta, ThinkingDelta, UsageDelta
from kcode.llm.request import Request
from kcode.llm.wire import to_wire
from kcode.messages import Reply, Usage
from kcode.settings import Settings
from kcode.spend.ledger import Entry, Ledger
from kcode.spend.prices import cost, upper_bound

EMPTY_ATTEMPTS = 2
"""A model that says nothing twice has nothing to say."""
NEXT_MODEL_HELPS = frozenset({"key", "credit", "model"})
"""Troubles that no second try mends, but another model does."""
BYTES_PER_TOKEN = 4
"""Of code and English in common tokenizers, within about 10 %; used where a provider did not say."""
SAFE_BYTES_PER_TOKEN = 2
"""For upper bounds: dense text such as base64 or CJK has about two bytes a token."""


@dataclass(slots=True)
class Client:
    settings: Settings
    catalog: Catalog
    ledger: Ledger
    _inputs: dict[tuple[str, str], int] = field(default_factory=dict)
    """(task, model) -> input tokens of its last settled request: what the provider most likely has cached."""

    async def ask(self, request: Request, tell: Listener) -> Reply:
        """One reply. Tells deltas as they arrive, `Spent` for each attempt and `Retrying` before another one.

        Raises OverBudget before money is spent, WindowFull, and ProviderError when neither retries nor fallbacks help.
        """
        models = [request.model, *self._fallbacks(request)]
        for model, following in zip(models, [*models[1:], None], strict=True):
            try:
                return await self._ask_model(request.model_copy(update={"model": model}), tell)
            except (ProviderError, BadInput) as error:
                if following is None or not _next_model_may_help(error):
                    raise
                tell(Retrying(task=request.task, attempt=1, wait=0, model=following, reason=str(error)))
        raise AssertionError("a model is always asked")

    def estimate(self, request: Request) -> int:
        """Tokens of its input, roughly."""
        return _size(request) // BYTES_PER_TOKEN

    def _fallbacks(self, request: Request) -> Iterator[str]:
        chain = self.settings.fallback.get(request.mode) or self.settings.fallback.get("default", ())
        return (model for model in chain if model != request.model)

    async def _ask_model(self, request: Request, tell: Listener) -> Reply:
        """As often as the settings say. Unavailable when all attempts were in vain."""
        facts = self.catalog.model(request.model)
        before: str | None = None
        for attempt in range(1, self.settings.retry.attempts + 1):
            one = _Attempt(self, request, facts, key_for(facts), tell, before)
            try:
                return await one.made()
            except ProviderError as error:
                before = one.row
                if not error.is_retryable:
                    raise
                wait = self._wait(error, attempt)
                if wait is None:
                    words = f"{error} {self._in_vain(error, attempt)}"
                    raise Unavailable(error.trouble, words, status=error.status) from None
                tell(
                    Retrying(
                        task=request.task, attempt=attempt, wait=wait, model=request.model, reason=str(error)
                    )
                )
                await asyncio.sleep(wait)
        raise AssertionError("the last attempt returns or raises")

    def _wait(self, error: ProviderError, attempt: int) -> float | None:
        """Seconds until the next attempt; None: no further one."""
        retry = self.settings.retry
        last = EMPTY_ATTEMPTS if error.trouble == "empty" else retry.attempts
        if attempt >= min(last, retry.attempts):
            return None
        if error.retry_after is not None:
            return error.retry_after if error.retry_after <= retry.longest_wait else None
        wait = retry.first_wait * 2 ** (attempt - 1) * random.uniform(0.9, 1.1)
        return float(min(wait, retry.longest_wait))

    def _in_vain(self, error: ProviderError, attempts: int) -> str:
        longest = self.settings.retry.longest_wait
        if error.retry_after is not None and error.retry_after > longest:
            return f"(It wants {error.retry_after:.0f} s; retry.longest_wait is {longest:.0f} s.)"
        return "(Tried once.)" if attempts == 1 else f"(Tried {attempts} times.)"


@dataclass(slots=True)
class _Attempt:
    """One request to one model: from the ledger's row to the settled sum."""

    client: Client
    request: Request
    facts: ModelFacts
    key: Key | None
    tell: Listener
    parent: str | None
    """Id of the attempt before."""
    heard: Heard = field(default_factory=Heard)
    usage: Usage | None = None
    is_partial: bool = True
    """Whether `usage` was told before the end of the stream."""
    reported: int | None = None
    """Micro-dollars, in the provider's own words."""
    row: str = ""
    sent: datetime = field(default_factory=lambda: datetime.now(UTC))
    first_token: float | None = None

    async def made(self) -> Reply:
        await transport.ready()
        self.row = self.client.ledger.reserve(self._entry(), self.request.budget)
        try:
            await transport.stream(self._wire(), self._hear)
            reply = self.heard.reply(self.request.model)
            if not (reply.text or reply.calls) and reply.stop != "refused":
                raise ProviderError(
                    "empty", f"{self.request.model} gave an empty answer. Ask again, or in other words."
                )
        except ProviderError as error:
            self._settle(self._how_sure() if self._was_billed(error) else "failed")
            raise
        except BaseException:
            self._settle(self._how_sure())
            raise
        self._settle(self._how_sure())
        return reply.model_copy(update={"usage": self.usage or self._guess()})

    def _hear(self, delta: Delta) -> None:
        self.heard.add(delta)
        if self.first_token is None and not isinstance(delta, UsageDelta):
            self.first_token = time.time()
        task = self.request.task
        match delta:
            case TextDelta():
                self.tell(TextArrived(task=task, text=delta.text))
            case ThinkingDelta():
                self.tell(ThinkingArrived(task=task, text=delta.text))
            case CallDelta():
                self.tell(
                    CallArrived(task=task, index=delta.index, name=delta.name or "", text=delta.arguments)
                )
            case UsageDelta():
                self.usage, self.is_partial = delta.usage, delta.is_partial
                self.reported = delta.reported_micro_dollars
            case _:
                pass

    def _how_sure(self) -> SpendState:
        """`settled` when the provider has told all that it counted."""
        return "estimated" if self.usage is None or self.is_partial else "settled"

    def _was_billed(self, error: ProviderError) -> bool:
        """Whether the provider had begun to work when it failed: then the money is gone, as far as one can know."""
        return (
            self.usage is not None
            or self.heard.characters > 0
            or error.trouble in ("cut", "timeout", "empty")
        )

    def _settle(self, state: SpendState) -> None:
        usage = self._final_usage(state)
        money = 0 if state == "failed" else self._cost(usage)
        self.client.ledger.settle(
            self.row,
            usage,
            money,
            state,
            provider_micro_dollars=self.reported,
            first_token=self.first_token,
        )
        if state == "settled":
            self.client._inputs[self.request.task, self.request.model] = usage.input
        charged = money if self.reported is None else self.reported
        spend = Spend(usage=usage, micro_dollars=charged, state=state)
        self.tell(
            Spent(
                task=self.request.task,
                request=self.row,
                purpose=self.request.purpose,
                mode=self.request.mode,
                model=self.request.model,
                spend=spend,
            )
        )

    def _final_usage(self, state: SpendState) -> Usage:
        match state:
            case "failed":
                return Usage()
            case "settled" if self.usage is not None:
                return self.usage
            case _:
                return self._guess()

    def _guess(self) -> Usage:
        """For a stream without its usage: what was heard, and the input as it was announced, or as it is known of the
        request before: that much is most likely cached; the rest is stored, where marks ask for it."""
        output = max(self.heard.characters // BYTES_PER_TOKEN, self.usage.output if self.usage else 0)
        if self.usage is not None:
            return self.usage.model_copy(update={"output": output})
        size = self.client.estimate(self.request)
        known = self.client._inputs.get((self.request.task, self.request.model), 0)
        cached = min(known, size) if self.facts.cache != "none" else 0
        if self.facts.cache == "explicit":
            return Usage(stored=size - cached, cached=cached, output=output)
        return Usage(fresh=size - cached, cached=cached, output=output)

    def _cost(self, usage: Usage) -> int | None:
        """By our own arithmetic; what the provider reports is kept beside it, and wins."""
        return cost(self.facts.price, usage, self.sent) if self.facts.price else None

    def _entry(self) -> Entry:
        request, price = self.request, self.facts.price
        most = _size(request) // SAFE_BYTES_PER_TOKEN
        return Entry(
            session=request.session,
            task=request.task,
            parent_task=request.parent_task,
            mode=request.mode,
            model=request.model,
            provider=self.facts.provider,
            purpose=request.purpose,
            parent=self.parent,
            root=request.root,
            price=price,
            upper_bound=upper_bound(price, most, self._max_tokens()) if price else None,
            fingerprint=_fingerprint(request),
        )

    def _max_tokens(self) -> int:
        return min(self.request.max_tokens, self.facts.max_output or self.request.max_tokens)

    def _wire(self) -> transport.WireRequest:
        request, facts = self.request, self.facts
        images = facts.takes_images is not False
        messages = to_wire(
            facts.family,
            facts.id,
            request.system,
            request.project,
            request.messages,
            in_blocks=facts.cache == "explicit",
            images=images,
        )
        return transport.WireRequest(
            provider=facts.provider,
            name=facts.id,
            model=facts.litellm_model,
            messages=cache.marked(messages) if facts.cache == "explicit" else messages,
            tools=list(request.tools),
            max_tokens=self._max_tokens(),
            effort=None if facts.reasons is False else request.effort,
            base_url=facts.base_url,
            key=self.key.value if self.key else None,
            key_hint=self.key.source if self.key else "the key",
            headers=facts.headers,
            extra={"prompt_cache_key": _hash(request.root)} if facts.family == "openai" else {},
            silence=self.client.settings.timeouts.silence,
        )


def _next_model_may_help(error: KcodeError) -> bool:
    return isinstance(error, Unavailable | BadInput) or (
        isinstance(error, ProviderError) and error.trouble in NEXT_MODEL_HELPS
    )


def _size(request: Request) -> int:
    """Bytes of the input, as it goes out; images at what they cost at most in tokens, not at their base64."""
    texts: list[Any] = [request.system, request.project, request.tools]
    texts += [
        message.model_dump(mode="json", exclude={"images", "usage", "changes"})
        for message in request.messages
    ]
    return len(json.dumps(texts, ensure_ascii=False).encode("utf-8", "replace"))


def _fingerprint(request: Request) -> str:
    """A short hash of each block of the prefix: where two of them part, the cache was lost."""
    blocks = [request.system, json.dumps(request.tools), request.project]
    blocks += [message.model_dump_json(exclude={"usage", "changes"}) for message in request.messages]
    return " ".join(map(_hash, blocks))


def _hash(text: str) -> str:
    return blake2s(text.encode("utf-8", "replace"), digest_size=4).hexdigest()

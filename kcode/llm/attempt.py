"""One request to one model: from the ledger's row, before it leaves, to the settled sum.

What the provider says is told as events while it arrives.
"""

import asyncio
import math
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from kcode.errors import OverBudget, ProviderError, WindowFull
from kcode.events import (
    CallArrived,
    Listener,
    Noticed,
    Spend,
    SpendState,
    Spent,
    TextArrived,
    ThinkingArrived,
)
from kcode.keys import Key
from kcode.llm import cache, transport
from kcode.llm.asking import WireRequest
from kcode.llm.catalog import ModelFacts
from kcode.llm.deltas import CallDelta, Delta, Heard, TextDelta, ThinkingDelta, UsageDelta
from kcode.llm.fingerprint import Fingerprint, fingerprint, short_hash
from kcode.llm.misses import Asked
from kcode.llm.request import Request
from kcode.llm.size import BYTES_PER_TOKEN, estimated_tokens, most_tokens
from kcode.llm.wire import may_think, to_wire
from kcode.messages import Reply, Usage
from kcode.spend.economics import Life
from kcode.spend.ledger import Entry, Ledger
from kcode.spend.money import dollars
from kcode.spend.prices import cost, differs, output_within, upper_bound
from kcode.spend.repository import repository_of

OLLAMA_WINDOW = 32_768
"""Tokens. Ollama has to be told, and cuts off without a word what is longer."""
SECONDS_BETWEEN_LOOKS = 0.2
LONGEST, CHARACTERS_PER_TOKEN = 1_000_000, 32
"""Characters of a reply, and of each token that it may have: whoever sends more has lost its end."""
TOKENS_PER_SECOND, BURST = 200, 8
"""What a model may have written unheard when its stream is cut: more than those write whose tokens are dear."""
WAITS = "Waits for requests that are under way: what they do not spend may be enough."


@dataclass(slots=True)
class Attempt:
    """One request to one model: from the ledger's row to the settled sum."""

    request: Request
    facts: ModelFacts
    ledger: Ledger
    silence: float
    """Seconds without news after which the provider is given up."""
    tell: Listener
    key: Key | None = None
    """None: the provider needs none."""
    least_output: int = 1024
    """Tokens: down to so many the reply is shortened so that the request fits its budgets."""
    parent: str | None = None
    """Id of the attempt before."""
    told: set[tuple[str, str]] = field(default_factory=set)
    """(session, model) of which was said that their provider reckons otherwise than the price list."""
    known_input: int = 0
    """Input tokens of the request before: what the provider most likely has cached."""
    life: Life = "5m"
    """For how long it asks the provider to keep what it stores."""
    print: Fingerprint = field(default_factory=Fingerprint)
    print_before: Fingerprint | None = None
    """Of the task's request before."""
    heard: Heard = field(default_factory=Heard)
    usage: Usage | None = None
    is_partial: bool = True
    """Whether `usage` was told before the end of the stream."""
    reported: int | None = None
    """Micro-dollars, in the provider's own words."""
    charged: int | None = None
    """Micro-dollars, once it is settled."""
    row: str = ""
    max_tokens: int = 0
    """Of the reply, as it was reserved."""
    sent: datetime = field(default_factory=lambda: datetime.now(UTC))
    first_token: float | None = None
    last_news: float = field(default_factory=time.monotonic)

    async def made(self) -> Reply:
        """The reply. ProviderError, OverBudget before anything was sent; the row is settled in any case."""
        self.print = fingerprint(self.request, self.life, short_hash(self.key.source) if self.key else "")
        await transport.ready()
        if self.facts.family == "ollama" and estimated_tokens(self.request) > OLLAMA_WINDOW:
            raise WindowFull(
                f"The conversation is longer than the {OLLAMA_WINDOW:,} tokens that Ollama is given."
            )
        await self._reserve()
        self.last_news = time.monotonic()
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

    def asked(self) -> Asked | None:
        """For who watches the cache; None when the provider did not tell what it counted."""
        if self.usage is None or self.is_partial:
            return None
        return Asked(
            model=self.request.model,
            print=self.print,
            usage=self.usage,
            started=self.sent.timestamp(),
            first_token=self.first_token,
            ended=time.time(),
        )

    async def _reserve(self) -> None:
        """The row is written, and the reply no longer than what is left pays for. Waits while others hold what would be
        enough: some of it may come back."""
        has_said = False
        while True:
            try:
                return self._reserve_now()
            except OverBudget as error:
                if not error.may_fit_later or self.request.purpose == "keepalive":
                    raise
                if not has_said:
                    self.tell(Noticed(task=self.request.task, text=f"{WAITS} {error}"))
                    has_said = True
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
            self.ledger.close_abandoned()

    def _reserve_now(self) -> None:
        entry, least = self._entry(), self._upper_bound(min(self.least_output, self._wanted()))
        self.row, granted = self.ledger.reserve(entry, self.request.limits, least)
        self.max_tokens = self._wanted()
        if self.facts.price and granted is not None and granted != entry.upper_bound:
            is_long = self.life == "1h"
            fits = output_within(self.facts.price, most_tokens(self.request), granted, stores_1h=is_long)
            self.max_tokens = self._wanted() if fits is None else min(fits, self._wanted())
            words = (
                f"The budget has room for a reply of {self.max_tokens:,} tokens, not of {self._wanted():,}."
            )
            self.tell(Noticed(task=self.request.task, text=words))

    def _hear(self, delta: Delta) -> None:
        self.last_news = time.monotonic()
        self.heard.add(delta)
        self._check_its_length()
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

    def _check_its_length(self) -> None:
        """A server that sends for ever would fill the memory."""
        if self.heard.characters > max(LONGEST, self.max_tokens * CHARACTERS_PER_TOKEN):
            raise ProviderError(
                "request",
                f"{self.request.model} sends without an end, far more than it was asked for. Take another model.",
            )

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
        self.ledger.settle(
            self.row,
            usage,
            money,
            state,
            provider_micro_dollars=self.reported,
            first_token=self.first_token,
            at_most=self._at_most() if state == "estimated" else None,
        )
        self.charged = money if self.reported is None else self.reported
        spend = Spend(usage=usage, micro_dollars=self.charged, state=state)
        self.tell(
            Spent(
                task=self.request.task,
                request=self.row,
                purpose=self.request.purpose,
                mode=self.request.mode,
                model=self.request.model,
                spend=spend,
                tightest=self.ledger.tightest(self.row, self.request.limits) if self.request.limits else None,
            )
        )
        self._compare(money)

    def _compare(self, calculated: int | None) -> None:
        reported, who = self.reported, (self.request.session, self.request.model)
        if reported is None or calculated is None or who in self.told or not differs(reported, calculated):
            return
        self.told.add(who)
        words = f"{self.facts.title} took {dollars(reported)} for this request; by the price list it is"
        words += f" {dollars(calculated)}. Theirs counts. `kcode spend` shows the sums."
        self.tell(Noticed(task=self.request.task, text=words))

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
        if self.usage is not None:
            return self.usage.model_copy(update={"output": self._output()})
        size, output = estimated_tokens(self.request), self._output()
        cached = min(self.known_input, size) if self.facts.cache != "none" else 0
        if self.facts.cache == "explicit":
            name = "stored_1h" if self.life == "1h" else "stored"
            return Usage(**{name: size - cached}, cached=cached, output=output)
        return Usage(fresh=size - cached, cached=cached, output=output)

    def _output(self) -> int:
        """Tokens that were heard; each part begins a token of its own."""
        heard = self.heard
        parts = bool(heard.text) + bool(heard.thinking) + len(heard.calls)
        return max(heard.characters // BYTES_PER_TOKEN + parts, self.usage.output if self.usage else 0)

    def _at_most(self) -> int | None:
        """What a request that was cut may have cost, without the help of any cache that was not told."""
        price = self.facts.price
        if price is None:
            return None
        if self.usage is not None:
            return self._cost(self.usage.model_copy(update={"output": self._most_output()}))
        size = estimated_tokens(self.request) + len(self.request.messages) + len(self.request.tools) + 2
        return upper_bound(price, size, self._most_output(), stores_1h=self.life == "1h")

    def _most_output(self) -> int:
        """Tokens: those that were heard, and what may have been written since the last news."""
        unheard = BURST + math.ceil(TOKENS_PER_SECOND * (time.monotonic() - self.last_news))
        heard = self._output()
        return max(heard, min(heard + unheard, self.max_tokens))

    def _cost(self, usage: Usage) -> int | None:
        """By our own arithmetic; what the provider reports is kept beside it, and wins."""
        return cost(self.facts.price, usage, self.sent) if self.facts.price else None

    def _entry(self) -> Entry:
        request, price = self.request, self.facts.price
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
            repository=repository_of(request.root),
            purse=request.purse,
            reads=request.reads,
            price=price,
            upper_bound=self._upper_bound(self._wanted()),
            fingerprint=self.print.text(self.print_before),
        )

    def _upper_bound(self, max_tokens: int) -> int | None:
        price = self.facts.price
        if price is None:
            return None
        return upper_bound(price, most_tokens(self.request), max_tokens, stores_1h=self.life == "1h")

    def _wanted(self) -> int:
        return min(self.request.max_tokens, self.facts.max_output or self.request.max_tokens)

    def _wire(self) -> WireRequest:
        request, facts = self.request, self.facts
        messages = to_wire(
            facts.family,
            facts.id,
            request.system,
            request.project,
            request.messages,
            in_blocks=facts.cache == "explicit",
            images=facts.takes_images is not False,
        )
        thinks = facts.reasons is not False and may_think(facts.family, facts.id, request.messages)
        return WireRequest(
            provider=facts.title,
            name=facts.id,
            model=facts.litellm_model,
            messages=cache.marked(messages, self.life) if facts.cache == "explicit" else messages,
            tools=list(request.tools),
            max_tokens=self.max_tokens,
            effort=request.effort if thinks else None,
            base_url=facts.base_url,
            key=self.key.value if self.key else None,
            key_hint=self.key.source if self.key else "the key",
            headers=facts.headers,
            extra=_extra(request, facts),
            silence=self.silence,
        )


def _extra(request: Request, facts: ModelFacts) -> dict[str, Any]:
    """Fields of the body that only one provider knows."""
    match facts.family:
        case "openai":
            return {"prompt_cache_key": short_hash(repository_of(request.root))}  # worktrees share it
        case "openrouter" if request.limits and facts.price:
            most = {"prompt": float(facts.price.input), "completion": float(facts.price.output)}
            return {"extra_body": {"provider": {"max_price": most}}}  # no dearer provider may answer
        case "ollama":
            return {"num_ctx": OLLAMA_WINDOW, "keep_alive": "30m"}
        case _:
            return {}

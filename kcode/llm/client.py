"""The client: every request of the program goes through `Client.ask`.

It writes the ledger's row before a request leaves and settles it afterwards, waits and tries again, and goes over to
other keys and to the fallback models. What the provider says is told as events while it arrives.
"""

import asyncio
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from kcode.errors import BadInput, KcodeError, OverBudget, ProviderError, Unavailable, WindowFull
from kcode.events import CacheMissed, Listener, Retrying
from kcode.keys import Key
from kcode.llm.attempt import Attempt
from kcode.llm.catalog import Catalog, ModelFacts, keys_for
from kcode.llm.misses import sentence
from kcode.llm.request import Request
from kcode.llm.resting import Resting
from kcode.llm.size import estimated_tokens, most_tokens
from kcode.llm.watch import Watch
from kcode.messages import Reply
from kcode.settings import Settings
from kcode.spend.economics import LIFE
from kcode.spend.ledger import Ledger
from kcode.spend.prices import upper_bound

EMPTY_ATTEMPTS = 2
"""A model that says nothing twice has nothing to say."""
ANOTHER_KEY_HELPS = frozenset({"key", "credit", "rate_limit"})
NEXT_MODEL_HELPS = frozenset({"key", "credit", "model"})
"""Troubles that no second try mends, but another model does."""


@dataclass(slots=True)
class Client:
    settings: Settings
    catalog: Catalog
    ledger: Ledger
    resting: Resting = field(default_factory=Resting)
    watch: Watch = field(init=False)
    _inputs: dict[tuple[str, str], int] = field(default_factory=dict)
    """(task, model) -> input tokens of its last settled request: what the provider most likely has cached."""
    _told: set[tuple[str, str]] = field(default_factory=set)
    """(session, model) whose provider reckons otherwise than the price list."""

    def __post_init__(self) -> None:
        self.watch = Watch(self.ledger)

    async def ask(self, request: Request, tell: Listener) -> Reply:
        """One reply. Tells deltas as they arrive, `Spent` for each attempt and `Retrying` before another one.

        Raises OverBudget before money is spent, WindowFull, and ProviderError when neither retries nor fallbacks help.
        """
        models = [request.model, *self._fallbacks(request)]
        before: list[str] = []
        for model, following in zip(models, [*models[1:], None], strict=True):
            asked = request.model_copy(update={"model": model})
            try:
                return await self._ask_model(asked, tell, before, is_last=following is None)
            except (ProviderError, BadInput) as error:
                if following is None or not _next_model_may_help(error):
                    raise
                tell(self._retrying(request.model_copy(update={"model": following}), 1, 0, error))
        raise AssertionError("a model is always asked")

    async def ping(self, request: Request, tell: Listener) -> int | None:
        """Read a request's input from the provider's cache once more, so that it lives on. Its micro-dollars; None when
        it was not to be had, or has not read from the cache: then no further one is of use."""
        who = (request.session, request.task)
        before = self.watch.before(who)
        asked = request.model_copy(update={"purpose": "keepalive", "max_tokens": 1})
        facts = self.catalog.model(asked.model)
        key = self.resting.next(facts.provider, keys_for(facts))
        one = self._attempt(asked, facts, key, tell, [])
        one.life = before.print.life if before else one.life
        try:
            await one.made()
        except ProviderError as error:
            if error.trouble != "empty":
                return None
        except (OverBudget, WindowFull):
            return None
        if one.usage is None or not one.usage.cached:
            return None
        self.watch.touched(who, time.time())
        return one.charged or 0

    def estimate(self, request: Request) -> int:
        """Tokens of its input, roughly."""
        return estimated_tokens(request)

    def is_cold(self, request: Request) -> bool:
        """Whether the provider has nothing of its task's conversation in its cache any more, as far as one can know."""
        before = self.watch.before((request.session, request.task))
        if before is None or before.model != request.model:
            return True
        return time.time() - before.ended > LIFE[before.print.life]

    def _fallbacks(self, request: Request) -> Iterator[str]:
        chain = self.settings.fallbacks(request.mode)
        return (model for model in chain if model != request.model)

    async def _ask_model(self, request: Request, tell: Listener, before: list[str], is_last: bool) -> Reply:
        """As often as the settings say. Unavailable when all attempts were in vain, or when all keys have to rest and
        another model can be asked. `before`: ids of the attempts so far."""
        facts = self.catalog.model(request.model)
        keys = keys_for(facts)
        if not is_last and self.resting.least(keys) > self.settings.retry.longest_wait:
            raise Unavailable("rate_limit", self._all_rest(facts, self.resting.least(keys)))
        attempt = 0
        while True:
            attempt += 1
            key = self.resting.next(facts.provider, keys)
            one = self._attempt(request, facts, key, tell, before)
            try:
                reply = await one.made()
            except ProviderError as error:
                before.append(one.row)
                wait = self._after(error, attempt, key, keys)
                next_key = self.resting.next(facts.provider, keys) if len(keys) > 1 else None
                tell(self._retrying(request, attempt, wait, error, next_key))
                await asyncio.sleep(wait)
            else:
                self._inputs[request.task, request.model] = reply.usage.input
                self._watch_cache(one, tell)
                return reply

    def _attempt(
        self, request: Request, facts: ModelFacts, key: Key | None, tell: Listener, before: list[str]
    ) -> Attempt:
        who = (request.session, request.task)
        asked_before = self.watch.before(who)
        return Attempt(
            request=request,
            facts=facts,
            ledger=self.ledger,
            silence=self.settings.timeouts.silence,
            tell=tell,
            key=key,
            least_output=self.settings.budget.least_output,
            parent=before[-1] if before else None,
            told=self._told,
            known_input=self._inputs.get((request.task, request.model), 0),
            life=self.watch.life(who, facts),
            print_before=asked_before.print if asked_before else None,
        )

    def _watch_cache(self, one: Attempt, tell: Listener) -> None:
        """Says why the cache was missed, when that was dear."""
        asked, who = one.asked(), (one.request.session, one.request.task)
        if asked is None or one.request.purpose != "chat":
            return
        before = self.watch.before(who)
        miss = self.watch.saw(who, asked, one.facts)
        if miss is not None and miss.is_worth_saying(one.charged):
            tell(
                CacheMissed(
                    task=one.request.task,
                    request=one.row,
                    cause=miss.cause,
                    tokens=miss.tokens,
                    micro_dollars=miss.micro_dollars,
                    text=sentence(miss, asked.started - before.ended if before else 0),
                )
            )

    def _after(
        self, error: ProviderError, attempt: int, key: Key | None, keys: tuple[Key | None, ...]
    ) -> float:
        """Seconds until the next attempt. Raises what went wrong when there is none."""
        if key is not None:
            self.resting.rest(key, error)
        if error.trouble in ANOTHER_KEY_HELPS and self.resting.others(key, keys):
            return 0.0  # as often as there are keys: each of them rests afterwards
        if not error.is_retryable:
            raise error
        wait = self._wait(error, attempt)
        if wait is None:
            words = f"{error} {self._in_vain(error, attempt)}"
            raise Unavailable(error.trouble, words, status=error.status) from None
        return wait

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

    def _all_rest(self, facts: ModelFacts, seconds: float) -> str:
        until = datetime.now() + timedelta(seconds=seconds)
        return f"Every key of {facts.title} has to rest until {until:%H:%M}."

    def _retrying(
        self, request: Request, attempt: int, wait: float, error: KcodeError, key: Key | None = None
    ) -> Retrying:
        return Retrying(
            task=request.task,
            attempt=attempt,
            wait=wait,
            model=request.model,
            reason=str(error),
            purpose=request.purpose,
            key=f"{key.source} {key.hint}" if key else "",
            at_most=self._at_most(request),
        )

    def _at_most(self, request: Request) -> int | None:
        try:
            price = self.catalog.model(request.model).price
        except BadInput:
            return None
        return upper_bound(price, most_tokens(request), request.max_tokens) if price else None


def _next_model_may_help(error: KcodeError) -> bool:
    return isinstance(error, Unavailable | BadInput) or (
        isinstance(error, ProviderError) and error.trouble in NEXT_MODEL_HELPS
    )

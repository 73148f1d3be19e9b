"""The client: every request of the program goes through `Client.ask`.

It writes the ledger's row before a request leaves and settles it afterwards, waits and tries again, and goes over to
the fallback models. What the provider says is told as events while it arrives.
"""

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from kcode.errors import BadInput, KcodeError, ProviderError, Unavailable
from kcode.events import Listener, Retrying
from kcode.llm.attempt import Attempt
from kcode.llm.catalog import Catalog
from kcode.llm.request import Request
from kcode.llm.size import estimated_tokens
from kcode.messages import Reply
from kcode.settings import Settings
from kcode.spend.ledger import Ledger

EMPTY_ATTEMPTS = 2
"""A model that says nothing twice has nothing to say."""
NEXT_MODEL_HELPS = frozenset({"key", "credit", "model"})
"""Troubles that no second try mends, but another model does."""


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
        return estimated_tokens(request)

    def _fallbacks(self, request: Request) -> Iterator[str]:
        chain = self.settings.fallback.get(request.mode) or self.settings.fallback.get("default", ())
        return (model for model in chain if model != request.model)

    async def _ask_model(self, request: Request, tell: Listener) -> Reply:
        """As often as the settings say. Unavailable when all attempts were in vain."""
        facts = self.catalog.model(request.model)
        before: str | None = None
        for attempt in range(1, self.settings.retry.attempts + 1):
            known = self._inputs.get((request.task, request.model), 0)
            one = Attempt(request, facts, self.ledger, self.settings.timeouts.silence, tell, before, known)
            try:
                reply = await one.made()
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
            else:
                self._inputs[request.task, request.model] = reply.usage.input
                return reply
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


def _next_model_may_help(error: KcodeError) -> bool:
    return isinstance(error, Unavailable | BadInput) or (
        isinstance(error, ProviderError) and error.trouble in NEXT_MODEL_HELPS
    )

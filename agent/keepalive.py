"""While a command, a question or a task for others is open: pings keep the provider's cache alive, when that pays.

A ping is the last request once more, with room for one token of reply. The cache lives on from it, and the next step
reads from it instead of having it all written anew. They end at break-even, and as soon as the work goes on.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from kcode.agent.task import Task
from kcode.events import CacheKept, Event, Spent
from kcode.llm.request import Request
from kcode.messages import Reply
from kcode.spend.economics import REMEMBERED, Warmth, pings
from kcode.spend.money import dollars

log = logging.getLogger(__name__)


@asynccontextmanager
async def kept_warm(task: Task, reply: Reply) -> AsyncIterator[None]:
    """While the calls of this reply are performed."""
    began, waits = time.monotonic(), task.client.watch.waits[_kind(task, reply)]
    keeper = keeper_of(task, tuple(waits))
    pinging = asyncio.ensure_future(keeper.run()) if keeper and keeper.most else None
    try:
        yield
    finally:
        lasted = time.monotonic() - began
        waits.append(lasted)
        del waits[:-REMEMBERED]
        if keeper and pinging:
            pinging.cancel()
            await asyncio.wait([pinging])
            if not pinging.cancelled() and (error := pinging.exception()):
                log.error("pinging broke", exc_info=error)
            keeper.tell_of(lasted)


@dataclass(slots=True)
class Keeper:
    task: Task
    request: Request
    """The last one that was sent."""
    warmth: Warmth
    most: int
    """Pings that this wait is worth."""
    sent: int = 0
    micro_dollars: int = 0

    async def run(self) -> None:
        """Until all pings are sent, or one finds nothing that it could keep."""
        client, who = self.task.client, (self.request.session, self.request.task)
        while self.sent < self.most and (before := client.watch.before(who)):
            await asyncio.sleep(max(before.ended + self.warmth.period - time.time(), 0))
            cost = await client.ping(self.request, self._hear)
            if cost is None:
                return
            self.sent += 1
            self.micro_dollars += cost

    def tell_of(self, lasted: float) -> None:
        """`lasted`: seconds of waiting."""
        if not self.sent:
            return
        was_needed = lasted > self.warmth.life
        saved = round(self.warmth.miss) if was_needed else 0
        what = f"{self.sent} ping{'s' * (self.sent > 1)} ({dollars(self.micro_dollars)})"
        came = f"instead of {dollars(saved)} for writing it anew" if was_needed else "in vain"
        self.task.tell(
            CacheKept(
                task=self.task.id,
                pings=self.sent,
                micro_dollars=self.micro_dollars,
                saved=saved,
                text=f"The provider's cache was kept alive by {what}, {came}.",
            )
        )

    def _hear(self, event: Event) -> None:
        """What it says is nobody's; what it costs is a row."""
        if isinstance(event, Spent):
            self.task.tell(event)


def keeper_of(task: Task, waits: tuple[float, ...]) -> Keeper | None:
    """None where there is nothing to keep: no cache that lives from being read, no price, or no room for one token
    (a model that thinks would think first). `waits`: seconds that such waits have lasted so far."""
    client, said = task.client, task.conversation
    if client.settings.cache.keep_alive == "off" or said.effort is not None:
        return None
    facts = client.catalog.model(said.model)
    before = client.watch.before((task.session, task.id))
    if facts.cache != "explicit" or facts.price is None or before is None or before.model != said.model:
        return None
    whole = task.request()
    replies = [at for at, message in enumerate(whole.messages) if isinstance(message, Reply)]
    last = whole.model_copy(update={"messages": whole.messages[: replies[-1]] if replies else ()})
    context = before.usage.input
    if not last.messages or context < (facts.cache_min_tokens or 0):
        return None
    warmth = Warmth.of(context, facts.price.rates(context), before.print.life)
    return Keeper(task, last, warmth, pings(waits, warmth))


def _kind(task: Task, reply: Reply) -> str:
    """Waits are alike by what is waited for: the first call that does more than read."""
    names = [call.name for call in reply.calls]
    acts = [call.name for call in reply.calls if task.tools.beside(call) != "read"]
    return (acts or names or [""])[0]

"""What every task asked last, and when: from it follows whether the cache was missed, and how long to keep it."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from kcode.llm.catalog import ModelFacts
from kcode.llm.fingerprint import Fingerprint, parsed
from kcode.llm.misses import Asked, Miss, explained
from kcode.spend.economics import REMEMBERED, Gap, Life, life
from kcode.spend.ledger import Ledger
from kcode.spend.trace import Trace

Who = tuple[str, str]
"""Session and task."""


@dataclass(slots=True)
class Watch:
    ledger: Ledger
    waits: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """What was waited for (a tool) -> how many seconds, the newest last."""
    _last: dict[Who, Asked | None] = field(default_factory=dict)
    _gaps: dict[Who, list[Gap]] = field(default_factory=dict)
    _kept: set[Who] = field(default_factory=set)
    """Whose cache was kept alive since its last request."""

    def before(self, who: Who) -> Asked | None:
        """The last request of the task; after a restart, as the ledger has it."""
        if who not in self._last:
            past = [found for _, _, found in readable(self.ledger.traces(*who)) if found]
            self._last[who] = past[-1] if past else None
        return self._last[who]

    def life(self, who: Who, facts: ModelFacts) -> Life:
        """For how long the next request asks to be stored."""
        before = self.before(who)
        if facts.cache != "explicit" or facts.price is None or before is None:
            return "5m"
        return life(self._gaps.get(who, ()), facts.price.rates(before.usage.input))

    def saw(self, who: Who, now: Asked, facts: ModelFacts) -> Miss | None:
        """A request was answered: whether it missed the cache, and why."""
        before = self.before(who)
        self._last[who] = now
        if before is not None:
            stored = before.usage.stored + before.usage.stored_1h
            gap = Gap(max(now.started - before.ended, 0), before.usage.input, stored, who in self._kept)
            self._gaps[who] = [*self._gaps.get(who, []), gap][-REMEMBERED:]
        self._kept.discard(who)
        return explained(before, now, facts.cache, facts.cache_min_tokens, facts.price)

    def touched(self, who: Who, at: float) -> None:
        """A ping has read the cache of its last request again, at this time."""
        if before := self.before(who):
            self._last[who] = before.model_copy(update={"ended": at})
            self._kept.add(who)


def readable(traces: Sequence[Trace]) -> Iterator[tuple[Trace, Fingerprint, Asked | None]]:
    """The requests of a session with what they looked like, and what is known of their answer."""
    befores: dict[str, Fingerprint] = {}
    for trace in traces:
        print = parsed(trace.fingerprint, befores.get(trace.task))
        answered = _asked(trace, print) if print else None
        if answered:
            befores[trace.task] = answered.print
        yield trace, print or Fingerprint(), answered


def _asked(trace: Trace, print: Fingerprint) -> Asked | None:
    """A request of the conversation whose end was told by the provider; None for any other."""
    if trace.purpose != "chat" or trace.state != "settled":
        return None
    return Asked(
        model=trace.model,
        print=print,
        usage=trace.usage,
        started=trace.started,
        first_token=trace.first_token,
        ended=trace.ended,
    )

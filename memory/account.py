"""What the memory bank costs: a listener that counts its index and the topics that were read, request by request."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from kcode.events import Condensed, Event, MessageAdded, Spent, TaskStarted
from kcode.memory.block import parted, tokens_of
from kcode.messages import Reply, ToolCall, ToolResult, Usage
from kcode.spend.prices import PriceRow, cost


@dataclass(slots=True)
class Account:
    """Of one session. Tokens are estimated, and money with them: what is new is taken at the full price, what was sent
    before at that of the cache."""

    price_of: Callable[[str], PriceRow | None]
    """Of `provider/model`; None: unknown."""
    index: int = 0
    """Tokens in every request."""
    topics: Counter[str] = field(default_factory=Counter)
    """Tokens of each topic that was read, each time."""
    model: str = ""
    """Of the newest request."""
    requests: int = 0
    micro_dollars: int | None = 0
    """None: a price is unknown."""
    _folder: str = ""
    _new: Counter[str] = field(default_factory=Counter)
    _old: Counter[str] = field(default_factory=Counter)
    """Task -> tokens that its next request sends for the first time, and again."""
    _reading: dict[str, str] = field(default_factory=dict)

    def __call__(self, event: Event) -> None:
        match event:
            case TaskStarted():
                kept = [block for block in parted(event.project) if block.name == "memory"]
                self.index = sum(block.tokens for block in kept)
                self._folder = kept[0].source if kept else ""
                self._new[event.task] = self.index
            case MessageAdded(message=Reply(calls=calls)):
                self._reading |= {call.id: topic for call in calls if (topic := self._topic(call))}
            case MessageAdded(message=ToolResult(call_id=id, text=text)) if id in self._reading:
                self.topics[self._reading.pop(id)] += tokens_of(text)
                self._new[event.task] += tokens_of(text)
            case Spent(purpose="chat"):
                self.model = event.model
                self._charge(event.task, self.price_of(event.model))
            case Condensed():
                self._old[event.task] = self.index
                self._new[event.task] = 0
            case _:
                pass

    def _charge(self, task: str, price: PriceRow | None) -> None:
        self.requests += 1
        if price is None or self.micro_dollars is None:
            self.micro_dollars = None
        else:
            self.micro_dollars += cost(price, Usage(fresh=self._new[task], cached=self._old[task]))
        self._old[task] += self._new[task]
        self._new[task] = 0

    def _topic(self, call: ToolCall) -> str:
        """The topic that a call reads; "" for every other call."""
        if call.name != "read" or not self._folder:
            return ""
        try:
            path = str(json.loads(call.arguments)["path"]).removeprefix("./")
        except (ValueError, KeyError, TypeError):
            return ""
        inner = path.removeprefix(f"{self._folder}/")
        return inner.removesuffix(".md") if inner != path else ""

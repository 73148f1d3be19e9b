"""Where the money of a session went, beyond mode and model: a fold over events. By task and by tool; what was overhead,
what was wasted, what the provider's cache has saved; and what stands in the context for nothing.

A tool costs what its calls are as output and what its results are as input, again with every step: their share of each
request. Money is micro-dollars; what depends on a price that is unknown is left out and marked.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from kcode.events import (
    MAIN,
    CacheKept,
    CacheMissed,
    Event,
    MessageAdded,
    Purpose,
    Retrying,
    Spent,
    TaskStarted,
)
from kcode.messages import Record, Reply, ToolResult
from kcode.spend.contexts import Context, Share
from kcode.spend.money import dollars, rounded, tokens
from kcode.spend.prices import PriceRow, cost
from kcode.spend.total import Total

PriceOf = Callable[[str], PriceRow | None]
"""By the name of the model."""
OVERHEAD: dict[Purpose, str] = {
    "title": "titles",
    "enhance": "prompts made clear",
    "condense": "summaries",
    "keepalive": "pings",
    "memory": "memory",
}
EDITS = frozenset({"edit", "write"})
TELLING = frozenset({"shell", "job", "delegate", "ask", "switch_mode"})
"""Tools whose failure is news: a test that fails is no waste."""
RETRIES, CUT = "retries", "replies that were cut"
FAILED_EDITS, FAILED_CALLS = "edits that failed", "other calls that failed"


class ToolBill(Record):
    """Of all calls of a tool."""

    name: str
    calls: int
    failed: int
    tokens: int
    """That its results were read as, again and again."""
    micro_dollars: int | None
    """None: a price is unknown."""


class Rent(Record):
    """Large results that stand in the context."""

    results: int
    tokens: int
    per_step: int
    """Micro-dollars, at the price of the cache."""

    def offer(self) -> str:
        many = f"{self.results} old result{'' if self.results == 1 else 's'} of {tokens(self.tokens)} tokens"
        verb = "costs" if self.results == 1 else "cost"
        return f"{many} {verb} {dollars(self.per_step)} each step: /compact results drops them"


@dataclass(slots=True)
class _Step:
    """The newest request of a task, while its calls are answered."""

    total: Total
    calls: int = 1


@dataclass(slots=True)
class Bill:
    """A listener."""

    tasks: dict[str, Total] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    overhead: dict[str, Total] = field(default_factory=dict)
    wasted: dict[str, Total] = field(default_factory=dict)
    """Share of the steps; `requests` counts calls."""
    missed: Total = field(default_factory=Total)
    """What was paid more since the provider did not have in its cache what it should."""
    kept: int = 0
    """Micro-dollars that pings have saved, less what they cost."""
    models: dict[str, Share] = field(default_factory=lambda: defaultdict(Share))
    _contexts: dict[str, Context] = field(default_factory=lambda: defaultdict(Context))
    _tools: dict[tuple[str, str], Share] = field(default_factory=lambda: defaultdict(Share))
    """Tool and model."""
    _calls: Counter[str] = field(default_factory=Counter)
    _failed: Counter[str] = field(default_factory=Counter)
    _steps: dict[str, _Step] = field(default_factory=dict)
    _broken: dict[str, Total] = field(default_factory=dict)
    """Task -> what its newest request cost, if that was cut."""

    def __call__(self, event: Event) -> None:
        match event:
            case TaskStarted():
                self.titles[event.task] = event.title
            case Spent():
                self._settle(event)
            case Retrying():
                if event.task in self._broken:
                    _move(self._broken.pop(event.task), self.wasted, CUT, self.overhead, RETRIES)
            case MessageAdded(message=Reply() as reply):
                self._reply(event.task, reply)
            case MessageAdded(message=ToolResult() as result):
                self._result(event.task, result)
            case CacheMissed():
                self.missed += Total(micro_dollars=event.micro_dollars or 0, requests=1)
            case CacheKept():
                self.kept += event.saved - event.micro_dollars
            case _:
                pass
        self._contexts[event.task].add(event)

    def tools(self, price_of: PriceOf) -> list[ToolBill]:
        """The dearest first."""
        found = []
        for name in {tool for tool, _ in self._tools} | set(self._calls):
            shares = {model: share for (tool, model), share in self._tools.items() if tool == name}
            bill = ToolBill(
                name=name,
                calls=self._calls[name],
                failed=self._failed[name],
                tokens=sum(share.usage.input for share in shares.values()),
                micro_dollars=_cost(shares, price_of),
            )
            found.append(bill)
        return sorted(found, key=lambda bill: (-(bill.micro_dollars or 0), -bill.tokens, bill.name))

    def saved(self, price_of: PriceOf) -> int:
        """What the provider's cache took off the bill, less the fees for storing; of models without a price nothing."""
        saved = Fraction(0)
        for model, share in self.models.items():
            if row := price_of(model):
                usage = share.usage
                saved += usage.cached * Fraction(row.input - row.cached)
                saved -= usage.stored * Fraction(row.stored - row.input)
                saved -= usage.stored_1h * Fraction(row.stored_1h - row.input)
        return rounded(saved)

    def rent(self, price: PriceRow | None) -> Rent | None:
        """Of large old results in the user's own task; None when there are none, or they cost nothing."""
        large = self._contexts[MAIN].large() if MAIN in self._contexts else []
        count = sum(piece.tokens for piece in large)
        per_step = rounded(count * Fraction(price.cached)) if price else 0
        return Rent(results=len(large), tokens=count, per_step=per_step) if per_step else None

    def _settle(self, event: Spent) -> None:
        spent, usage = Total.of(event.spend), event.spend.usage
        _add(self.tasks, event.task, spent)
        share = Share(usage.fresh, usage.cached, usage.stored, usage.stored_1h, usage.output)
        self.models[event.model].add(share)
        if event.purpose != "chat":
            _add(self.overhead, OVERHEAD[event.purpose], spent)
            return
        for tool, part in self._contexts[event.task].shares(usage):
            self._tools[tool, event.model].add(part)
        self._steps[event.task] = _Step(spent)
        self._broken.pop(event.task, None)
        if event.spend.state != "settled":
            self._broken[event.task] = spent
            if spent.micro_dollars or spent.unknown:
                _add(self.wasted, CUT, spent)

    def _reply(self, task: str, reply: Reply) -> None:
        """What each call was of the output: by its letters, beside the words."""
        whole = len(reply.text) + sum(_letters(call.name, call.arguments) for call in reply.calls)
        visible = max(reply.usage.output - reply.usage.reasoning, 0)
        for call in reply.calls:
            written = visible * _letters(call.name, call.arguments) / whole
            self._tools[call.name, reply.model].add(Share(output=written))
            self._calls[call.name] += 1
        if task in self._steps:
            self._steps[task].calls = max(len(reply.calls), 1)

    def _result(self, task: str, result: ToolResult) -> None:
        tool = self._contexts[task].tool(result.call_id)
        self._failed[tool] += not result.ok
        step = self._steps.get(task)
        if tool and step and not result.ok and tool not in TELLING:
            total = step.total.model_copy(
                update={"micro_dollars": step.total.micro_dollars // step.calls, "requests": 1}
            )
            _add(self.wasted, FAILED_EDITS if tool in EDITS else FAILED_CALLS, total)


def _cost(shares: Mapping[str, Share], price_of: PriceOf) -> int | None:
    money = 0
    for model, share in shares.items():
        row = price_of(model)
        if row is None:
            return None
        money += cost(row.model_copy(update={"tiers": ()}), share.usage)  # a tier is of one request
    return money


def _add(totals: dict[str, Total], name: str, total: Total) -> None:
    totals[name] = totals.get(name, Total()) + total


def _move(total: Total, source: dict[str, Total], old: str, target: dict[str, Total], new: str) -> None:
    if old in source and (total.micro_dollars or total.unknown):
        left = source[old]
        changes = {
            name: getattr(left, name) - getattr(total, name)
            for name in ("micro_dollars", "unknown", "requests")
        }
        source[old] = left.model_copy(update=changes)
        if not source[old].requests:
            del source[old]
    _add(target, new, total)


def _letters(name: str, arguments: str) -> int:
    return len(name) + len(arguments) or 1

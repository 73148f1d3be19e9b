"""The meter: a fold over events that shows money while it is being spent.

What streams is estimated (`~`: characters / 4 at the output price, the input at the price of the cache where one
holds) and replaced by the truth when `Spent` arrives.
"""

import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction

from kcode.events import (
    BudgetSet,
    CallArrived,
    Condensed,
    Event,
    Left,
    MessageAdded,
    Purpose,
    ResultsDropped,
    Retrying,
    Spent,
    TaskEnded,
    TextArrived,
    ThinkingArrived,
    Uncondensed,
)
from kcode.messages import Prompt, Record, ToolResult, Usage
from kcode.spend.bill import Bill
from kcode.spend.contexts import CHARACTERS_PER_TOKEN
from kcode.spend.money import rounded
from kcode.spend.prices import PriceRow
from kcode.spend.total import Total

MINUTE = 60.0


class Account(Record):
    """What spend is sorted by."""

    mode: str
    model: str
    purpose: Purpose


class Reading(Record):
    """The meter at one moment. Money is micro-dollars; None is unknown."""

    session: Total
    turn: Total
    per_minute: int
    """Spent in the last sixty seconds."""
    context: int
    """Tokens that the next request sends, roughly."""
    window: int | None
    budget: int | None
    next_warm: int | None
    """The input of the next request, when the provider still has its cache."""
    next_cold: int | None
    elsewhere: int = 0
    """Of the budget, spent by other sessions that share it."""

    other: Left | None = None
    """Of another budget than the session's the least that is left, by the last request."""

    @property
    def tightest(self) -> Left | None:
        """The budget of which the least is left; None: there is none."""
        known = [self.other] if self.other else []
        if self.budget is not None:
            left = max(self.budget - self.elsewhere - self.session.micro_dollars, 0)
            known.append(Left(scope="session", budget=self.budget, left=left))
        return min(known, key=lambda one: one.left, default=None)

    @property
    def left(self) -> int | None:
        """Of the tightest budget; None: there is none."""
        return self.tightest.left if self.tightest else None

    @property
    def fill(self) -> float | None:
        """Of the window, 0 to 1."""
        return min(self.context / self.window, 1.0) if self.window else None


@dataclass(slots=True)
class Meter:
    """A listener. `main` is the task whose context is shown; the money is that of all tasks."""

    main: str = "main"
    clock: Callable[[], float] = time.monotonic
    price: PriceRow | None = None
    """Of the model that the main task talks to; the front end keeps it up to date, and `window`, too."""
    window: int | None = None
    session: Total = field(default_factory=Total)
    turn: Total = field(default_factory=Total)
    accounts: dict[Account, Total] = field(default_factory=dict)
    context: int = 0
    budget: int | None = None
    elsewhere: int = 0
    """Micro-dollars of the budget that other sessions, which share it, have spent."""
    purse: str = ""
    """The session whose budget it is; "": the one that is shown."""
    other: Left | None = None
    """Of another budget than the session's, by the last request."""
    bill: Bill = field(default_factory=Bill)
    """Where the money went."""
    _streamed: Counter[str] = field(default_factory=Counter)
    """Task -> characters of the reply that arrives."""
    _shortened: list[int] = field(default_factory=list)
    """By how many tokens each condensing and dropping did that was not taken back."""
    _recent: deque[tuple[float, int]] = field(default_factory=deque)
    _minutes: Counter[int] = field(default_factory=Counter)
    _is_resting: bool = True

    def __call__(self, event: Event) -> None:
        """Something that happens now."""
        self.recall(event)
        if isinstance(event, Spent):
            self._clock_in(event.spend.micro_dollars or 0)

    def recall(self, event: Event) -> None:
        """Something that happened long ago, in a session that is gone on with."""
        self.bill(event)
        match event:
            case Spent():
                self._settle(event)
            case TextArrived() | ThinkingArrived() | CallArrived():
                self._streamed[event.task] += len(event.text)
            case Retrying(purpose="chat"):
                del self._streamed[event.task]
            case BudgetSet(scope="session"):
                self.budget, self.elsewhere, self.purse = event.micro_dollars, event.used, event.purse
            case Condensed() | ResultsDropped() if event.task == self.main:
                self._shortened.append(event.before - event.after)
                self.context = event.after
            case Uncondensed() if event.task == self.main:
                self.context += self._shortened.pop() if self._shortened else 0
            case MessageAdded(message=Prompt() as prompt) if event.task == self.main:
                self._hear(prompt)
            case MessageAdded(message=ToolResult() as result) if event.task == self.main:
                self.context += len(result.text) // CHARACTERS_PER_TOKEN
            case TaskEnded() if event.task == self.main:
                self._is_resting = True
            case _:
                pass

    def reading(self) -> Reading:
        live = self._live()
        return Reading(
            session=self.session + live,
            turn=self.turn + live,
            per_minute=self._last_minute() + live.micro_dollars,
            context=self.context + self._streamed[self.main] // CHARACTERS_PER_TOKEN,
            window=self.window,
            budget=self.budget,
            elsewhere=self.elsewhere,
            other=self.other
            and self.other.model_copy(update={"left": max(self.other.left - live.micro_dollars, 0)}),
            next_warm=self._input_price(is_warm=True),
            next_cold=self._input_price(is_warm=False),
        )

    def minutes(self, count: int) -> list[int]:
        """Micro-dollars of each of the last so many minutes, the running one last."""
        this = int(self.clock() // MINUTE)
        return [self._minutes[minute] for minute in range(this - count + 1, this + 1)]

    def _hear(self, prompt: Prompt) -> None:
        if self._is_resting:
            self.turn, self._is_resting = Total(), False
        self.context += (len(prompt.text) + len(prompt.notes)) // CHARACTERS_PER_TOKEN

    def _settle(self, event: Spent) -> None:
        spent = Total.of(event.spend)
        self.other = event.tightest if event.tightest and event.tightest.scope != "session" else None
        account = Account(mode=event.mode, model=event.model, purpose=event.purpose)
        self.session += spent
        self.turn += spent
        self.accounts[account] = self.accounts.get(account, Total()) + spent
        del self._streamed[event.task]
        if event.task == self.main and event.purpose == "chat" and event.spend.usage.input:
            self.context = event.spend.usage.total

    def _live(self) -> Total:
        """What streams now, estimated."""
        characters = +self._streamed
        if not characters or self.price is None:
            return Total()
        rates = self.price.rates(self.context)
        tokens = sum(characters.values()) // CHARACTERS_PER_TOKEN
        money = rounded(tokens * Fraction(rates.output))
        if characters[self.main]:
            money += self._input_price(is_warm=self.session.requests > 0) or 0
        return Total(micro_dollars=money, is_estimate=True, usage=Usage(output=tokens))

    def _input_price(self, is_warm: bool) -> int | None:
        if self.price is None:
            return None
        rates = self.price.rates(self.context)
        return rounded(self.context * Fraction(rates.cached if is_warm else max(rates.input, rates.stored)))

    def _clock_in(self, micro_dollars: int) -> None:
        now = self.clock()
        self._recent.append((now, micro_dollars))
        self._minutes[int(now // MINUTE)] += micro_dollars

    def _last_minute(self) -> int:
        horizon = self.clock() - MINUTE
        while self._recent and self._recent[0][0] <= horizon:
            self._recent.popleft()
        return sum(money for _, money in self._recent)

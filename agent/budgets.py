"""What a task may spend: the settings' amounts, what was said of them in this session, and what its tree was given."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from kcode.errors import Scope
from kcode.events import BudgetSet, TaskStarted
from kcode.settings import Budget
from kcode.spend import limits
from kcode.spend.limits import Limit


@dataclass(slots=True)
class Budgets:
    """What was said of budgets in one conversation, as a fold over its events."""

    given: int | None = None
    """Micro-dollars that the model above has given this task and those below it."""
    purse: str = ""
    """The session whose budget this one spends; "": its own, and nobody else's."""
    elsewhere: int = 0
    """Micro-dollars of it that others had spent when it was last set."""
    _said: dict[Scope, BudgetSet] = field(default_factory=dict)

    def add(self, event: TaskStarted | BudgetSet) -> None:
        match event:
            case TaskStarted():
                self.given = event.budget
            case BudgetSet(scope="session"):
                self._said["session"] = event
                self.purse, self.elsewhere = event.purse, event.used
            case BudgetSet():
                self._said[event.scope] = event

    @property
    def session(self) -> int | None:
        """Micro-dollars; None: no limit."""
        return self._said["session"].micro_dollars if "session" in self._said else None

    def said(self, today: date) -> dict[Scope, int | None]:
        """What holds today, whatever the settings say; None: no limit."""
        return {
            scope: event.micro_dollars
            for scope, event in self._said.items()
            if event.term == limits.term(scope, today)
        }


def held_to(upwards: Sequence[tuple[str, Budgets]], budget: Budget, today: date) -> tuple[Limit, ...]:
    """The limits of a request. `upwards`: its task, by id, and those above it up to the user's, with their budgets."""
    amounts: dict[Scope, int | None] = {**limits.set_amounts(budget)}
    set_task = amounts.get("task")
    amounts.pop("session", None)  # a session begins with it, and keeps its own
    amounts |= upwards[-1][1].said(today)
    trees = {id: _of_tree(budgets, set_task, today) for id, budgets in upwards}
    return limits.limits({scope: amount for scope, amount in amounts.items() if amount is not None}, trees)


def _of_tree(budgets: Budgets, set_task: int | None, today: date) -> int | None:
    """The user's word, else the lower of the settings' amount and what the model above has given."""
    said = budgets.said(today)
    if "task" in said:
        return said["task"]
    return min((amount for amount in (budgets.given, set_task) if amount is not None), default=None)

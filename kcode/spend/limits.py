"""Budgets: what may be spent, by whom, and in what time. Pure; `Ledger.reserve` holds a request to them.

A request carries the limits that it falls under. Amounts are micro-dollars; a scope without an amount has no limit.
"""

from collections.abc import Iterator, Mapping
from datetime import date

from kcode.errors import Scope
from kcode.events import MAIN
from kcode.messages import Record
from kcode.settings import Budget
from kcode.spend.money import dollars, micro_dollars

Amounts = Mapping[Scope, int]

SCOPES: dict[Scope, str] = {
    "request": "each request",
    "task": "each task with those below it",
    "session": "each session with its forks",
    "day": "each day, all kcodes together",
    "month": "each month, all kcodes together",
    "repository": "each repository, for good",
}
"""From the narrowest on: what the settings' amount is for."""


class Limit(Record):
    """So much may be spent in this scope, the request that leaves included.

    The scope's session, repository, day and month are those of the request itself.
    """

    scope: Scope
    micro_dollars: int
    key: str = ""
    """`task`: the id at the root of the tree."""

    def __str__(self) -> str:
        """`the session's $2.00`"""
        amount = dollars(self.micro_dollars)
        match self.scope:
            case "request":
                return f"the {amount} for a request"
            case "task":
                return f"{'the task' if self.key == MAIN else f'task {self.key}'}'s {amount}"
            case "session":
                return f"the session's {amount}"
            case "day":
                return f"today's {amount}"
            case "month":
                return f"this month's {amount}"
            case "repository":
                return f"the repository's {amount}"


def set_amounts(budget: Budget) -> dict[Scope, int]:
    """The amounts of the settings."""
    amounts = {scope: getattr(budget, scope) for scope in SCOPES}
    return {scope: micro_dollars(amount) for scope, amount in amounts.items() if amount is not None}


def limits(amounts: Amounts, trees: Mapping[str, int | None]) -> tuple[Limit, ...]:
    """What a request of a task is held to, the narrowest scope first.

    `trees`: the ids of the task and of those above it, the nearest first, each with what its whole tree may cost, None
    for no limit; the amount for a task in general is not looked at.
    """
    return tuple(_limits(amounts, trees))


def _limits(amounts: Amounts, trees: Mapping[str, int | None]) -> Iterator[Limit]:
    for scope in SCOPES:
        if scope == "task":
            for id, amount in trees.items():
                if amount is not None:
                    yield Limit(scope=scope, key=id, micro_dollars=amount)
        elif scope in amounts:
            yield Limit(scope=scope, micro_dollars=amounts[scope])


def term(scope: Scope, today: date) -> str:
    """While this word stays the same, an amount holds that somebody set during work: a day, a month, or ("") for
    good."""
    match scope:
        case "day":
            return today.isoformat()
        case "month":
            return f"{today:%Y-%m}"
        case "request" | "task" | "session" | "repository":
            return ""

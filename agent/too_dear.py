"""A request that does not fit its budget: the user is asked what shall become of it. Money is micro-dollars."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import partial

from kcode.agent import pause
from kcode.agent.pause import Way
from kcode.agent.task import Task
from kcode.errors import KcodeError, OverBudget
from kcode.events import MAIN, BudgetSet
from kcode.llm.catalog import keys_for
from kcode.llm.request import Request
from kcode.llm.size import estimated_tokens, most_tokens
from kcode.spend.limits import Limit, term
from kcode.spend.money import dollars, micro_dollars
from kcode.spend.prices import upper_bound

STEPS = (1_000_000, 5_000_000)
NO_BUDGET = "No budget"
AMOUNTS = "Say an amount, such as 2.50 for the whole or +0.50, or choose."


async def ask(task: Task, error: OverBudget) -> None:
    """Returns when the request may be sent again: with another budget, or to another model. Raises the error where
    nobody answers, when the user stops, and for what a model gave to a subtask: that is the model's to hear."""
    main = task.upwards()[-1]
    async with main.pausing:
        limit = next((one for one in task.limits() if (one.scope, one.key) == (error.scope, error.key)), None)
        if limit is None or limit.micro_dollars != error.limit:
            return  # another task has asked meanwhile
        if task is not main and (limit == main.stopped_by or (limit.scope == "task" and limit.key != MAIN)):
            raise error
        question, ways = _question(task, error, limit), _ways(task, error, limit)
        try:
            await pause.ask(task, question, ways, error, partial(_said, task, limit))
        except OverBudget:
            main.stopped_by = limit
            raise


def _question(task: Task, error: OverBudget, limit: Limit) -> str:
    if error.needed is None:
        return f"There is a budget, and the price of {task.conversation.model} is unknown."
    left = f"and {dollars(error.left)} of {limit} is left"
    return f"The next request may cost up to {dollars(error.needed)}, {left}. {AMOUNTS}"


def _ways(task: Task, error: OverBudget, limit: Limit) -> dict[str, Way]:
    steps = STEPS if error.needed is not None else ()
    more = {f"+{_round(step)}": partial(_set, task, limit, limit.micro_dollars + step) for step in steps}
    cheaper = {
        f"Go on with {model} (up to {dollars(price)})": partial(_take, task, model)
        for model, price in list(_cheaper(task, error))[:1]
    }
    return {**more, NO_BUDGET: partial(_set, task, limit, None), **cheaper}


def _said(task: Task, limit: Limit, words: str) -> None:
    """An amount in the user's own words: of the whole budget, or more of it. Whatever else is asked again."""
    text = words.strip().removeprefix("/budget").strip()
    more, text = text.startswith("+"), text.removeprefix("+").removeprefix("$")
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return
    if amount.is_finite() and amount >= 0:
        _set(task, limit, micro_dollars(amount) + (limit.micro_dollars if more else 0))


def _set(task: Task, limit: Limit, amount: int | None) -> None:
    """For this session: what the settings say stays. Of a day or month, as long as it lasts."""
    main = task.upwards()[-1]
    budgets, is_session = main.conversation.budgets, limit.scope == "session"
    main.tell(
        BudgetSet(
            task=main.id,
            scope=limit.scope,
            micro_dollars=amount,
            term=term(limit.scope, date.today()),
            purse=budgets.purse or task.session if is_session else "",
            used=budgets.elsewhere if is_session else 0,
        )
    )


def _take(task: Task, model: str) -> None:
    task.switch(task.conversation.mode, model, task.conversation.effort)


def _cheaper(task: Task, error: OverBudget) -> Iterator[tuple[str, int]]:
    """Models that the user has named, have a price and a key, hold the conversation, and whose most useful request
    fits: with the most that their next one may cost."""
    request, budget = task.request(), task.client.settings.budget
    for model in pause.another_models(task):
        try:
            facts = task.client.catalog.model(model)
            keys_for(facts)
        except KcodeError:
            continue
        if facts.price is None or (facts.window or estimated_tokens(request)) < estimated_tokens(request):
            continue
        most, least = (
            upper_bound(facts.price, most_tokens(request), tokens)
            for tokens in (_longest(request, facts.max_output), budget.least_output)
        )
        if least <= error.left and (error.needed is None or most < error.needed):
            yield model, most


def _longest(request: Request, max_output: int | None) -> int:
    return min(request.max_tokens, max_output or request.max_tokens)


def _round(amount: int) -> str:
    return f"${amount // 1_000_000}"

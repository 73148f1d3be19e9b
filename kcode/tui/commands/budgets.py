"""`/budget`: what may be spent, of every scope; and another amount for this session."""

import asyncio
from collections.abc import Iterator
from datetime import date
from decimal import Decimal, InvalidOperation

from textual.content import Content

from kcode.errors import BadInput, Scope
from kcode.spend.limits import SCOPES
from kcode.spend.meter import Reading
from kcode.spend.money import dollars, micro_dollars
from kcode.tui.desk import Desk
from kcode.tui.pages.program import output_of
from kcode.tui.text.safe import safe

HOW = "For this session: /budget 2.50, /budget day 5, /budget off, /budget day off. For all: kcode budget set day 5"


def set_budget(desk: Desk, words: str) -> None:
    """`2.50`, `off`, `day 5`, `month off`; without words the page."""
    *head, amount = words.split() or [""]
    if not amount:
        desk.work(_show(desk))
        return
    scope = next((scope for scope in SCOPES if head == [scope]), None) if head else "session"
    if scope is None:
        raise BadInput(f"Say /budget 2.50, or of one of {', '.join(SCOPES)}: /budget day 5.")
    money = None if amount.lower() in ("off", "none") else _money(amount)
    desk.engine.set_budget(money, scope)
    if scope != "session":  # of which the meter tells what is left
        desk.notice(f"For this session: {_amount(money)} for {SCOPES[scope]}.")


def _money(amount: str) -> int:
    try:
        value = Decimal(amount.removeprefix("$"))
    except InvalidOperation:
        value = Decimal(-1)
    if not value.is_finite() or value < 0:
        raise BadInput(f"{amount!r} is no amount of dollars. Say /budget 2.50, or /budget off.")
    return micro_dollars(value)


async def _show(desk: Desk) -> None:
    budgets = await asyncio.wrap_future(desk.engine.look(lambda session: session.task.conversation.budgets))
    table = await output_of(desk, ("budget",))
    here = "\n".join(_here(desk.meter.reading(), budgets.said(date.today())))
    desk.view("Budgets", Content(f"{here}\n\nBy the settings:\n{safe(table)}\n\n{HOW}"))


def _here(reading: Reading, said: dict[Scope, int | None]) -> Iterator[str]:
    if reading.budget is None:
        yield f"This session: no budget, {reading.session} spent"
    else:
        yield f"This session: {dollars(reading.left)} of {dollars(reading.budget)} are left"
    for scope, amount in said.items():
        if scope != "session":
            yield f"Said in this session: {_amount(amount)} for {SCOPES[scope]}"


def _amount(amount: int | None) -> str:
    return "no limit" if amount is None else dollars(amount)

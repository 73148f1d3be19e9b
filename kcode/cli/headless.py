"""How a task without a screen is shown: as text, as one JSON object, or as a stream of JSON lines.

Standard output holds only the answer (or the JSON); what happens meanwhile goes to standard error.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TextIO

import click

from kcode.events import (
    BudgetSet,
    CacheKept,
    CacheMissed,
    Condensed,
    Event,
    MessageAdded,
    ModeChanged,
    Noticed,
    OutputArrived,
    ResultsDropped,
    Retrying,
    TaskStarted,
    ToolStarted,
    Uncondensed,
)
from kcode.keys import redacted, without_keys
from kcode.messages import Change, Reply, ToolResult
from kcode.spend.bill import Bill
from kcode.spend.money import dollars
from kcode.spend.receipt import Receipt
from kcode.spend.total import Total
from kcode.visible import visible

DIFF_LINES = 40
LOOKS: dict[str, dict[str, Any]] = {
    "•": {"bold": True},
    "!": {"fg": "yellow"},
    "  ✗": {"fg": "red"},
    "    +": {"fg": "green"},
    "    -": {"fg": "red"},
    "    @": {"fg": "cyan"},
    "  │": {"dim": True},
}
"""How a line is painted, by its beginning; the signs say the same without colour."""


@dataclass(slots=True)
class Progress:
    """A listener for people: what is done, in a few lines on standard error."""

    out: TextIO
    is_verbose: bool = False
    """Also the output of commands while they run."""

    def __call__(self, event: Event) -> None:
        for line in self._lines(event):
            self.out.write(self._painted(without_keys(line)) + "\n")
        self.out.flush()

    def _painted(self, line: str) -> str:
        if not self.out.isatty() or os.environ.get("NO_COLOR"):
            return line
        return next(
            (click.style(line, **look) for start, look in LOOKS.items() if line.startswith(start)), line
        )

    def _lines(self, event: Event) -> Iterator[str]:
        match event:
            case TaskStarted() | ModeChanged():
                yield f"{event.mode} · {visible(event.model)}"
            case BudgetSet():
                whose = "" if event.scope == "session" else f" of the {event.scope}"
                amount = "off" if event.micro_dollars is None else dollars(event.micro_dollars)
                yield f"budget{whose} {amount}"
            case ToolStarted():
                yield f"• {visible(event.title)}"
            case MessageAdded(message=Reply(text=text, calls=calls)) if text and calls:
                yield from (f"  {visible(line)}" for line in text.strip().splitlines())
            case MessageAdded(message=ToolResult() as result):
                yield from _result_lines(result)
            case OutputArrived() if self.is_verbose:
                yield from (f"  │ {visible(line)}" for line in event.text.splitlines())
            case Retrying():
                most = f"up to {dollars(event.at_most)}" if event.at_most else ""
                who = ", ".join(visible(part) for part in (event.model, event.key, most) if part)
                yield f"! {visible(event.reason)} — again in {event.wait:.0f} s with {who}"
            case Condensed():
                yield f"! The conversation was condensed: {event.before:,} -> {event.after:,} tokens"
            case ResultsDropped():
                yield f"! Old results were dropped: {event.before:,} -> {event.after:,} tokens"
            case Uncondensed():
                yield "! The conversation is whole again"
            case Noticed() | CacheMissed() | CacheKept():
                yield f"! {visible(event.text)}"
            case _:
                pass


def _result_lines(result: ToolResult) -> Iterator[str]:
    if not result.ok:
        ends = " ".join(result.text.strip().splitlines()[-2:])
        yield f"  ✗ {visible(ends)[:200]}"
    for change in result.changes:
        yield from diff_lines(change)


def diff_lines(change: Change) -> Iterator[str]:
    """A change for the eye: its numbers, then the diff up to a bound."""
    yield f"  {change.kind} {visible(change.path)}  +{change.added} -{change.removed}"
    lines = change.diff.splitlines()
    yield from (f"    {visible(line)}" for line in lines[:DIFF_LINES])
    if len(lines) > DIFF_LINES:
        yield f"    … {len(lines) - DIFF_LINES} more lines"


@dataclass(slots=True)
class JsonLines:
    """A listener for programs: every event as a line of JSON, each with what the session has cost by then."""

    out: TextIO
    receipt: Receipt
    """Must listen before this one, so that the money is up to date."""
    nobody_reads: Callable[[], None]
    """Called when the other side has closed, or has no room: nobody wants to pay for what nobody hears."""

    def __call__(self, event: Event) -> None:
        line = redacted(event.model_dump(mode="json")) | {"spend": money(self.receipt)}
        try:
            self.out.write(json.dumps(line) + "\n")
            self.out.flush()
        except OSError:
            self.nobody_reads()


def money(receipt: Receipt) -> dict[str, Any]:
    total = receipt.total
    return {
        "micro_dollars": total.micro_dollars,
        "is_estimate": total.is_estimate,
        "unknown_requests": total.unknown,
    }


def result(
    receipt: Receipt, bill: Bill, *, session: str, outcome: str, text: str, exit_code: int
) -> dict[str, Any]:
    """The last line of the stream, and the one object of `--output-format json`. `tasks`, `overhead` and `wasted` are
    micro-dollars by id and by kind."""
    return {
        "type": "result",
        "session": session,
        "reason": outcome,
        "exit_code": exit_code,
        "text": text,
        "cost": str(receipt.total),
        "spend": money(receipt),
        "usage": receipt.total.usage.model_dump(),
        "steps": receipt.steps,
        "requests": receipt.total.requests,
        "models": receipt.models,
        "changes": [c.model_dump(exclude={"diff"}) for c in receipt.changes.values()],
        "checks": receipt.checks.went,
        "cache_share": round(receipt.total.cache_share, 4),
        "tasks": _micro_dollars(bill.tasks),
        "overhead": _micro_dollars(bill.overhead),
        "wasted": _micro_dollars(bill.wasted),
        "seconds": round(receipt.seconds, 3),
    }


def _micro_dollars(totals: Mapping[str, Total]) -> dict[str, int | None]:
    """None: some of it has no price."""
    return {name: None if total.unknown else total.micro_dollars for name, total in totals.items()}

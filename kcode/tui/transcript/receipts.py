"""A line at the end of every turn: what it cost. A fold over events, so that a resumed talk shows the same."""

from collections.abc import Iterable, Iterator

from kcode.events import Event, MessageAdded, Noticed, TaskEnded
from kcode.messages import Prompt
from kcode.spend.money import tokens
from kcode.spend.receipt import Receipt
from kcode.tui.text.safe import one_line


class Receipts:
    """Of the turns of one task."""

    def __init__(self, task: str) -> None:
        self._task = task
        self._receipt = Receipt()
        self._is_resting = True

    def added(self, events: Iterable[Event]) -> Iterator[Event]:
        """The events, and behind the end of each turn its receipt."""
        return (event for event, _ in self.timed((event, 0.0) for event in events))

    def timed(self, events: Iterable[tuple[Event, float]]) -> Iterator[tuple[Event, float]]:
        """The same with the time of each event: a receipt has that of the end."""
        for event, at in events:
            if self._is_resting and isinstance(event, MessageAdded) and isinstance(event.message, Prompt):
                self._receipt, self._is_resting = Receipt(), event.task != self._task
            self._receipt(event)
            yield event, at
            if isinstance(event, TaskEnded) and event.task == self._task:
                self._is_resting = True
                if self._receipt.total.requests:
                    yield Noticed(task=self._task, text=line(self._receipt)), at


def line(receipt: Receipt) -> str:
    """`$0.0146 · 7 steps · ↑11.2k (84% cached) ↓326 · 2 files +12 -3 · `pytest -q` passed`."""
    total, changes = receipt.total, receipt.changes.values()
    parts = [
        str(total),
        f"{receipt.steps} step{'' if receipt.steps == 1 else 's'}",
        f"↑{tokens(total.usage.input)} ({total.cache_share:.0%} cached) ↓{tokens(total.usage.output)}",
    ]
    if changes:
        added, removed = sum(change.added for change in changes), sum(change.removed for change in changes)
        parts.append(f"{len(changes)} file{'' if len(changes) == 1 else 's'} +{added} -{removed}")
    parts += map(one_line, receipt.outcomes())
    return " · ".join(parts)

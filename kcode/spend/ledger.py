"""The ledger: one row for each request attempt of every kcode of this user.

A row is written before its request leaves and settled afterwards, so that none is ever missing, whenever a
process is killed. Calls block for about a millisecond; they may come from any thread.
"""

import math
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any, Literal

from kcode.errors import OverBudget
from kcode.events import Purpose, SpendState
from kcode.messages import Record, Usage
from kcode.spend import database
from kcode.spend.money import dollars
from kcode.spend.prices import PriceRow
from kcode.spend.total import Total

State = Literal["reserved"] | SpendState
TOKENS = tuple(Usage.model_fields)
PATIENCE = 10.0
"""Seconds to wait for another kcode that writes; it takes about a millisecond."""
CLOCK_SLACK = 2.0
"""Seconds by which a process' start, as the system tells it, may be off."""

INSERT = """
INSERT INTO requests (id, parent, session, task, parent_task, mode, model, provider, purpose, root, price,
    fingerprint, upper_bound, pid, state, started)
VALUES (:id, :parent, :session, :task, :parent_task, :mode, :model, :provider, :purpose, :root, :price,
    :fingerprint, :upper_bound, :pid, 'reserved', :started)
"""
SETTLE = """
UPDATE requests SET state = :state, fresh = :fresh, cached = :cached, stored = :stored,
    stored_1h = :stored_1h, output = :output, reasoning = :reasoning, micro_dollars = :micro_dollars,
    provider_micro_dollars = :provider_micro_dollars, first_token = :first_token, ended = :ended
WHERE id = :id
"""
USED = """
SELECT coalesce(sum(CASE state WHEN 'reserved' THEN upper_bound ELSE charged END), 0)
FROM requests WHERE session = ?
"""
TOTAL = """
SELECT coalesce(sum(charged), 0), coalesce(sum(state = 'estimated'), 0), coalesce(sum(charged IS NULL), 0),
    count(*), coalesce(sum(fresh), 0), coalesce(sum(cached), 0), coalesce(sum(stored), 0),
    coalesce(sum(stored_1h), 0), coalesce(sum(output), 0), coalesce(sum(reasoning), 0)
FROM requests WHERE session = ? AND state != 'reserved'
"""
ROWS = """
SELECT id, session, task, mode, model, provider, purpose, root, state, charged, micro_dollars, started,
    fresh, cached, stored, stored_1h, output, reasoning
FROM requests WHERE started >= ? AND started < ? AND substr(session, 1, ?) = ? ORDER BY started, rowid
"""
UNDER_WAY = "SELECT id, pid, started FROM requests WHERE state = 'reserved' AND pid != ?"
ABANDON = """
UPDATE requests SET state = 'estimated', micro_dollars = upper_bound, ended = ?
WHERE id = ? AND state = 'reserved'
"""


class Entry(Record):
    """What is known of a request before it leaves."""

    session: str
    task: str
    parent_task: str | None = None
    mode: str
    model: str
    provider: str
    purpose: Purpose = "chat"
    parent: str | None = None
    """Id of the attempt before, when this is another try."""
    root: str = ""
    """Path of the repository."""
    price: PriceRow | None
    upper_bound: int | None
    """The most that it can cost, in micro-dollars; None without a price."""
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A request as it is reported."""

    id: str
    session: str
    task: str
    mode: str
    model: str
    provider: str
    purpose: str
    root: str
    state: State
    usage: Usage
    charged: int | None
    """Micro-dollars; the provider's own word wins over our arithmetic. None: unknown, or still under way."""
    calculated: int | None
    """Micro-dollars by our arithmetic alone."""
    started: float
    """Seconds since 1970."""


class Ledger:
    def __init__(self, path: Path, patience: float = PATIENCE) -> None:
        """Opens the user's ledger, and closes what dead processes left behind.

        Raises KcodeError when it is locked or the disk is full, BadInput when it is of a newer kcode.
        """
        self.path = path
        self._lock = threading.Lock()
        self._connection, self.note = database.opened(path, patience)
        """`note`: what the user should know, once: that it is in memory only, or was begun anew."""
        self.close_abandoned()

    def reserve(self, entry: Entry, limit: int | None = None) -> str:
        """Writes the row of a request that is about to leave; its id.

        `limit`: micro-dollars that the whole session may cost. OverBudget when what was spent, what is under
        way and this upper bound are more than that; then nothing is written. It is one transaction, so that
        requests side by side cannot overshoot together.
        """
        id = token_hex(8)
        values = entry.model_dump() | {
            "id": id,
            "price": entry.price and entry.price.model_dump_json(),
            "pid": os.getpid(),
            "started": time.time(),
        }
        with self._writing():
            if limit is not None:
                self._refuse_over(limit, entry)
            self._connection.execute(INSERT, values)
        return id

    def settle(
        self,
        id: str,
        usage: Usage,
        micro_dollars: int | None,
        state: SpendState = "settled",
        *,
        provider_micro_dollars: int | None = None,
        first_token: float | None = None,
        ended: float | None = None,
    ) -> None:
        """What the request cost in the end. May come again: usage that arrives late replaces an estimate."""
        values = usage.model_dump() | {
            "id": id,
            "state": state,
            "micro_dollars": micro_dollars,
            "provider_micro_dollars": provider_micro_dollars,
            "first_token": first_token,
            "ended": time.time() if ended is None else ended,
        }
        with self._writing():
            if self._connection.execute(SETTLE, values).rowcount != 1:
                raise KeyError(f"no request {id} in the ledger")

    def used(self, session: str) -> int:
        """Micro-dollars of a budget that are gone: what was spent, and the most that is under way."""
        with self._reading():
            return self._used(session)

    def total(self, session: str) -> Total:
        """Of the requests of a session that have come to their end."""
        with self._reading():
            found = self._connection.execute(TOTAL, [session]).fetchone()
        money, estimates, unknown, requests, *counts = found
        return Total(
            micro_dollars=money,
            is_estimate=estimates > 0,
            unknown=unknown,
            requests=requests,
            usage=Usage(**dict(zip(TOKENS, counts, strict=True))),
        )

    def rows(
        self, since: float | None = None, until: float | None = None, session: str | None = None
    ) -> list[Row]:
        """Requests from `since` up to but without `until` (seconds since 1970), the oldest first.

        `session`: an id, or its beginning.
        """
        self.close_abandoned()
        prefix = session or ""
        with self._reading():
            found = self._connection.execute(
                ROWS, [since or 0.0, until or 1e12, len(prefix), prefix]
            ).fetchall()
        return [_row(values) for values in found]

    def close_abandoned(self) -> None:
        """Settles what dead processes left under way: its upper bound counts, for want of better."""
        with self._reading():
            under_way = self._connection.execute(UNDER_WAY, [os.getpid()]).fetchall()
        dead = [(time.time(), id) for id, pid, started in under_way if not _is_alive(pid, started)]
        if dead:
            with self._writing():
                self._connection.executemany(ABANDON, dead)

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _refuse_over(self, limit: int, entry: Entry) -> None:
        if entry.upper_bound is None:
            raise OverBudget(_unpriced(entry.model))
        used = self._used(entry.session)
        if used + entry.upper_bound > limit:
            raise OverBudget(_too_much(limit, used, entry.upper_bound))

    def _used(self, session: str) -> int:
        (used,) = self._connection.execute(USED, [session]).fetchone()
        return int(used)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        with self._lock:
            try:
                yield
            except sqlite3.Error as error:
                raise database.trouble(error, self.path) from error

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction that has the file to itself from its beginning: a deferred one, which reads before
        it writes, fails at once when another process writes."""
        with self._reading():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")


def _row(values: tuple[Any, ...]) -> Row:
    id, session, task, mode, model, provider, purpose, root, state, charged, calculated, started, *counts = (
        values
    )
    usage = Usage.model_construct(**dict(zip(TOKENS, counts, strict=True)))
    return Row(
        id, session, task, mode, model, provider, purpose, root, state, usage, charged, calculated, started
    )


def _is_alive(pid: int, wrote: float) -> bool:
    """Whether the process that wrote a row at that time still runs: one with its number that began later is
    another one."""
    import psutil

    try:
        return bool(psutil.Process(pid).create_time() <= wrote + CLOCK_SLACK)
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


def _unpriced(model: str) -> str:
    return (
        f"There is a budget, and the price of {model} is unknown. Give it in the settings, in dollars per "
        f'million tokens: [prices."{model}"] with input = … and output = …; or: `/budget off`.'
    )


def _too_much(limit: int, used: int, upper_bound: int) -> str:
    enough = f"{math.ceil((used + upper_bound) / 10_000) / 100:.2f}"
    return (
        f"The next request may cost up to {dollars(upper_bound)}, and {dollars(max(limit - used, 0))} of the "
        f"session's {dollars(limit)} is left. Raise the budget: `/budget {enough}` or `--max-budget-usd "
        f"{enough}`; or go on with a cheaper model or a shorter conversation."
    )

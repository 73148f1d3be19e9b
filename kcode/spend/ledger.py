"""The ledger: one row for each request attempt of every kcode of this user.

A row is written before its request leaves and settled afterwards, so that none is ever missing, whenever a
process is killed. Calls block for about a millisecond; they may come from any thread.
"""

import math
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from secrets import token_hex
from typing import Any, NamedTuple

from kcode.errors import OverBudget, Scope
from kcode.events import MAIN, Left, Purpose, SpendState
from kcode.messages import Record, Usage
from kcode.spend import database, period
from kcode.spend.limits import Limit
from kcode.spend.money import dollars
from kcode.spend.prices import PriceRow
from kcode.spend.row import Row
from kcode.spend.total import Total
from kcode.spend.trace import TRACES, Trace, trace

TOKENS = tuple(Usage.model_fields)
PATIENCE = 10.0
"""Seconds to wait for another kcode that writes; it takes about a millisecond."""
CLOCK_SLACK = 2.0
"""Seconds by which a process' start, as the system tells it, may be off."""

INSERT = """
INSERT INTO requests (id, parent, session, task, parent_task, mode, model, provider, purpose, root, repository,
    purse, reads, price, fingerprint, upper_bound, pid, state, started)
VALUES (:id, :parent, :session, :task, :parent_task, :mode, :model, :provider, :purpose, :root, :repository,
    :purse, :reads, :price, :fingerprint, :upper_bound, :pid, 'reserved', :started)
"""
SETTLE = """
UPDATE requests SET state = :state, fresh = :fresh, cached = :cached, stored = :stored,
    stored_1h = :stored_1h, output = :output, reasoning = :reasoning, micro_dollars = :micro_dollars,
    provider_micro_dollars = :provider_micro_dollars, first_token = :first_token, ended = :ended,
    upper_bound = CASE :state WHEN 'estimated' THEN :at_most ELSE upper_bound END
WHERE id = :id
"""
USED = """
SELECT coalesce(sum(CASE state WHEN 'reserved' THEN upper_bound
        WHEN 'estimated' THEN max(coalesce(charged, 0), coalesce(upper_bound, 0)) ELSE charged END), 0),
    coalesce(sum(CASE state WHEN 'reserved' THEN upper_bound END), 0)
FROM requests WHERE {}
"""
WHOSE = "SELECT session, purse, repository, started FROM requests WHERE id = ?"
TOTAL = """
SELECT coalesce(sum(charged), 0), coalesce(sum(state = 'estimated'), 0), coalesce(sum(charged IS NULL), 0),
    count(*), coalesce(sum(fresh), 0), coalesce(sum(cached), 0), coalesce(sum(stored), 0),
    coalesce(sum(stored_1h), 0), coalesce(sum(output), 0), coalesce(sum(reasoning), 0)
FROM requests WHERE session = ? AND state != 'reserved'
"""
ROWS = """
SELECT id, session, task, mode, model, provider, purpose, root, repository, reads, parent, state, charged, started,
    micro_dollars, fresh, cached, stored, stored_1h, output, reasoning
FROM requests WHERE started >= ? AND started < ? AND substr(session, 1, ?) = ? ORDER BY started, rowid
"""
NAMES = [field.name for field in fields(Row) if field.name != "usage"]
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
    """The folder that is worked in."""
    repository: str = ""
    """Path of the repository that it belongs to; "": the folder itself."""
    purse: str = ""
    """Whose budget: the session's with which this one shares it; "": its own."""
    reads: str = ""
    """What of its input no request before had: `prompt`, or names of tools, as in `read,shell`."""
    price: PriceRow | None
    upper_bound: int | None
    """The most that it can cost, in micro-dollars; None without a price."""
    fingerprint: str = ""


class Reservation(NamedTuple):
    id: str
    """Of the row."""
    micro_dollars: int | None
    """The most that the request may cost now: at most what was asked for. None: it has no price."""


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

    def reserve(self, entry: Entry, limits: Sequence[Limit] = (), least: int | None = None) -> Reservation:
        """Writes the row of a request that is about to leave.

        OverBudget when what was spent in the scope of a limit, what is under way there and this request's upper
        bound are more than the limit; then nothing is written. With `least`, so much is enough, and what is left,
        if less than the upper bound, is reserved. It is one transaction, so that requests side by side cannot
        overshoot together, whatever their processes.
        """
        now = time.time()
        id = token_hex(8)
        values = entry.model_dump() | {
            "id": id,
            "repository": entry.repository or entry.root,
            "purse": entry.purse or entry.session,
            "price": entry.price and entry.price.model_dump_json(),
            "pid": os.getpid(),
            "started": now,
        }
        with self._writing():
            granted = self._granted(entry, values, limits, least)
            self._connection.execute(INSERT, values | {"upper_bound": granted})
        return Reservation(id, granted)

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
        at_most: int | None = None,
    ) -> None:
        """What the request cost in the end. May come again: usage that arrives late replaces an estimate.

        `at_most`: of an estimate, what it may have cost, in micro-dollars: so much of a budget is gone.
        """
        values = usage.model_dump() | {
            "id": id,
            "state": state,
            "micro_dollars": micro_dollars,
            "provider_micro_dollars": provider_micro_dollars,
            "first_token": first_token,
            "ended": time.time() if ended is None else ended,
            "at_most": at_most,
        }
        with self._writing():
            if self._connection.execute(SETTLE, values).rowcount != 1:
                raise KeyError(f"no request {id} in the ledger")

    def used(self, session: str) -> int:
        """Micro-dollars of a session's budget that are gone: what was spent, what cut requests may have cost, and the
        most that is under way."""
        return self.used_of("session", purse=session)

    def used_of(
        self, scope: Scope, *, purse: str = "", repository: str = "", session: str = "", key: str = ""
    ) -> int:
        """Micro-dollars of a budget that are gone in a scope, at this moment."""
        values = {"purse": purse, "repository": repository, "session": session, "started": time.time()}
        with self._reading():
            return self._used(Limit(scope=scope, key=key, micro_dollars=0), values)[0]

    def tightest(self, id: str, limits: Sequence[Limit]) -> Left | None:
        """Of the budgets that a request fell under the one of which the least is left now; None without any."""
        with self._reading():
            found = self._connection.execute(WHOSE, [id]).fetchone()
            values = dict(zip(("session", "purse", "repository", "started"), found, strict=True))
            left = [
                Left(
                    scope=limit.scope,
                    budget=limit.micro_dollars,
                    left=max(limit.micro_dollars - self._used(limit, values)[0], 0),
                )
                for limit in limits
                if limit.scope != "request"
            ]
        return min(left, key=lambda one: one.left, default=None)

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

    def traces(self, session: str, task: str | None = None) -> list[Trace]:
        """Requests of a session, or of one task of it, that have come to their end, with their fingerprints; the
        oldest first."""
        with self._reading():
            found = self._connection.execute(TRACES, [session, task, task]).fetchall()
        return [trace(values) for values in found]

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

    def _granted(
        self, entry: Entry, values: Mapping[str, Any], limits: Sequence[Limit], least: int | None
    ) -> int | None:
        """What of the upper bound all limits have room for."""
        granted = entry.upper_bound
        for limit in limits:
            if entry.upper_bound is None or granted is None:
                raise OverBudget(_unpriced(entry.model), scope=limit.scope, key=limit.key)
            used, under_way = self._used(limit, values)
            left = max(limit.micro_dollars - used, 0)
            enough = entry.upper_bound if least is None else min(least, entry.upper_bound)
            if left < enough:
                raise _over(limit, left, entry.upper_bound, enough <= left + under_way)
            granted = min(granted, left)
        return granted

    def _used(self, limit: Limit, values: Mapping[str, Any]) -> tuple[int, int]:
        """Of a limit's scope: what is gone, and how much of it is only reserved."""
        if limit.scope == "request":
            return 0, 0
        where, more = _scope(limit, float(values["started"]))
        used, under_way = self._connection.execute(USED.format(where), {**values, **more}).fetchone()
        return int(used), int(under_way)

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


def _scope(limit: Limit, now: float) -> tuple[str, dict[str, Any]]:
    """The rows that a limit is about, as a condition, and what it needs besides the values of the row itself."""
    match limit.scope:
        case "request":
            return "0", {}
        case "task" if limit.key in ("", MAIN):
            return "session = :session", {}
        case "task":
            in_tree = "(task = :key OR substr(task, 1, length(:key) + 1) = :key || '.')"
            return f"session = :session AND {in_tree}", {"key": limit.key}
        case "session":
            return "purse = :purse", {}
        case "repository":
            return "repository = :repository", {}
        case "day" | "month":
            began, ends = period.around(limit.scope, now)
            return "started >= :began AND started < :ends", {"began": began, "ends": ends}


def _row(values: tuple[Any, ...]) -> Row:
    """From a line of ROWS, whose order is that of the record's fields."""
    told, counts = values[: -len(TOKENS)], values[-len(TOKENS) :]
    usage = Usage.model_construct(**dict(zip(TOKENS, counts, strict=True)))
    return Row(**dict(zip(NAMES, told, strict=True)), usage=usage)


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
    fetch = "fetch its price: `kcode models --refresh`; or " if model.startswith("openrouter/") else ""
    return (
        f"There is a budget, and the price of {model} is unknown. To go on, {fetch}give it in the settings, "
        f'in dollars per million tokens: [prices."{model}"] with input = … and output = …; or: `/budget off`.'
    )


def _over(limit: Limit, left: int, needed: int, may_fit_later: bool) -> OverBudget:
    spent = limit.micro_dollars - left
    enough = f"{math.ceil((spent + needed) / 10_000) / 100:.2f}"
    what = f"The next request may cost up to {dollars(needed)}, and {dollars(left)} of {limit} is left."
    match limit.scope:
        case "session":
            do = f"Raise the budget: `/budget {enough}` or `--max-budget-usd {enough}`"
        case "task" if limit.key not in ("", MAIN):
            do = "Give the task more"
        case scope:
            do = f"Raise it: `kcode budget set {scope} {enough}`"
    return OverBudget(
        f"{what} {do}; or go on with a cheaper model or a shorter conversation.",
        scope=limit.scope,
        key=limit.key,
        limit=limit.micro_dollars,
        left=left,
        needed=needed,
        may_fit_later=may_fit_later,
    )

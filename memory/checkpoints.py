"""Checkpoints: the files as they were before each call that may change some, and the way back.

Before a call that edits, the files that it names are kept; before any other that may write (a command, a child, an
outside tool), all of the workspace that changed since the last look. After the call one more look tells what it
did: so the session's doing is known from the user's, whose changes no undo takes away.

What is covered: contents byte for byte, mode bits, symlinks, empty folders, renames, deletions, ignored files, nested
repositories, submodules, worktrees, folders without git; `kcode.memory.tree` says what is not. What a command in the
background does after its call has come back counts as the user's. Nothing is written into the workspace but by an undo,
and git is never called.
"""

import asyncio
import logging
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar

from kcode.errors import BadInput, KcodeError
from kcode.events import MAIN, Event, MessageAdded, Restored
from kcode.memory import keeping
from kcode.memory.seeing import Place, see
from kcode.memory.store import Row, Store
from kcode.memory.tree import TooMuch
from kcode.memory.undoing import Putback, difference, lay_back, putbacks
from kcode.messages import Prompt

log = logging.getLogger(__name__)
T = TypeVar("T")

TITLE = 100
"""Characters of a prompt that lists show."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A prompt of the user's and all checkpoints that were taken for it."""

    id: int
    """Of its first checkpoint: what an undo goes back to."""
    at: float
    """Seconds since 1970."""
    session: str
    title: str
    is_undone: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """What an undo or redo does, or did: each file, and why some are left alone."""

    kind: Literal["undo", "redo"]
    target: int
    """The checkpoint whose files come back; of a redo, the undo that is undone."""
    title: str
    """The prompt whose work it is about."""
    at: float
    files: tuple[Putback, ...]

    @property
    def conflicts(self) -> tuple[Putback, ...]:
        return tuple(file for file in self.files if file.conflict)

    @property
    def restored(self) -> tuple[Putback, ...]:
        return tuple(file for file in self.files if not file.conflict)

    def told(self) -> Restored:
        """The event that this was carried out."""
        restored, left = (tuple(file.path for file in some) for some in (self.restored, self.conflicts))
        return Restored(
            task=MAIN, kind=self.kind, checkpoint=self.target, title=self.title, files=restored, left=left
        )


@dataclass(slots=True)
class Checkpoints:
    """The checkpoints of one session in one workspace."""

    place: Place
    session: str
    file: Path
    """Where they are kept; made with the first one."""
    total: int
    """Bytes that it may take."""
    keep_days: float
    is_on: bool = True
    _turn: int = 0
    _title: str = ""
    _trouble: str = ""
    _is_trouble_told: bool = False
    _is_too_large: bool = False
    """Then only what edit tools name is kept."""
    _at_work: set[int] = field(default_factory=set)
    """Checkpoints of calls that have not come back yet."""
    _store: Store | None = None
    # One thread, so that a look that a cancel has cut short ends before the next begins.
    _thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "checkpoints"))

    def hear(self, event: Event) -> None:
        """A listener: with each prompt of the user begins what one undo takes back."""
        match event:
            case MessageAdded(message=Prompt(by="user", text=text)) if event.task == MAIN:
                self.begin_turn(text)
            case _:
                pass

    def begin_turn(self, prompt: str) -> None:
        """What is kept from now on is undone with it."""
        self._turn, self._title = 0, " ".join(prompt.split())[:TITLE]

    @asynccontextmanager
    async def around(self, task: str, paths: Sequence[Path] | None) -> AsyncIterator[int | None]:
        """The id of a checkpoint for a call that may change these files, or anything (None). What the call did is
        looked at when it has ended, however that was. Never raises for want of a checkpoint: see `trouble`."""
        if not self.is_on or (paths is None and self._is_too_large):
            yield None
            return
        opened = self._thread.submit(self._before, task, paths)
        try:
            found = await asyncio.wrap_future(opened)
            yield found and found[0]
        finally:
            closing = self._thread.submit(self._after, opened)
        await asyncio.shield(asyncio.wrap_future(closing))

    def trouble(self) -> str:
        """Why something could not be kept, once a session; else nothing."""
        if not self._trouble or self._is_trouble_told:
            return ""
        self._is_trouble_told = True
        return f"Files cannot be kept for undoing: {self._trouble}."

    async def turns(self) -> list[Turn]:
        """The prompts whose work is kept, the oldest first."""
        return await self._run(lambda: _turns(self._rows()))

    async def has(self, checkpoint: int) -> bool:
        """Whether it is one of the session's, and still kept."""
        return await self._run(lambda: checkpoint in {row.id for row in self._rows()})

    async def plan_undo(self, target: int | None = None) -> Plan | None:
        """What going back before that checkpoint would do; by default before the last prompt that changed something.
        None when nothing is left to undo. BadInput for a checkpoint that there is not."""
        return await self._run(lambda: self._planned_undo(target))

    async def plan_redo(self) -> Plan | None:
        """What taking back the last undo would do; None when there is none, or work went on since."""
        return await self._run(self._planned_redo)

    async def carry_out(self, plan: Plan, force: bool = False) -> Plan:
        """Do it. The files are compared anew, and kept as they are before: it can be undone itself. What was done,
        and why some were left alone."""
        return await self._run(lambda: self._carried_out(plan, force))

    async def differences(self, plan: Plan) -> dict[str, str]:
        """Path -> what carrying it out changes in the text of the file, as a unified diff, where it is text."""
        return await self._run(
            lambda: {file.path: difference(self._opened(), self.place, file) for file in plan.files}
        )

    def close(self) -> None:
        """Wait for the last look, and let go of the file. For the end of all work."""
        self._thread.shutdown()
        if self._store is not None:
            self._store.close()
            self._store = None

    async def _run(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.shield(asyncio.wrap_future(self._thread.submit(work)))
        except (sqlite3.Error, OSError, TooMuch) as error:
            raise KcodeError(f"{self.file} cannot be used: {error}. Is the disk full?") from None

    # In the thread

    def _opened(self) -> Store:
        if self._store is None:
            self._store = Store.open(self.file, self.total)
            self._store.room -= self._store.size()
            keeping.tidy(self.file.parent, self._store, self.keep_days, self.total)
        return self._store

    def _before(self, task: str, paths: Sequence[Path] | None) -> tuple[int, tuple[str, ...] | None] | None:
        try:
            store = self._opened()
            names = None if paths is None else self._names(paths)
            with store.writing():
                self._end_stale(store)
                see(store, self.place, names)
                id = store.add(self.session, task, self._turn, self._title, "step")
                store.begin(id, self.session, names)
            self._at_work.add(id)
            self._turn = self._turn or id
            return id, names
        except Exception as error:
            self._note(error)
            return None

    def _after(self, opened: "Future[tuple[int, tuple[str, ...] | None] | None]") -> None:
        try:
            found = opened.result()
        except CancelledError:
            return
        if found is None:
            return
        id, names = found
        self._at_work.discard(id)
        try:
            store = self._opened()
            with store.writing():
                see(store, self.place, names, self.session)
                store.end(id)
        except Exception as error:
            self._note(error)

    def _end_stale(self, store: Store) -> None:
        """Calls of ours after which nothing could be written: what changes now is not theirs."""
        for id, session, pid, _ in store.at_work():
            if (session, pid) == (self.session, os.getpid()) and id not in self._at_work:
                store.end(id)

    def _note(self, error: Exception) -> None:
        log.warning("no checkpoint", exc_info=error)
        self._is_too_large |= isinstance(error, TooMuch)
        more = "; what edit tools change is kept all the same" if self._is_too_large else ""
        self._trouble = self._trouble or f"{error}{more}"

    def _names(self, paths: Iterable[Path]) -> tuple[str, ...]:
        """With the folders that will have to be made for them."""
        wanted: dict[str, None] = {}
        for path in paths:
            wanted[self.place.name(path)] = None
            for parent in path.parents:
                if parent.exists():
                    break
                wanted[self.place.name(parent)] = None
        return tuple(wanted)

    def _rows(self) -> list[Row]:
        return self._opened().checkpoints(self.session) if self.file.exists() else []

    def _planned_undo(self, target: int | None) -> Plan | None:
        rows = self._rows()
        if target is not None and target not in {row.id for row in rows}:
            raise BadInput(f"This session has no checkpoint {target}. Those it has: kcode checkpoints list")
        done, _ = history(rows)
        if target is not None:
            return self._plan("undo", next(row for row in rows if row.id == target))
        for row in reversed(
            [row for row in done if row.id == row.turn or row.turn not in {d.id for d in done}]
        ):
            plan = self._plan("undo", row)
            if plan.files:
                return plan
        return None

    def _planned_redo(self) -> Plan | None:
        _, undone = history(self._rows())
        return self._plan("redo", undone[-1][0]) if undone else None

    def _plan(self, kind: Literal["undo", "redo"], row: Row) -> Plan:
        store = self._opened()
        if store.at_work():  # a call that was killed: what it did is only now seen
            with store.writing():
                see(store, self.place, None)
        files = putbacks(store, self.place, store.changes_after(row.position), self.session)
        return Plan(kind, row.id, row.title, row.at, files)

    def _carried_out(self, plan: Plan, force: bool) -> Plan:
        store = self._opened()
        names = tuple(file.name for file in plan.files)
        row = next(row for row in self._rows() if row.id == plan.target)
        with store.writing():
            see(store, self.place, names)
            id = store.add(self.session, MAIN, 0, row.title, plan.kind, row.id)
            store.begin(id, self.session, names)
        files = putbacks(store, self.place, store.changes_after(row.position), self.session)
        known = {file.path for file in plan.files}
        files = lay_back(store, self.place, tuple(file for file in files if file.path in known), force)
        with store.writing():
            see(store, self.place, names, self.session)
            store.end(id)
        return Plan(plan.kind, plan.target, plan.title, plan.at, files)


Undone = list[tuple[Row, list[Row]]]
"""Each undo that can be redone, the last one last, and the checkpoints that it went back behind."""


def history(rows: Iterable[Row]) -> tuple[list[Row], Undone]:
    """The checkpoints whose work stands, and what was undone: a fold over all of them."""
    done: list[Row] = []
    undone: Undone = []
    for row in rows:
        match row.kind:
            case "undo":
                behind = [one for one in done if one.id >= (row.target or 0)]
                done = done[: len(done) - len(behind)]
                undone.append((row, behind))
            case "redo":
                done += undone.pop()[1] if undone else []
            case _:
                done.append(row)
                undone.clear()
    return done, undone


def _turns(rows: list[Row]) -> list[Turn]:
    done = {row.id for row in history(rows)[0]}
    firsts = [row for row in rows if row.kind == "step" and row.id == row.turn]
    return [Turn(row.id, row.at, row.session, row.title, row.id not in done) for row in firsts]

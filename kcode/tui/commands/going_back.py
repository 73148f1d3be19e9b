"""Going back: what was done to files is undone and redone; the talk goes on from an earlier message."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from kcode.tui.desk import Desk
from kcode.tui.lists.choices import Choice
from kcode.tui.text.safe import one_line
from kcode.tui.transcript.plain import counted

if TYPE_CHECKING:  # the agent is not needed for the first frame
    from kcode.agent.rewind import Rewind, Said
    from kcode.memory.checkpoints import Plan
    from kcode.memory.undoing import Act

ACTS: dict[Act, str] = {
    "create": "comes back",
    "delete": "is deleted",
    "change": "changes back",
    "mode": "its permissions change back",
}
T = TypeVar("T")
GO, FORCE, BOTH, TALK = "go", "force", "both", "talk"


def undo(desk: Desk, _: str = "") -> None:
    desk.work(_files(desk, "undo"))


def redo(desk: Desk, _: str = "") -> None:
    desk.work(_files(desk, "redo"))


def rewind(desk: Desk, _: str = "") -> None:
    """To one of the messages: files, talk, or both."""
    desk.work(_messages(desk))


async def _files(desk: Desk, kind: str) -> None:
    back = await _rewind_of(desk)
    plan = await _run(desk, back.plan_undo() if kind == "undo" else back.plan_redo())
    if plan is None or not plan.files:
        desk.notice(f"There is nothing to {kind}.")
        return
    rows = [
        *([Choice(GO, f"Yes: {counted(len(plan.restored), 'file')}", "as listed")] if plan.restored else []),
        *(
            [Choice(FORCE, "Yes, and what somebody else has changed", "their changes go")]
            if plan.conflicts
            else []
        ),
    ]

    def chosen(row: Choice) -> None:
        is_forced = row.id == FORCE
        if row.id in (GO, FORCE):
            deed = back.undo(force=is_forced) if kind == "undo" else back.redo(force=is_forced)
            desk.work(_done(desk, deed))
        else:
            desk.pick(title, [*rows, *_listed(plan)], chosen)

    title = f"{kind.capitalize()}: {one_line(plan.title)[:60] or 'the last changes'}"
    desk.pick(title, [*rows, *_listed(plan)], chosen)


async def _messages(desk: Desk) -> None:
    back = await _rewind_of(desk)
    points = await _looked(desk, back.points)
    if not points:
        desk.notice("Nothing was said yet that one could go back to.")
        return
    rows = [Choice(str(point.message), one_line(point.text)) for point in reversed(points)]
    said = {str(point.message): point for point in points}
    desk.pick("Go back before", rows, lambda row: desk.work(_what(desk, back, said[row.id])))


async def _what(desk: Desk, back: Rewind, point: Said) -> None:
    """Files, talk, or both: with what would become of the files."""
    plan = await _run(desk, back.plan_rewind(point.message))
    files = plan.restored if plan else ()
    rows = []
    if files:
        rows.append(Choice(BOTH, "Files and talk", f"{counted(len(files), 'file')}, as listed"))
    rows.append(Choice(TALK, "The talk alone", "files stay as they are"))
    if files:
        rows.append(Choice(GO, "The files alone", "the talk goes on"))
    if plan and plan.conflicts:
        rows.append(Choice(FORCE, "Files and talk, and what somebody else has changed", "their changes go"))
    rows += _listed(plan) if plan else []

    def chosen(row: Choice) -> None:
        if row.id in (BOTH, TALK, GO, FORCE):
            desk.work(_gone_back(desk, back, point, row.id))
        else:
            desk.pick(title, rows, chosen)

    title = f"Back before: {one_line(point.text)[:60]}"
    desk.pick(title, rows, chosen)


async def _gone_back(desk: Desk, back: Rewind, point: Said, what: str) -> None:
    deed = back.rewind(point.message, files=what != TALK, talk=what != GO, force=what == FORCE)
    text, _ = await _run(desk, deed)
    if what != GO:
        desk.write(text)


async def _done(desk: Desk, deed: Coroutine[Any, Any, Plan | None]) -> None:
    done = await _run(desk, deed)
    if done is None:
        desk.notice("There was nothing to do.")


def _listed(plan: Plan) -> Iterable[Choice]:
    return [
        Choice(f"file:{file.path}", one_line(file.path), file.conflict or ACTS[file.act])
        for file in plan.files
    ]


async def _rewind_of(desk: Desk) -> Rewind:
    return await asyncio.wrap_future(desk.engine.look(lambda session: session.rewind))


async def _looked(desk: Desk, at: Callable[[], list[Said]]) -> list[Said]:
    return await asyncio.wrap_future(desk.engine.look(lambda _: at()))


async def _run(desk: Desk, work: Coroutine[Any, Any, T]) -> T:
    return await asyncio.wrap_future(desk.engine.run(work))

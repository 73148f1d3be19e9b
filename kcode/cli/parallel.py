"""`kcode run --parallel FILE`: a list of tasks, several at a time, each in a session and a worktree of its own."""

import asyncio
import itertools
import json
import signal
import sys
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from kcode.agent.worktrees import Conflict, Worktree, Worktrees
from kcode.cli.options import RunOptions
from kcode.cli.run import reason
from kcode.cli.signals import SIGNALS, heeded
from kcode.cli.start import Started, folder, start
from kcode.errors import BadInput, KcodeError
from kcode.processes.git import GitError
from kcode.settings import Settings
from kcode.spend.receipt import Receipt
from kcode.spend.table import table
from kcode.visible import visible

WIDEST = 44


class Job(BaseModel):
    """One line of the list."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: str
    mode: str | None = None
    model: str | None = None


@dataclass(slots=True)
class Worked:
    """What became of a job."""

    job: Job
    started: Started
    name: str
    """Of its worktree; "" when nothing was changed in it, and it is gone."""
    receipt: Receipt = field(default_factory=Receipt)
    outcome: str = "waiting"
    text: str = ""
    exit_code: int = 0
    merged: str = ""

    def row(self, number: int) -> list[str]:
        files = str(len(self.receipt.changes)) if self.receipt.changes else ""
        words = " ".join(self.job.task.split())
        short = words if len(words) <= WIDEST else f"{words[: WIDEST - 1]}…"
        said = self.started.session.task.conversation
        where = self.merged or self.name
        return [str(number), short, said.mode, self.outcome, files, str(self.receipt.total), where]

    def record(self) -> dict[str, Any]:
        return {
            "task": self.job.task,
            "session": self.started.session.id,
            "worktree": self.name,
            "reason": self.outcome,
            "exit_code": self.exit_code,
            "text": self.text,
            "micro_dollars": self.receipt.total.micro_dollars,
            "files": sorted(self.receipt.changes),
            "merged": self.merged,
        }


def parallel(options: RunOptions, file: Path, at_a_time: int, merges: bool) -> int:
    """Work on all of them and print a table; the exit code is 0 when all were done, else that of the first that was
    not. What is wrong with the list, the options or the folder is said before money is spent: BadInput."""
    jobs = read(file)
    with ExitStack() as put_away:
        worked = list(_started(jobs, options, put_away))
        if cancelled := asyncio.run(_until_cancelled(worked, at_a_time, options, merges)):
            for one in worked:
                one.outcome = "cancelled" if one.outcome in ("waiting", "working") else one.outcome
                one.exit_code = one.exit_code or (cancelled if one.outcome == "cancelled" else 0)
        for one in worked:
            one.name = "" if _is_dropped(_home(options), one.name) else one.name
        _print(worked, options)
    return next((one.exit_code for one in worked if one.exit_code), 0)


def read(file: Path) -> list[Job]:
    """A task a line (# begins a comment), or JSON: a list of texts and of {"task", "mode", "model"}. BadInput."""
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{file} cannot be read: {error}.") from None
    if text.lstrip().startswith("["):
        jobs = _from_json(text, file)
    else:
        lines = (line.strip() for line in text.splitlines())
        jobs = [Job(task=line) for line in lines if line and not line.startswith("#")]
    jobs = [job for job in jobs if job.task.strip()]
    if not jobs:
        raise BadInput(f"{file} holds no task: write one a line, or a JSON list.")
    return jobs


def _from_json(text: str, file: Path) -> list[Job]:
    try:
        entries = TypeAdapter(list[str | Job]).validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise BadInput(f"{file} is no list of tasks: {place}: {first['msg']}.") from None
    return [Job(task=entry) if isinstance(entry, str) else entry for entry in entries]


def _started(jobs: list[Job], options: RunOptions, put_away: ExitStack) -> Iterable[Worked]:
    """A session for each; they share one purse, so that a budget holds for all of them together. Their worktrees are
    new ones: in those that are kept lies the work of others."""
    purse, home = "", _home(options)
    taken = {worktree.task for worktree in _kept(home)}
    names = (f"{options.worktree or 'parallel'}-{number}" for number in itertools.count(1))
    for job, name in zip(jobs, (name for name in names if name not in taken), strict=False):
        own = replace(options, mode=job.mode or options.mode, purse=purse, prompt=(job.task,))
        own = replace(own, models=(*own.models, job.model)) if job.model else own
        own = replace(own, worktree=name)
        put_away.callback(_is_dropped, home, name)
        started = start(own, someone_answers=False)
        put_away.enter_context(started.put_away)
        purse = purse or started.session.id
        worked = Worked(job, started, name)
        started.session.listen(worked.receipt)
        yield worked


def _home(options: RunOptions) -> Path:
    return folder(options.cd or Path())


def _kept(home: Path) -> list[Worktree]:
    """The worktrees of the repository that the folder lies in."""
    return [
        worktree for worktree in Worktrees(Settings().worktrees).all() if home.is_relative_to(worktree.source)
    ]


def _is_dropped(home: Path, name: str) -> bool:
    """Remove the worktree of that name when nothing was changed in it; whether that is so."""
    worktrees = Worktrees(Settings().worktrees)
    for worktree in _kept(home):
        if worktree.task == name:
            with suppress(GitError):  # what cannot be looked at stays
                return asyncio.run(worktrees.drop_if_same(worktree))
    return False


async def _until_cancelled(worked: list[Worked], at_a_time: int, options: RunOptions, merges: bool) -> int:
    """0, or the exit code of the signal that has cancelled it."""
    work = asyncio.ensure_future(_work(worked, at_a_time, options, merges))
    codes: list[int] = []

    def came(exit_code: int) -> None:
        codes.append(exit_code)
        work.cancel()

    with heeded(came):
        try:
            await work
        except asyncio.CancelledError:
            return codes[0] if codes else SIGNALS[signal.SIGINT]
    return 0


async def _work(worked: list[Worked], at_a_time: int, options: RunOptions, merges: bool) -> None:
    room = asyncio.Semaphore(at_a_time)

    async def one(work: Worked) -> None:
        async with room:
            await _one(work, options.max_time)

    await asyncio.gather(*map(one, worked))
    if merges:
        for work in worked:
            await _merge(work)


async def _one(work: Worked, limit: float | None) -> None:
    session = work.started.session
    work.outcome = "working"
    _say(f"… {visible(work.job.task)}")
    try:
        async with asyncio.timeout(limit):
            work.text = await session.prompt(work.job.task)
        work.outcome = "done"
    except TimeoutError:
        work.text, work.outcome, work.exit_code = f"Stopped after {limit:g} s.", "time_limit", 124
    except KcodeError as error:
        work.text, work.exit_code = str(error), error.exit_code
        work.outcome = reason(error)
    finally:
        await session.close()
    sign = "✓" if work.outcome == "done" else "✗"
    _say(f"{sign} {visible(work.job.task)} · {work.receipt.total}")


async def _merge(work: Worked) -> None:
    """What is done and fits comes into the folder; the rest stays in its worktree."""
    worktrees = Worktrees(work.started.settings.worktrees)
    found = next((w for w in worktrees.all() if str(w.folder) == str(work.started.session.root)), None)
    if work.outcome != "done" or found is None:
        return
    try:
        await worktrees.merge(found)
        work.merged = "merged"
    except Conflict as conflict:
        work.merged = f"{work.name}: conflicts in {', '.join(conflict.files)}"
        work.exit_code = work.exit_code or 1
    except GitError as error:
        work.merged = f"{work.name}: {error}"
        work.exit_code = work.exit_code or 1


def _print(worked: list[Worked], options: RunOptions) -> None:
    if options.output_format != "text":
        print(json.dumps([one.record() for one in worked], indent=2))
        return
    head = ["", "task", "mode", "outcome", "files", "cost", "worktree"]
    rows = [head, *(one.row(number) for number, one in enumerate(worked, start=1))]
    for line in table(rows, frozenset({1, 2, 3, 6})):
        print(visible(line))
    total = sum((one.receipt.total for one in worked[1:]), worked[0].receipt.total)
    print(f"── {total} · {sum(one.outcome == 'done' for one in worked)} of {len(worked)} done")
    for number, one in enumerate(worked, start=1):
        if one.outcome != "done" and one.text:
            print(f"   {number}: {visible(one.text)}")
    if any(not one.merged and one.receipt.changes for one in worked):
        print("   bring work back: kcode worktrees merge NAME")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)

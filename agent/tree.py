"""The tasks of a session: the user's, and those that models have delegated, each an asyncio task of its own."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from kcode.agent import loop
from kcode.agent.assigned import first_words
from kcode.agent.equipment import Equipment, Place, new_task
from kcode.agent.pulse import Pulse, upwards
from kcode.agent.report import Report
from kcode.agent.rooms import Rooms
from kcode.agent.task import Conversation, Task
from kcode.agent.worktrees import Worktree
from kcode.errors import BadInput, KcodeError, NeedsApproval, ToolError
from kcode.events import MAIN, Event, Listener, MessageAdded, Noticed, TaskStarted
from kcode.messages import Change, Todo, ToolResult
from kcode.modes.choice import Choice
from kcode.modes.mode import Mode, mode_named
from kcode.tools.delegate import first_line
from kcode.tools.tool import Assignment, Others, Output


class Tree:
    def __init__(
        self,
        place: Place,
        equipment: Equipment,
        hear: Listener,
        others: Callable[[Task], Others],
    ) -> None:
        self._place = place
        self._equipment = equipment
        self._tell_all = hear
        self._others = others
        self.tasks: dict[str, Task] = {}
        """Those that were at work in this process, by id."""
        self.reports: dict[str, Report] = {}
        """Of every subtask of the session, also those of former processes."""
        self._past: dict[str, Conversation] = defaultdict(Conversation)
        self._begun_by: dict[str, str] = {}
        """Call -> the task that it began."""
        self._running: dict[str, asyncio.Task[str]] = {}
        self._taken: set[str] = set()
        """Those that somebody has delegated and not heard the end of: at work, or about to be, or merged."""
        self._slots: dict[str, asyncio.Semaphore] = {}
        limits = equipment.delegation
        self._pulse = Pulse(limits.silence)
        self._rooms = Rooms(place.session, limits.worktrees, equipment.worktrees, self._notice)

    def begin(self) -> Task:
        """The user's task."""
        return self._task(MAIN, None, self._past[MAIN], self._place.root)

    def recall(self, event: Event) -> None:
        """Something that happened in a process that is gone."""
        self._past[event.task].add(event)
        self._follow(event)

    def unfinished(self, call_id: str) -> str:
        """What the model hears of its call that was stopped; of a task that it delegated what there is."""
        report = self.reports.get(self._begun_by.get(call_id, ""))
        if report is None:
            return loop.NOT_FINISHED
        return f"{report.text()}\n{self._rooms.left(report.task)}".rstrip()

    def cancel(self, id: str) -> bool:
        """Stop a subtask and those below it; its parent hears what there is. Whether it was at work."""
        running = self._running.get(id)
        return running is not None and running.cancel()

    def at_work(self, id: str) -> Task:
        """BadInput when it is not."""
        if id not in self._running:
            raise BadInput(f"Task {id} is not at work.")
        return self.tasks[id]

    async def close(self) -> None:
        for task in self.tasks.values():
            await task.workspace.jobs.close()
        await self._rooms.close()

    async def delegate(self, parent: Task, assignment: Assignment, call_id: str) -> Output:
        """Work on it to its end, and report. ToolError when it cannot begin."""
        limit = self._equipment.delegation.side_by_side
        async with self._slots.setdefault(parent.id, asyncio.Semaphore(limit)), AsyncExitStack() as stack:
            mode, choice = self._mode(assignment)
            id = self._id(parent, assignment)
            self._taken.add(id)
            stack.callback(self._taken.discard, id)
            worktree = None
            if mode.groups & {"edit", "command"}:
                title = first_line(assignment.message)
                worktree = await self._rooms.to_write(id, title, parent, stack)
            child = self._child(id, parent, assignment, call_id, worktree, choice)
            child.inbox.append(await first_words(child, assignment, self.reports.values()))
            await self._run(child)
            report = self.reports[id]
            merged = await self._rooms.merge(worktree, child, report) if worktree else ""
        text = f"{report.text()}\n{merged}".rstrip()
        return Output(text=text, ok=report.outcome == "done", changes=() if worktree else _touched(report))

    # Who it is

    def _id(self, parent: Task, assignment: Assignment) -> str:
        limits = self._equipment.delegation
        prefix = "" if parent.id == MAIN else f"{parent.id}."
        if assignment.resume:
            if assignment.resume not in self.reports or not assignment.resume.startswith(prefix):
                known = ", ".join(id for id in self.reports if id.startswith(prefix)) or "none"
                raise ToolError(f"There is no task {assignment.resume!r} of yours (there are: {known}).")
            if assignment.resume in self._taken:
                raise ToolError(f"Task {assignment.resume} is at work.")
            return assignment.resume
        if len(prefix.split(".")) > limits.depth:
            raise ToolError("Tasks may not be nested deeper: do this one yourself.")
        if len(self.reports) >= limits.count:
            raise ToolError(f"{limits.count} tasks were delegated, the limit: do the rest yourself.")
        siblings = [id for id in self.reports if id.startswith(prefix) and "." not in id[len(prefix) :]]
        id = f"{prefix}{len(siblings) + 1}"
        self.reports[id] = Report(id)
        return id

    def _mode(self, assignment: Assignment) -> tuple[Mode, Choice]:
        try:
            mode = mode_named(self._equipment.modes, assignment.mode)
        except BadInput as error:
            raise ToolError(str(error)) from None
        try:
            return mode, self._equipment.models.for_mode(mode.name)
        except KcodeError as error:
            raise ToolError(f"{mode.name} mode has no model that works: {error}") from None

    def _child(
        self,
        id: str,
        parent: Task,
        assignment: Assignment,
        call_id: str,
        worktree: Worktree | None,
        choice: Choice,
    ) -> Task:
        folder = worktree.folder if worktree else parent.workspace.root
        task = self._task(id, parent, self._past[id], folder)
        task.tell(
            TaskStarted(
                task=id,
                parent=parent.id,
                mode=assignment.mode,
                model=choice.model,
                effort=choice.effort,
                project=task.conversation.project or parent.conversation.project,
                title=self.reports[id].title or first_line(assignment.message),
                call_id=call_id,
                folder=str(folder) if worktree else "",
                todos=tuple(Todo(text=text) for text in assignment.todos) or task.conversation.todos,
                budget=assignment.budget,
            )
        )
        self.answer_calls(task)
        return task

    def answer_calls(self, task: Task) -> None:
        """Those that a process left open when it was killed."""
        for call_id in task.conversation.unanswered():
            result = ToolResult(call_id=call_id, ok=False, text=self.unfinished(call_id))
            task.tell(MessageAdded(task=task.id, message=result))

    def _task(self, id: str, parent: Task | None, said: Conversation, folder: Path) -> Task:
        place = replace(self._place, root=folder)
        task = new_task(id, said, self._equipment, place, self._hear, self.unfinished, parent)
        task.workspace = replace(task.workspace, others=self._others(task))
        self.tasks[id] = task
        return task

    # Its life

    async def _run(self, child: Task) -> None:
        """To its end; what went wrong is in its report. NeedsApproval where nobody can give it."""
        model = child.conversation.model
        work = asyncio.ensure_future(loop.run(child, lambda: self._pulse.when_warm(model)))
        self._running[child.id] = work
        try:
            while not (await asyncio.wait({work}, timeout=self._pulse.patience(child.id)))[0]:
                self._mind_silence(child)
            work.result()
        except asyncio.CancelledError:
            if not work.done():  # the whole session is cancelled
                work.cancel()
                await asyncio.wait({work})
            loop.heed_cancel()
        except NeedsApproval:
            raise
        except KcodeError:
            pass  # TaskEnded has told it
        finally:
            del self._running[child.id]
            self._pulse.warmed(model)
            await child.workspace.jobs.close()

    def _mind_silence(self, child: Task) -> None:
        if silent := self._pulse.silence(child.id):
            title = self.reports[child.id].title
            self._notice(
                f"Task {child.id} ({title}) is silent for {silent:.0f} s now. It can be stopped by itself."
            )

    # What is heard

    def _hear(self, event: Event) -> None:
        self._follow(event)
        self._pulse(event)
        self._tell_all(event)

    def _follow(self, event: Event) -> None:
        """Each report hears its task and those below it."""
        if isinstance(event, TaskStarted) and event.parent is not None:
            self._begun_by[event.call_id] = event.task
            self.reports.setdefault(event.task, Report(event.task))
        for id in upwards(event.task):
            if id in self.reports:
                self.reports[id](event)

    def _notice(self, text: str) -> None:
        self._tell_all(Noticed(task=MAIN, text=text))


def _touched(report: Report) -> tuple[Change, ...]:
    """Which files, without the lines, which were counted where they were changed."""
    return tuple(c.model_copy(update={"diff": "", "added": 0, "removed": 0}) for c in report.changes)

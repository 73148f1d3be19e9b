"""The tasks of a session: the user's, and those that models have delegated, each an asyncio task of its own."""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kcode import settings
from kcode.agent import loop, prompt, rewind
from kcode.agent.approvals import Approvals
from kcode.agent.report import Report
from kcode.agent.task import Conversation, Task
from kcode.agent.worktrees import Conflict, Worktree, Worktrees
from kcode.errors import BadInput, KcodeError, NeedsApproval, ToolError
from kcode.events import (
    MAIN,
    ApprovalAsked,
    CallArrived,
    Event,
    Listener,
    MessageAdded,
    Noticed,
    OutputArrived,
    QuestionAsked,
    TaskStarted,
    TextArrived,
    ThinkingArrived,
)
from kcode.llm.client import Client
from kcode.memory.checkpoints import Checkpoints
from kcode.memory.project import Project
from kcode.messages import Change, Prompt, Todo, ToolResult
from kcode.modes.choice import Models
from kcode.modes.mode import Mode, mode_named
from kcode.processes.git import GitError
from kcode.processes.jobs import Jobs
from kcode.processes.sandbox import Surroundings
from kcode.tools.delegate import first_line
from kcode.tools.read import Read
from kcode.tools.tool import Assignment, Others, Output, Toolbox, Workspace


@dataclass(frozen=True, slots=True)
class Equipment:
    """What a session works with; made once by the front end's door."""

    client: Client
    tools: Toolbox
    modes: dict[str, Mode]
    models: Models
    approvals: Approvals
    delegation: settings.Delegation
    worktrees: Worktrees
    project: Project
    around: Callable[[Path], Surroundings]
    """What a command that works in a folder is started in now."""
    checkpoints: Checkpoints
    turns: int | None
    output_tokens: int
    command_limit: float
    command_silence: float


@dataclass(frozen=True, slots=True)
class Place:
    """Where tasks work."""

    session: str
    root: Path
    overflow: Path
    also: tuple[Path, ...]


class Tree:
    def __init__(
        self,
        place: Place,
        equipment: Equipment,
        system: str,
        hear: Listener,
        others: Callable[[Task], Others],
    ) -> None:
        self._place = place
        self._equipment = equipment
        self._system = system
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
        self._slots: dict[str, asyncio.Semaphore] = {}
        self._heard_at: dict[str, float] = {}
        self._is_asking: dict[str, bool] = defaultdict(bool)
        self._warm: dict[str, asyncio.Event] = {}
        """Model -> whether the prefix that all tasks share is in its cache."""
        self._writers = Counter[Path]()
        """Folder -> how many tasks write there, or are about to."""
        self._alone: dict[Path, asyncio.Lock] = defaultdict(asyncio.Lock)
        """Folder -> held by the one that writes there, where there can be no worktrees."""
        self._merging = asyncio.Lock()

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
        return report.text() if report else loop.NOT_FINISHED

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

    async def delegate(self, parent: Task, assignment: Assignment, call_id: str) -> Output:
        """Work on it to its end, and report. ToolError when it cannot begin."""
        limit = self._equipment.delegation.side_by_side
        async with self._slots.setdefault(parent.id, asyncio.Semaphore(limit)), AsyncExitStack() as stack:
            id, folder = self._id(parent, assignment), parent.workspace.root
            mode = self._mode(assignment)
            if mode.groups & {"edit", "command"}:
                worktree = await self._room_to_write(id, assignment, folder, stack)
            else:
                worktree = None
            child = self._child(id, parent, assignment, call_id, worktree)
            child.inbox.append(await self._first_words(child, assignment))
            await self._run(child)
            report = self.reports[id]
            merged = await self._merged(worktree, report) if worktree else ""
        text = f"{report.text()}\n{merged}".rstrip()
        return Output(text=text, ok=report.outcome == "done", changes=() if worktree else _touched(report))

    # Where it works

    async def _room_to_write(
        self, id: str, assignment: Assignment, folder: Path, stack: AsyncExitStack
    ) -> Worktree | None:
        """A worktree when another task writes beside this one; None: the folder itself, alone if need be."""
        wish, worktrees = self._equipment.delegation.worktrees, self._equipment.worktrees
        if kept := worktrees.kept(self._place.session, id):
            return kept
        self._writers[folder] += 1
        stack.callback(self._writers.subtract, [folder])
        await asyncio.sleep(0)  # those that were called in the same reply have said so, too
        if wish == "never" or (wish == "auto" and self._writers[folder] == 1):
            return None
        try:
            return await worktrees.make(self._place.session, id, folder, first_line(assignment.message))
        except GitError as error:
            why = str(error).strip().splitlines()[-1]
            self._notice(f"Task {id} has no worktree of its own ({why}): one task after another writes here.")
        await stack.enter_async_context(self._alone[folder])
        return None

    async def _merged(self, worktree: Worktree, report: Report) -> str:
        """A finished task's files come into the folder it was taken from; else they stay where they are."""
        if report.outcome != "done":
            return f"Its files are kept, not merged, in {worktree.folder} (branch {worktree.branch})."
        async with self._merging, rewind.around(self.tasks[report.task]):
            try:
                changed = await self._equipment.worktrees.merge(worktree)
            except Conflict as conflict:
                return (
                    f"NOT merged, conflicts: {', '.join(conflict.files)}. They stand with markers in its worktree: "
                    f'delegate again with resume="{report.task}" to have them resolved, which merges.'
                )
            except GitError as error:
                return f"NOT merged: {error}. Its files are in {worktree.folder} (branch {worktree.branch})."
        return "Merged." if changed else ""

    # Who it is

    def _id(self, parent: Task, assignment: Assignment) -> str:
        limits = self._equipment.delegation
        prefix = "" if parent.id == MAIN else f"{parent.id}."
        if assignment.resume:
            if assignment.resume not in self.reports or not assignment.resume.startswith(prefix):
                known = ", ".join(id for id in self.reports if id.startswith(prefix)) or "none"
                raise ToolError(f"There is no task {assignment.resume!r} of yours (there are: {known}).")
            if assignment.resume in self._running:
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

    def _mode(self, assignment: Assignment) -> Mode:
        try:
            return mode_named(self._equipment.modes, assignment.mode)
        except BadInput as error:
            raise ToolError(str(error)) from None

    def _child(
        self, id: str, parent: Task, assignment: Assignment, call_id: str, worktree: Worktree | None
    ) -> Task:
        folder = worktree.folder if worktree else parent.workspace.root
        task = self._task(id, parent, self._past[id], folder)
        try:
            choice = self._equipment.models.for_mode(assignment.mode)
        except KcodeError as error:
            raise ToolError(f"{assignment.mode} mode has no model that works: {error}") from None
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
        equipment = self._equipment
        task = Task(
            id=id,
            session=self._place.session,
            conversation=said,
            client=equipment.client,
            tools=equipment.tools,
            workspace=self._workspace(id, folder),
            approvals=equipment.approvals,
            models=equipment.models,
            mode_named=lambda name: mode_named(equipment.modes, name),
            mode_text=lambda mode: prompt.mode_text(
                mode, equipment.modes.values(), equipment.project.of_mode(mode.name)
            ),
            system=self._system,
            hear=self._hear,
            turns=equipment.turns,
            output_tokens=equipment.output_tokens,
            checkpoints=equipment.checkpoints,
            unfinished=self.unfinished,
            near=lambda path: equipment.project.near(path, folder),
            parent=parent,
        )
        task.workspace = replace(task.workspace, others=self._others(task))
        self.tasks[id] = task
        return task

    def _workspace(self, id: str, folder: Path) -> Workspace:
        equipment = self._equipment

        async def ask_user(question: str, choices: tuple[str, ...]) -> str:
            return await equipment.approvals.question(question, choices, id, self._hear)

        def show_output(call_id: str, text: str) -> None:
            self._hear(OutputArrived(task=id, call_id=call_id, text=text))

        return Workspace(
            root=folder,
            also=self._place.also,
            overflow=self._place.overflow,
            ask_user=ask_user,
            show_output=show_output,
            jobs=Jobs(),
            command_limit=equipment.command_limit,
            command_silence=equipment.command_silence,
            around=lambda: equipment.around(folder),
            hides=lambda tool, path: equipment.approvals.permissions.hides(tool, path, folder),
        )

    # What it is told

    async def _first_words(self, child: Task, assignment: Assignment) -> Prompt:
        """The message, the files named, and what the tasks before it have come to."""
        parts = [assignment.message.strip()]
        if assignment.expected:
            parts.append(f"Your last message must hold: {assignment.expected}")
        parts += [await _shown(child, name) for name in assignment.files]
        done = [report.line() for id, report in self.reports.items() if report.outcome and id != child.id]
        moved = prompt.place(child.workspace.root) if child.conversation.mode_told else ""
        notes = [moved, prompt.today(), prompt.open_todos(child.conversation.todos)]
        notes += ["Other tasks of this session:", *done] if done else []
        text = "\n\n".join(parts)
        return Prompt(text=text, notes="\n".join(note for note in notes if note), by="kcode")

    # Its life

    async def _run(self, child: Task) -> None:
        """To its end; what went wrong is in its report. NeedsApproval where nobody can give it."""
        await self._when_warm(child.conversation.model)
        work = asyncio.ensure_future(loop.run(child))
        self._running[child.id] = work
        self._heard_at[child.id] = time.monotonic()
        try:
            while not (await asyncio.wait({work}, timeout=self._patience(child)))[0]:
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
            self._warmed(child.conversation.model)
            await child.workspace.jobs.close()

    async def _when_warm(self, model: str) -> None:
        """The first one's request writes the shared prefix into the provider's cache; the others wait for its first
        token, and read it."""
        if model in self._warm:
            await self._warm[model].wait()
        else:
            self._warm[model] = asyncio.Event()

    def _warmed(self, model: str) -> None:
        self._warm.setdefault(model, asyncio.Event()).set()

    def _patience(self, child: Task) -> float:
        silent = time.monotonic() - self._heard_at[child.id]
        limit = self._equipment.delegation.silence
        return max(limit - silent % limit, 0.05)

    def _mind_silence(self, child: Task) -> None:
        silent = time.monotonic() - self._heard_at[child.id]
        if silent >= self._equipment.delegation.silence and not self._is_asking[child.id]:
            title = self.reports[child.id].title
            self._notice(
                f"Task {child.id} ({title}) is silent for {silent:.0f} s now. It can be stopped by itself."
            )

    # What is heard

    def _hear(self, event: Event) -> None:
        self._follow(event)
        self._note_life(event)
        self._tell_all(event)

    def _follow(self, event: Event) -> None:
        """Each report hears its task and those below it."""
        if isinstance(event, TaskStarted) and event.parent is not None:
            self._begun_by[event.call_id] = event.task
            self.reports.setdefault(event.task, Report(event.task))
        for id in _upwards(event.task):
            if id in self.reports:
                self.reports[id](event)

    def _note_life(self, event: Event) -> None:
        for id in _upwards(event.task):
            self._heard_at[id] = time.monotonic()
            self._is_asking[id] = isinstance(event, ApprovalAsked | QuestionAsked)
        match event:
            case TextArrived() | ThinkingArrived() | CallArrived():
                if event.task in self.tasks:
                    self._warmed(self.tasks[event.task].conversation.model)
            case _:
                pass

    def _notice(self, text: str) -> None:
        self._tell_all(Noticed(task=MAIN, text=text))


def _upwards(id: str) -> Iterable[str]:
    """`1.2` and `1` of `1.2`."""
    parts = id.split(".")
    return (".".join(parts[:count]) for count in range(len(parts), 0, -1))


def _touched(report: Report) -> tuple[Change, ...]:
    """Which files, without the lines, which were counted where they were changed."""
    return tuple(c.model_copy(update={"diff": "", "added": 0, "removed": 0}) for c in report.changes)


async def _shown(child: Task, name: str) -> str:
    """A file's text as the child would read it, which counts as read."""
    arguments: dict[str, Any] = {"path": name}
    try:
        tool = Read.model_validate(arguments)
        if child.approvals.permissions.decide(tool, child.workspace).verdict != "allow":
            return f"{name}: not shown, read it if you need it."
        text = (await tool.run(child.workspace, f"shown-{name}")).text
    except (ToolError, ValueError) as error:
        return f"{name}: {error}"
    return f'<file path="{name}">\n{text}\n</file>'

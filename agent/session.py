"""A session: what a front end holds. It listens, prompts, answers, cancels, switches; all else follows from events."""

import asyncio
import json
import logging
import secrets
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from kcode import __version__
from kcode.agent import enhance, handover, loop, prompt, room
from kcode.agent.equipment import Equipment, Place
from kcode.agent.permissions import Permissions
from kcode.agent.rewind import Rewind
from kcode.agent.task import Task
from kcode.agent.tree import Tree
from kcode.errors import BadInput, Scope, ToolError
from kcode.events import (
    MAIN,
    USER,
    BudgetSet,
    Effort,
    Event,
    Listener,
    MessageAdded,
    ModelPicked,
    Noticed,
    SessionNamed,
    SessionStarted,
    TaskStarted,
    ToolStarted,
    Uncondensed,
)
from kcode.memory import writing
from kcode.messages import Change, Image, Prompt, ToolCall, ToolResult
from kcode.modes.choice import Models
from kcode.modes.mode import Mode, mode_named
from kcode.settings import PermissionMode
from kcode.spend import limits
from kcode.tools.tool import Assignment, Output

log = logging.getLogger(__name__)
T = TypeVar("T")

WITHOUT = "Yes, without a sandbox"
LITTLE = 4
"""Messages that are not worth a summary."""


@dataclass(slots=True)
class Company:
    """The other modes and models, for the tools of one task."""

    task: Task
    tree: Tree
    models: Models

    async def delegate(self, assignment: Assignment, call_id: str) -> Output:
        return await self.tree.delegate(self.task, assignment, call_id)

    async def switch(self, mode: str, reason: str, plan: str) -> str:
        return await handover.switch(self.task, self.models, mode, reason, plan)


class Session:
    def __init__(
        self,
        id: str,
        root: Path,
        equipment: Equipment,
        overflow: Path,
        also: Sequence[Path] = (),
        past: Sequence[Event] = (),
    ) -> None:
        """`overflow` is the session's own folder for long output. `past` holds the events of a session that is gone
        on with; they are folded, not told again."""
        self.id = id
        self.root = root
        self._equipment = equipment
        self._listeners: list[Listener] = []
        self._running: set[asyncio.Task[Any]] = set()
        """The model's work, and commands of the user's own beside it."""
        self._aside: set[asyncio.Task[Any]] = set()
        """Those of them that nothing else has to wait for."""
        self._is_at_work = False
        self._overheard: list[str] = []
        self.past = tuple(past)
        place = Place(id, root, overflow, tuple(also))
        self.tree = Tree(place, equipment, self._hear, self._company)
        for event in self.past:
            self.tree.recall(event)
        self.task = self.tree.begin()
        self.task.beside = self._beside
        self.rewind = Rewind(self.task, lambda: self.is_working)
        """Taking back files, talk, or both."""
        for event in self.past:
            self.rewind.trail.hear(event)
        self._listeners += equipment.checkpoints.hear, self.rewind.trail.hear

    # What a front end may do

    def listen(self, listener: Listener) -> None:
        """Tell every event from now on. A listener that raises is taken off, and the others hear of it."""
        self._listeners.append(listener)

    def begin(
        self,
        mode: str,
        model: str,
        effort: Effort | None = None,
        budget: int | None = None,
        project: str = "",
        purse: str = "",
        elsewhere: int = 0,
    ) -> None:
        """Start the conversation with this project block, or go on with a past one, which has its own, in this mode,
        model and budget (micro-dollars). `purse`: another session whose budget it is, too; `elsewhere`: micro-dollars
        of it that are spent, other than by what this session remembers."""
        self._mode_named(mode)
        tell, said = self.task.tell, self.task.conversation
        if not self.past:
            tell(SessionStarted(task=MAIN, session=self.id, root=str(self.root), version=__version__))
        if not said.model:  # killed between the two, a session has begun without its task
            tell(TaskStarted(task=MAIN, parent=None, mode=mode, model=model, effort=effort, project=project))
        else:
            self.tree.answer_calls(self.task)
            self.switch(mode, model, effort)
        purse = purse or said.budgets.purse or self.id
        if budget is None and said.budget is None:
            return
        if (budget, purse, elsewhere) != (said.budget, said.budgets.purse, said.budgets.elsewhere):
            tell(BudgetSet(task=MAIN, micro_dollars=budget, purse=purse, used=elsewhere))

    async def prompt(self, text: str, images: Sequence[Image] = ()) -> str:
        """Say it, work until the model's last words, and return them. KcodeError when it cannot go on."""
        await self.say(text, images)
        return await self.work()

    async def say(self, text: str, images: Sequence[Image] = (), task: str = MAIN) -> None:
        """Queue it: the model hears it before its next step. BadInput when a subtask is not at work."""
        heard = self.task if task == MAIN else self.tree.at_work(task)
        heard.inbox.append(Prompt(text=text, images=tuple(images)))

    async def work(self) -> str:
        """Go on with what is open. BadInput when nothing is, and while it is being worked on."""
        if self._is_at_work:
            raise BadInput("The model is at work: it hears what you say before its next step.")
        if self.task.conversation.is_at_rest and not self.task.inbox:
            raise BadInput("The last task is finished, there is nothing to go on with. Say what to do next.")
        self._is_at_work = True
        try:
            return await self._run(loop.run(self.task))
        finally:
            self._is_at_work = False

    def take_back(self) -> Prompt | None:
        """The newest message that the model was not told yet, unsaid; None when it heard them all."""
        if not self.task.inbox:
            return None
        return self.task.inbox.pop()

    async def command(self, command: str) -> None:
        """Run the user's own command, outside of the conversation: the model hears of it with the next prompt."""
        call_id = f"user-{secrets.token_hex(4)}"
        call = ToolCall(id=call_id, name="shell", arguments=json.dumps({"command": command}))
        tool = self._equipment.tools.open(call)
        self._hear(
            ToolStarted(task=USER, call_id=call_id, name="shell", title=f"! {' '.join(command.split())}")
        )
        output = Output(text=loop.NOT_FINISHED, ok=False)
        try:
            theirs = replace(self.task.workspace, is_approved=True)
            output = await self._run(tool.run(theirs, call_id))
        except ToolError as error:
            output = Output(text=str(error), ok=False)
        finally:
            self._hear(MessageAdded(task=USER, message=ToolResult(call_id=call_id, **dict(output))))
            self._overheard.append(f"The user ran `{command}`:\n{output.text}")

    async def condense(self) -> None:
        """Replace the conversation by a summary, now. BadInput when there is little of it, or while at work."""
        if self.is_working:
            raise BadInput("The model is at work: wait for it, or stop it, then condense.")
        if len(self.task.conversation.messages) < LITTLE:
            raise BadInput("There is little to condense yet.")
        await self._run(room.condense(self.task))

    async def drop(self) -> None:
        """Put pointers in the place of old long results, now. BadInput when there are none, or while at work."""
        if self.is_working:
            raise BadInput("The model is at work: wait for it, or stop it, then drop results.")
        old = tuple(room.droppable(self.task.request().messages))
        if not old:
            raise BadInput("There is no old result that is long: nothing to drop.")
        await self._run(room.drop(self.task, old))

    def uncondense(self) -> None:
        """Take back the newest condensing or dropping: what it replaced is sent again. BadInput when there is none,
        or while at work."""
        if self.is_working:
            raise BadInput("The model is at work: wait for it, or stop it, then take it back.")
        if not self.task.conversation.replaced:
            raise BadInput("Nothing was condensed, or it was taken back already.")
        self.task.tell(Uncondensed(task=MAIN))

    async def enhance(self, draft: str, pasted: Mapping[str, str] | None = None) -> str:
        """The draft of a prompt, rewritten by a small model as a clear task, also while the model is at work; the
        conversation hears nothing of it. `pasted`: texts that stand in the draft by these names alone."""
        return await self._run(enhance.enhanced(self.task, draft, pasted or {}), is_work=False)

    def set_budget(self, micro_dollars: int | None, scope: Scope = "session") -> None:
        """The session may spend so much in all; None: no limit. Of another scope: what holds for this session, of a day
        or month as long as it lasts."""
        budgets = self.task.conversation.budgets
        if scope != "session":
            term = limits.term(scope, date.today())
            self.task.tell(BudgetSet(task=MAIN, micro_dollars=micro_dollars, scope=scope, term=term))
        elif micro_dollars != budgets.session:
            purse, elsewhere = budgets.purse or self.id, budgets.elsewhere
            self.task.tell(BudgetSet(task=MAIN, micro_dollars=micro_dollars, purse=purse, used=elsewhere))

    @property
    def is_working(self) -> bool:
        """Whether the model, or a command of the user's own, is at work."""
        return bool(self._running - self._aside)

    @property
    def modes(self) -> dict[str, Mode]:
        return self._equipment.modes

    @property
    def permissions(self) -> Permissions:
        """What happens without asking; its `mode` may be changed at any time."""
        return self._equipment.approvals.permissions

    async def remember(self, text: str) -> Change:
        """Write it into the project's memory, dated; the model hears of it with the next prompt. BadInput when there is
        nothing to remember, or a secret."""
        made = await asyncio.to_thread(writing.remember, self.root, text)
        self._overheard.append(f"The user wrote into {made.path}: {' '.join(text.split())}")
        return made

    async def permit(self, mode: PermissionMode) -> str:
        """Another permission mode. `auto` where there is no sandbox asks first, and stays as it was on a no. What holds
        then, as `ask` or `auto (bubblewrap, no network)`."""
        permissions, before = self.permissions, self.permissions.mode
        permissions.mode, permissions.yolo = mode, False
        if why := await asyncio.to_thread(permissions.unconfined, self.root):
            permissions.mode = before
            if await self._goes_without(why):
                permissions.mode, permissions.goes_without = mode, True
        sandbox = permissions.sandbox(self.root)
        return f"{permissions.mode} ({sandbox.title})" if sandbox else permissions.mode

    async def _goes_without(self, why: str) -> bool:
        question = f"Commands would run without asking, and without a sandbox: {why} Do it all the same?"
        try:
            answer = await self._equipment.approvals.question(
                question, (WITHOUT, "No"), MAIN, self.task.tell, by="kcode"
            )
        except ToolError:  # nobody is there
            return False
        return answer == WITHOUT

    def rename(self, name: str) -> None:
        """What lists call the session."""
        self.task.tell(SessionNamed(task=MAIN, name=name))

    def cancel(self, task: str = MAIN) -> bool:
        """Stop all at once, or a subtask and those below it, of which the model that gave it then hears what there is.
        Whether there was something to stop; of all, `work` then raises CancelledError."""
        if task != MAIN:
            return self.tree.cancel(task)
        stopped = [task.cancel() for task in self._running]  # each of them, not up to the first
        return any(stopped)

    def nobody_answers(self) -> None:
        """Whoever answered questions has gone: what is open ends as where nobody was there."""
        self._equipment.approvals.nobody_answers()

    def answer(self, id: str, answer: str, words: str = "", hunks: tuple[int, ...] | None = None) -> bool:
        """The user's word on `ApprovalAsked` (once, always, like, no; of a diff, which hunks) or `QuestionAsked`.
        Whether it was still open."""
        return self._equipment.approvals.answer(id, answer, words, hunks)

    def switch(self, mode: str, model: str, effort: Effort | None = None) -> None:
        """Another mode, model or effort from the next request on; the mode keeps the model in this session."""
        self.task.switch(mode, model, effort)

    def pick(self, mode: str, model: str, effort: Effort | None = None) -> None:
        """The model of a mode, for this session and from the next request on, whoever works in the mode."""
        self._mode_named(mode)
        self._equipment.models.pick(mode, model, effort)
        self.task.tell(ModelPicked(task=MAIN, mode=mode, model=model, effort=effort))

    async def close(self) -> None:
        """End what still runs in the background."""
        await self.tree.close()

    async def _run(self, work: Coroutine[Any, Any, T], is_work: bool = True) -> T:
        """To its end, or until `cancel`."""
        task = asyncio.ensure_future(work)
        self._running.add(task)
        if not is_work:
            self._aside.add(task)
        try:
            return await task
        finally:
            self._running.discard(task)
            self._aside.discard(task)

    # What it is made of

    def _company(self, task: Task) -> Company:
        return Company(task, self.tree, self._equipment.models)

    def _mode_named(self, name: str) -> Mode:
        return mode_named(self._equipment.modes, name)

    async def _beside(self) -> str:
        """The state of things, as far as the model does not know it yet."""
        said = self.task.conversation
        state = await prompt.git_state(self.root)
        parts = [prompt.today(), state, prompt.open_todos(said.todos)]
        parts += [*self._overheard, *self.rewind.trail.untold()]
        self._overheard = []
        return "\n".join(part for part in parts if part)

    def _hear(self, event: Event) -> None:
        for listener in tuple(self._listeners):
            try:
                listener(event)
            except Exception as error:
                log.exception("a listener broke")
                self._listeners.remove(listener)
                self._hear(Noticed(task=event.task, text=_lost(listener, error)))


def _lost(listener: Listener, error: Exception) -> str:
    owner = getattr(listener, "__self__", None)
    what = type(owner).__name__ if owner is not None else "A listener"
    if what == "SessionLog":
        return f"The session is no longer saved: {error}. Make room, then go on with this session in a new kcode."
    return f"{what} stopped listening: {error!r}"

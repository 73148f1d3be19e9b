"""Going back: the files are kept around each call that may change some; the user takes back files, talk, or both."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from kcode.agent.task import Task
from kcode.errors import BadInput, ToolError
from kcode.events import MAIN, Checkpointed, Event, MessageAdded, Noticed, Restored, Rewound
from kcode.memory.checkpoints import Checkpoints, Plan, Turn
from kcode.messages import Prompt
from kcode.tools.tool import Tool, Workspace

WRITES = {"edit", "command", "outside"}
"""Groups whose calls may change files. What is delegated keeps them by itself, call by call."""
NAMED = 20
"""Files that the model is told were taken back; of more it hears the number."""


@asynccontextmanager
async def kept(task: Task, tool: Tool) -> AsyncIterator[None]:
    """A call that may change files of the session's folder has a checkpoint before it."""
    if tool.group in WRITES and task.workspace.root == task.checkpoints.place.root:
        async with around(task, _named(tool, task.workspace)):
            yield
    else:
        yield


@asynccontextmanager
async def around(task: Task, paths: Sequence[Path] | None = None) -> AsyncIterator[None]:
    """What may change these files, or any, has a checkpoint before it. That there can be none stops no work: the user
    hears of it, once."""
    async with task.checkpoints.around(task.id, paths) as id:
        if id is not None:
            count = len(task.conversation.messages)
            task.tell(Checkpointed(task=task.id, checkpoint=id, messages=count))
        yield
    if trouble := task.checkpoints.trouble():
        task.tell(Noticed(task=task.id, text=trouble))


def _named(tool: Tool, workspace: Workspace) -> Sequence[Path] | None:
    """The file that an edit tool names; None: it may be any."""
    if tool.group != "edit":
        return None
    try:
        return [workspace.path(tool.target())]
    except (ToolError, NotImplementedError):
        return None


@dataclass(slots=True)
class Trail:
    """After which of the user's prompts files were kept, and what the model does not know yet: a fold over events."""

    _prompts: int = 0
    """Those that stand, also where a summary has taken their place."""
    _checkpoints: list[tuple[int, int]] = field(default_factory=list)
    """How many prompts there were, and the id."""
    _untold: list[Restored] = field(default_factory=list)

    def hear(self, event: Event) -> None:
        """A listener to all tasks."""
        match event:
            case MessageAdded(message=Prompt(by="user")) if event.task == MAIN:
                self._prompts += 1
                self._untold.clear()
            case Rewound():
                self._prompts -= event.prompts
                self._checkpoints = [(min(count, self._prompts), id) for count, id in self._checkpoints]
                self._untold.clear()
            case Checkpointed():
                self._checkpoints.append((self._prompts, event.checkpoint))
            case Restored():
                self._untold.append(event)
            case _:
                pass

    def checkpoint_since(self, back: int) -> int | None:
        """The first that was taken after the newest prompt but `back` had been said."""
        number = self._prompts - back
        return min((id for count, id in self._checkpoints if count >= number), default=None)

    def untold(self) -> list[str]:
        """What the model must hear with the next prompt: its memory of these files is wrong."""
        return [_words(restored) for restored in self._untold if restored.files]


@dataclass(frozen=True, slots=True)
class Said:
    """A prompt of the user's that can be gone back to."""

    message: int
    """Which message of the conversation, from 0."""
    text: str


@dataclass(slots=True)
class Rewind:
    """The verbs. All but `points` and `turns` raise BadInput while the model is at work; all but `points` KcodeError
    when the store of checkpoints cannot be used."""

    task: Task
    is_working: Callable[[], bool]
    trail: Trail = field(default_factory=Trail)

    @property
    def checkpoints(self) -> Checkpoints:
        return self.task.checkpoints

    def points(self) -> list[Said]:
        """The prompts that are in the conversation, the oldest first."""
        messages = enumerate(self.task.conversation.messages)
        return [Said(i, m.text) for i, m in messages if isinstance(m, Prompt) and m.by == "user"]

    async def turns(self) -> list[Turn]:
        """The prompts for which files were kept, also those that are out of the conversation."""
        return await self.checkpoints.turns()

    async def plan_undo(self, checkpoint: int | None = None) -> Plan | None:
        """What `undo` would do now: every file, and why some would be left alone. None: nothing is left to undo."""
        self._must_rest()
        return await self.checkpoints.plan_undo(checkpoint)

    async def undo(self, checkpoint: int | None = None, *, force: bool = False) -> Plan | None:
        """Files as they were before the last prompt that changed some, or before that checkpoint. What somebody else
        has changed since is left alone unless forced. What was done; None: there was nothing to undo."""
        return await self._carry_out(await self.plan_undo(checkpoint), force)

    async def plan_redo(self) -> Plan | None:
        """What `redo` would do now. None: nothing was undone, or work went on since."""
        self._must_rest()
        return await self.checkpoints.plan_redo()

    async def redo(self, *, force: bool = False) -> Plan | None:
        """Take back the last undo that was not taken back."""
        return await self._carry_out(await self.plan_redo(), force)

    async def plan_rewind(self, message: int) -> Plan | None:
        """What `rewind` to this message would do to files. None: nothing was changed since, or the files from then are
        not this session's (it is a fork) or no longer kept."""
        self._must_rest()
        checkpoint = self.trail.checkpoint_since(self._since(message) - 1)
        if checkpoint is None or not await self.checkpoints.has(checkpoint):
            return None
        return await self.checkpoints.plan_undo(checkpoint)

    async def rewind(
        self, message: int, *, files: bool = True, talk: bool = True, force: bool = False
    ) -> tuple[str, Plan | None]:
        """Back to where the user said this message (its index, as `points` tells it): the files, the talk, or both. Its
        text, for the input; and what became of the files."""
        said, prompts = self._said(message), self._since(message)
        plan = await self.plan_rewind(message)
        done = await self._carry_out(plan, force) if files and plan and plan.files else None
        if talk:
            self.task.tell(Rewound(task=MAIN, kept=message, prompts=prompts, unsaid=said))
            # What the model has read is no longer in its conversation.
            self.task.workspace.told.clear()
            self.task.workspace.seen.clear()
        return said, done

    async def _carry_out(self, plan: Plan | None, force: bool) -> Plan | None:
        if plan is None:
            return None
        self._must_rest()
        done = await self.checkpoints.carry_out(plan, force)
        self.task.tell(done.told())
        return done

    def _said(self, message: int) -> str:
        found = next((said.text for said in self.points() if said.message == message), None)
        if found is None:
            raise BadInput("There is no prompt of yours to go back to at that place of the conversation.")
        return found

    def _since(self, message: int) -> int:
        """How many prompts there are from this one on."""
        self._said(message)
        return sum(said.message >= message for said in self.points())

    def _must_rest(self) -> None:
        if self.is_working():
            raise BadInput("The model is at work: wait for it, or stop it, then go back.")


def _words(event: Restored) -> str:
    named = event.files[:NAMED]
    more = f" and {len(event.files) - NAMED} more" if len(event.files) > NAMED else ""
    verb = "took back your changes to" if event.kind == "undo" else "brought back your changes to"
    return f"The user {verb}: {', '.join(named)}{more}. Read them again before you rely on them."

"""A task: one conversation of one model in one mode. A subtask is a task with a parent."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from kcode.agent import nearby, prompt
from kcode.agent.approvals import DECLINED, Approvals
from kcode.agent.budgets import Budgets, held_to
from kcode.agent.guard.guard import Guard
from kcode.agent.nearby import Near
from kcode.events import (
    BudgetSet,
    Condensed,
    Effort,
    Event,
    Listener,
    MessageAdded,
    ModeChanged,
    ModelPicked,
    ResultsDropped,
    Rewound,
    TaskStarted,
    Uncondensed,
)
from kcode.keys import without_keys
from kcode.llm.client import Client
from kcode.llm.request import Request
from kcode.memory.checkpoints import Checkpoints
from kcode.messages import Message, Prompt, Reply, Todo, ToolResult
from kcode.modes.choice import Choice, Models
from kcode.modes.mode import Mode
from kcode.spend.limits import Limit
from kcode.spend.receipt import Receipt
from kcode.tools.memory import Memory
from kcode.tools.tool import Output, Tool, Toolbox, Workspace

CUT_OFF = "Your reply was cut off at the output limit. Go on, in smaller parts."
STOPPED = "Your reply was stopped there. Go on."


@dataclass(slots=True)
class Conversation:
    """What was said so far, as a fold over events: nothing else changes it, so a replay gives the same."""

    mode: str = ""
    model: str = ""
    effort: Effort | None = None
    picks: dict[str, Choice] = field(default_factory=dict)
    """What each mode that the task was in, or that a model was picked for, talks to."""
    parent: str | None = None
    project: str = ""
    budgets: Budgets = field(default_factory=Budgets)
    messages: list[Message] = field(default_factory=list)
    contexts: list[int] = field(default_factory=list)
    """Tokens of input of each request since the conversation was last made shorter."""
    replaced: list[tuple[list[Message], int]] = field(default_factory=list)
    """What was in the place of so many first messages, the newest last: it can be taken back."""
    todos: tuple[Todo, ...] = ()

    def add(self, event: Event) -> None:
        match event:
            case TaskStarted():
                self.mode, self.model, self.effort = event.mode, event.model, event.effort
                self.picks[event.mode] = Choice(event.model, event.effort)
                self.parent, self.project = event.parent, event.project
                self.todos = event.todos
                self.budgets.add(event)
            case ModeChanged():
                self.mode, self.model, self.effort = event.mode, event.model, event.effort
                self.picks[event.mode] = Choice(event.model, event.effort)
            case ModelPicked():
                self.picks[event.mode] = Choice(event.model, event.effort)
            case BudgetSet():
                self.budgets.add(event)
            case MessageAdded():
                self.messages.append(event.message)
                if isinstance(event.message, Reply):
                    self.contexts.append(event.message.usage.input)
                if isinstance(event.message, ToolResult) and event.message.todos is not None:
                    self.todos = event.message.todos
            case Condensed():
                kept = self.messages[len(self.messages) - event.kept :]
                self._replace([Prompt(text=event.summary, by="kcode", mode=self.mode), *kept])
            case ResultsDropped():
                self._replace([_dropped(message, event.texts) for message in self.messages])
            case Uncondensed():
                if self.replaced:
                    before, count = self.replaced.pop()
                    self.messages = [*before, *self.messages[count:]]
                    self.contexts.clear()
            case Rewound():
                self._forget_after(event.kept)
            case _:
                pass

    def _replace(self, messages: list[Message]) -> None:
        self.replaced.append((self.messages, len(messages)))
        self.messages = messages
        self.contexts.clear()

    def _forget_after(self, count: int) -> None:
        self.messages = self.messages[:count]
        self.replaced = [(before, now) for before, now in self.replaced if now <= count]
        listed = [m.todos for m in self.messages if isinstance(m, ToolResult) and m.todos is not None]
        self.todos = [(), *listed][-1]

    @property
    def mode_told(self) -> str:
        """The mode whose text the model knows; "": it was told nothing yet."""
        told = (m.mode for m in reversed(self.messages) if isinstance(m, Prompt) and m.mode)
        return next(told, "")

    @property
    def budget(self) -> int | None:
        """Micro-dollars that the session may cost; None: no limit."""
        return self.budgets.session

    def unanswered(self) -> tuple[str, ...]:
        """Ids of calls without a result: a process that was killed leaves some."""
        reply, results = self._last_step()
        answered = {result.call_id for result in results}
        return tuple(call.id for call in reply.calls if call.id not in answered)

    @property
    def is_at_rest(self) -> bool:
        """Whether the model has said its last word: nothing is left to do without a new prompt. Of proposals for memory
        that it made beside its last words nothing more need be said."""
        if not self.messages or self.messages[-1].role == "user":
            return not self.messages
        reply, results = self._last_step()
        if not reply.calls:
            return reply.stop in ("end", "refused")
        only_proposes = all(call.name == Memory.name for call in reply.calls) and bool(reply.text.strip())
        return only_proposes and sum(one.ok or one.text == DECLINED for one in results) == len(reply.calls)

    def _last_step(self) -> tuple[Reply, list[ToolResult]]:
        """The newest reply, empty where there is none, and what has come of its calls, the newest first."""
        results: list[ToolResult] = []
        for message in reversed(self.messages):
            match message:
                case ToolResult():
                    results.append(message)
                case Reply():
                    return message, results
                case Prompt():
                    pass
        return Reply(), []


def _dropped(message: Message, texts: Mapping[str, str]) -> Message:
    if isinstance(message, ToolResult) and message.call_id in texts:
        return message.model_copy(update={"text": texts[message.call_id], "images": ()})
    return message


@dataclass(slots=True)
class Task:
    """A conversation and all it works with."""

    id: str
    session: str
    conversation: Conversation
    client: Client
    tools: Toolbox
    workspace: Workspace
    approvals: Approvals
    models: Models
    mode_named: Callable[[str], Mode]
    mode_text: Callable[[Mode], str]
    """What the model is told of a mode."""
    system: str
    hear: Listener
    turns: int | None
    """Steps per prompt; None: no limit."""
    output_tokens: int
    checkpoints: Checkpoints
    unfinished: Callable[[str], str]
    """What the model hears of its call, by id, that was stopped."""
    near: Near
    parent: "Task | None" = None
    guard: Guard = field(init=False)
    receipt: Receipt = field(default_factory=Receipt)
    """What was done since the work began, by it and those below it."""
    pausing: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while the user is asked whether to go on: of several tasks one asks at a time."""
    stopped_by: Limit | None = None
    """The budget at which the user has stopped a subtask: the others need not ask."""
    inbox: deque[Prompt] = field(default_factory=deque)
    """What the user said and the model has not been told yet."""
    beside: Callable[[], Awaitable[str]] | None = None
    """What the model hears beside the user's words: the state of things, as far as it does not know it yet."""
    _untold: str = ""
    afterwards: deque[Event] = field(default_factory=deque)
    """What happens when the step is over: not between a call and its result."""

    def __post_init__(self) -> None:
        self.guard = Guard(self.id)

    def tell(self, event: Event) -> None:
        """The one way in which anything happens: the conversation takes it, then everybody hears it."""
        self.conversation.add(event)
        self.guard(event)
        for task in self.upwards():
            task.receipt(event)
        self.hear(event)

    @property
    def guards(self) -> bool:
        """Whether what goes in circles is stopped."""
        return self.models.settings.limits.guard

    @property
    def mode(self) -> Mode:
        return self.mode_named(self.conversation.mode)

    def switch(self, mode: str, model: str, effort: Effort | None = None) -> None:
        """Another mode, model or effort from the next request on; the mode keeps the model in this session."""
        self.mode_named(mode)
        self.models.pick(mode, model, effort)
        self._change(mode, model, effort)

    def _change(self, mode: str, model: str, effort: Effort | None) -> None:
        said = self.conversation
        if (mode, model, effort) != (said.mode, said.model, said.effort):
            self.tell(ModeChanged(task=self.id, mode=mode, model=model, effort=effort))

    async def hear_the_user(self) -> None:
        """What was said meanwhile, and what else has to wait for the end of a step; which model speaks next."""
        if self.beside and any(said.by == "user" for said in self.inbox):
            self._untold += await self.beside()
        while self.afterwards:
            self.tell(self.afterwards.popleft())
        choice = self.models.for_mode(self.conversation.mode)
        self._change(self.conversation.mode, choice.model, choice.effort)
        while self.inbox:
            self._add(self.inbox.popleft())
        said = self.conversation
        if isinstance(
            said.messages[-1], Reply
        ):  # the last word cannot be the model's own: some refuse to go on with it
            self._add(Prompt(text=CUT_OFF if said.messages[-1].stop == "length" else STOPPED, by="kcode"))
        elif said.mode_told != said.mode:
            self._add(Prompt(text="", by="kcode"))

    def _add(self, said: Prompt) -> None:
        """With the place and the mode, as far as the model was not told of them."""
        before = self.conversation.mode_told
        place = () if before else (prompt.place(self.workspace.root),)
        mode = () if before == self.mode.name else (self.mode_text(self.mode),)
        notes = "\n".join(note for note in (*place, said.notes, self._untold, *mode) if note)
        self._untold = ""
        message = said.model_copy(update={"notes": notes, "mode": self.mode.name if mode else ""})
        self.tell(MessageAdded(task=self.id, message=message))

    def standing(self, mode: Mode | None = None) -> str:
        """What the prompts said that holds when they are gone, in this mode or the present one."""
        rules = nearby.standing(self.conversation.messages)
        parts = (prompt.place(self.workspace.root), self.mode_text(mode or self.mode), rules)
        return "\n".join(part for part in parts if part)

    async def run_tool(self, tool: Tool, call_id: str, is_approved: bool) -> Output:
        """Run it; with what is to be said of where it has been. ToolError when it cannot be done."""
        output = await tool.run(replace(self.workspace, is_approved=is_approved), call_id)
        output = output.model_copy(update={"text": without_keys(output.text)})
        return await nearby.with_notes(output, tool, self.workspace, self.near, self.conversation.messages)

    def upwards(self) -> "list[Task]":
        """The task and those above it, the user's last."""
        return [self, *(self.parent.upwards() if self.parent else ())]

    def limits(self) -> tuple[Limit, ...]:
        """The budgets that its next request must fit into."""
        chain = [(task.id, task.conversation.budgets) for task in self.upwards()]
        return held_to(chain, self.client.settings.budget, date.today())

    def request(self) -> Request:
        """The next request: the same system prompt and tools for every mode, so that the provider's cache holds."""
        said = self.conversation
        return Request(
            session=self.session,
            root=str(self.workspace.root),
            task=self.id,
            parent_task=said.parent,
            mode=said.mode,
            model=said.model,
            effort=said.effort,
            system=self.system,
            project=said.project,
            tools=self.tools.schemas(),
            messages=tuple(said.messages),
            max_tokens=self.output_tokens,
            limits=self.limits(),
            purse=self.upwards()[-1].conversation.budgets.purse,
        )

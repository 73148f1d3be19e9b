"""What happens: the closed union `Event`, told by the loop to every listener.

Events that are `passing` are shown and never stored; all others are the session, and the conversation is a fold
over them, so going on from a session file is replaying it. Records carry no time: the session file's lines do.
"""

from collections.abc import Callable
from typing import Annotated, ClassVar, Literal

from pydantic import Field, TypeAdapter

from kcode.messages import Message, Record, Todo, Usage

Effort = Literal["low", "medium", "high", "max"]
Purpose = Literal["chat", "title", "enhance", "condense", "keepalive", "memory"]
Outcome = Literal["done", "cancelled", "over_budget", "turn_limit", "time_limit", "needs_approval", "failed"]
SpendState = Literal["settled", "estimated", "failed"]


MAIN = "main"
"""Id of the task that the user talks to. Its subtasks are `1`, `2`, ..., those of `1` are `1.1`, `1.2`, ..."""
USER = "user"
"""In place of a task's id, for what the user does without a model."""


class Spend(Record):
    """What one request attempt cost."""

    usage: Usage = Usage()
    micro_dollars: int | None
    """None: the price is unknown. Never 0 for want of a price."""
    state: SpendState = "settled"
    """`estimated`: cut or cancelled, counted from what was heard. `failed`: refused, and nothing was billed."""


class BaseEvent(Record):
    passing: ClassVar[bool] = False
    task: str
    """Id of the task it happened in."""


class SessionStarted(BaseEvent):
    type: Literal["session_started"] = "session_started"
    session: str
    root: str
    version: str


class SessionNamed(BaseEvent):
    """What lists call the session from now on, instead of its first prompt."""

    type: Literal["session_named"] = "session_named"
    name: str


class TaskStarted(BaseEvent):
    type: Literal["task_started"] = "task_started"
    parent: str | None
    mode: str
    model: str
    effort: Effort | None = None
    project: str
    """The project block (rules), as it is sent with every request of the task: taken once."""
    title: str = ""
    """What the task is about, in a few words; "" for the user's own."""
    call_id: str = ""
    """The parent's call that began it."""
    folder: str = ""
    """The worktree of its own that it works in; "": the session's folder."""
    todos: tuple[Todo, ...] = ()
    """What it was given to do."""
    budget: int | None = None
    """Micro-dollars that the task and its subtasks may cost; None: no limit of its own."""


class TaskEnded(BaseEvent):
    """The task stopped working: it may go on with the next prompt."""

    type: Literal["task_ended"] = "task_ended"
    outcome: Outcome
    text: str
    """The last words of the model when `done`, else what happened and what to do."""


class MessageAdded(BaseEvent):
    type: Literal["message_added"] = "message_added"
    message: Message


class ModeChanged(BaseEvent):
    """Another mode, model or effort from the next request on."""

    type: Literal["mode_changed"] = "mode_changed"
    mode: str
    model: str
    effort: Effort | None = None


class BudgetSet(BaseEvent):
    """The session may spend so much in all; it holds when the session is gone on with."""

    type: Literal["budget_set"] = "budget_set"
    micro_dollars: int | None
    """None: no limit."""


class Condensed(BaseEvent):
    """The messages before `kept` were replaced by a summary."""

    type: Literal["condensed"] = "condensed"
    summary: str
    kept: int
    """How many of the newest messages stay as they are."""
    before: int
    after: int
    """Estimated tokens of the conversation."""


class ToolStarted(BaseEvent):
    type: Literal["tool_started"] = "tool_started"
    call_id: str
    name: str
    title: str


class ApprovalAsked(BaseEvent):
    type: Literal["approval_asked"] = "approval_asked"
    id: str
    call_id: str
    name: str
    title: str
    preview: str
    """Exactly what will happen: the command, or the diff."""
    reason: str
    """Which rule or mode wants it asked."""
    always: str = ""
    """What the answer `always` allows from then on, in this session."""


class QuestionAsked(BaseEvent):
    type: Literal["question_asked"] = "question_asked"
    id: str
    text: str
    choices: tuple[str, ...] = ()
    by: Literal["model", "kcode"] = "model"
    """Whose question it is."""


class Answered(BaseEvent):
    """The user's word on an approval (`once`, `always`, `no`) or a question (free text)."""

    type: Literal["answered"] = "answered"
    id: str
    answer: str
    words: str = ""


class Spent(BaseEvent):
    """One request attempt was settled in the ledger."""

    type: Literal["spent"] = "spent"
    request: str
    """Id of the ledger's row."""
    purpose: Purpose
    mode: str
    model: str
    spend: Spend


class Retrying(BaseEvent):
    """The attempt failed and another follows. What was heard of the failed one is void: forget it."""

    type: Literal["retrying"] = "retrying"
    attempt: int
    """Number of the attempt that failed, from 1."""
    wait: float
    """Seconds."""
    model: str
    """Model of the next attempt; another one than before when a fallback takes over."""
    reason: str


class Noticed(BaseEvent):
    """Something that the user should know and that stops nothing."""

    type: Literal["noticed"] = "noticed"
    text: str


class TextArrived(BaseEvent):
    passing = True
    type: Literal["text_arrived"] = "text_arrived"
    text: str


class ThinkingArrived(BaseEvent):
    passing = True
    type: Literal["thinking_arrived"] = "thinking_arrived"
    text: str


class CallArrived(BaseEvent):
    """A piece of a call's arguments, while the model writes it."""

    passing = True
    type: Literal["call_arrived"] = "call_arrived"
    index: int
    name: str
    text: str


class OutputArrived(BaseEvent):
    """Output of a running call."""

    passing = True
    type: Literal["output_arrived"] = "output_arrived"
    call_id: str
    text: str


Event = Annotated[
    SessionStarted
    | SessionNamed
    | TaskStarted
    | TaskEnded
    | MessageAdded
    | ModeChanged
    | BudgetSet
    | Condensed
    | ToolStarted
    | ApprovalAsked
    | QuestionAsked
    | Answered
    | Spent
    | Retrying
    | Noticed
    | TextArrived
    | ThinkingArrived
    | CallArrived
    | OutputArrived,
    Field(discriminator="type"),
]

Listener = Callable[[Event], None]
"""Synchronous and quick: it must not block, and it must not raise."""

any_event: TypeAdapter[Event] = TypeAdapter(Event)
"""Reads an event back: `any_event.validate_json(line)`."""

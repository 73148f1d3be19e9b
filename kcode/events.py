"""What happens: the closed union `Event`, told by the loop to every listener.

Events that are `passing` are shown and never stored; all others are the session, and the conversation is a fold
over them, so going on from a session file is replaying it. Records carry no time: the session file's lines do.
"""

from collections.abc import Callable
from typing import Annotated, ClassVar, Literal

from pydantic import Field, TypeAdapter

from kcode.errors import Scope
from kcode.messages import Message, Record, Todo, Usage

Effort = Literal["low", "medium", "high", "max"]
Purpose = Literal["chat", "title", "enhance", "condense", "keepalive", "memory"]
Outcome = Literal[
    "done", "cancelled", "over_budget", "turn_limit", "runaway", "time_limit", "needs_approval", "failed"
]
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
    stopped: int = 0
    """Processes of its commands that were ended when it was cancelled."""


class MessageAdded(BaseEvent):
    type: Literal["message_added"] = "message_added"
    message: Message


class ModeChanged(BaseEvent):
    """Another mode, model or effort from the next request on."""

    type: Literal["mode_changed"] = "mode_changed"
    mode: str
    model: str
    effort: Effort | None = None


class ModelPicked(BaseEvent):
    """The model of a mode that nobody need be in, for whoever works in it from the next request on."""

    type: Literal["model_picked"] = "model_picked"
    mode: str
    model: str
    effort: Effort | None = None


class BudgetSet(BaseEvent):
    """So much may be spent in a scope from now on, whatever the settings say; it holds when the session is gone on
    with. Of a `task` it is what it and those below it may spend."""

    type: Literal["budget_set"] = "budget_set"
    micro_dollars: int | None
    """None: no limit."""
    scope: Scope = "session"
    term: str = ""
    """The day (2026-11-20) or month (2026-11) that it holds for; "": for good."""
    purse: str = ""
    """Of a `session`: the session whose budget it shares; "": its own."""
    used: int = 0
    """Micro-dollars of it that others of the purse had spent by then."""


class Condensed(BaseEvent):
    """The messages before `kept` were replaced by a summary."""

    type: Literal["condensed"] = "condensed"
    summary: str
    kept: int
    """How many of the newest messages stay as they are."""
    before: int
    after: int
    """Estimated tokens of the conversation."""


class ResultsDropped(BaseEvent):
    """Old results were replaced by where to find them: what stands in the context pays rent with every step."""

    type: Literal["results_dropped"] = "results_dropped"
    texts: dict[str, str]
    """Call id -> what stands in the result's place."""
    before: int
    after: int
    """Estimated tokens of the conversation."""


class Uncondensed(BaseEvent):
    """The newest `Condensed` or `ResultsDropped` was taken back: what it had replaced is sent again."""

    type: Literal["uncondensed"] = "uncondensed"


class ToolStarted(BaseEvent):
    type: Literal["tool_started"] = "tool_started"
    call_id: str
    name: str
    title: str


class CommandPart(Record):
    """A part that was seen in a command, and what the permissions think of it."""

    text: str
    verdict: Literal["allow", "ask", "deny"]
    reason: str


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
    like: str = ""
    """The rule by which the answer `like` allows others, too, from then on, in this session; "": it is no answer."""
    parts: tuple[CommandPart, ...] = ()
    """Of a command."""
    hunks: int = 0
    """How many parts the diff of the preview has that may be accepted one by one; 0: all or nothing."""


class QuestionAsked(BaseEvent):
    type: Literal["question_asked"] = "question_asked"
    id: str
    text: str
    choices: tuple[str, ...] = ()
    by: Literal["model", "kcode"] = "model"
    """Whose question it is."""


class Answered(BaseEvent):
    """The user's word on an approval (`once`, `always`, `like`, `no`) or a question (free text)."""

    type: Literal["answered"] = "answered"
    id: str
    answer: str
    words: str = ""
    hunks: tuple[int, ...] | None = None
    """Those of the preview's diff, from 0, that are accepted; None: all."""


class Left(Record):
    """Of a budget, after a request. Micro-dollars."""

    scope: Scope
    budget: int
    left: int


class Spent(BaseEvent):
    """One request attempt was settled in the ledger."""

    type: Literal["spent"] = "spent"
    request: str
    """Id of the ledger's row."""
    purpose: Purpose
    mode: str
    model: str
    spend: Spend
    tightest: Left | None = None
    """The budget of which the least is left, of all that the request fell under."""


class CacheMissed(BaseEvent):
    """The provider read anew what it should have had in its cache. Told when it cost something worth saying."""

    type: Literal["cache_missed"] = "cache_missed"
    request: str
    """Id of the ledger's row."""
    cause: str
    """In a word: expired, model, tools, ..."""
    tokens: int
    micro_dollars: int | None
    """What they cost more than from the cache; None: the price is unknown."""
    text: str
    """For the user, in a sentence."""


class CacheKept(BaseEvent):
    """Pings kept the provider's cache alive while something was waited for."""

    type: Literal["cache_kept"] = "cache_kept"
    pings: int
    micro_dollars: int
    """What they cost."""
    saved: int
    """Micro-dollars that the next request would have cost more; 0: they were in vain."""
    text: str


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
    purpose: Purpose = "chat"
    """What the request is for: one that writes a summary is not the conversation's."""
    key: str = ""
    """Which key the next attempt is made with, where there are several; never the key itself."""
    at_most: int | None = None
    """Micro-dollars that the next attempt may cost; None: unknown."""


class Checkpointed(BaseEvent):
    """The files were kept as they are, before a call that may change some."""

    type: Literal["checkpointed"] = "checkpointed"
    checkpoint: int
    """Its id among the checkpoints of the workspace."""
    messages: int
    """How many the task's conversation had by then."""


class Restored(BaseEvent):
    """Files became again what they were before a checkpoint, or an undo of that was taken back."""

    type: Literal["restored"] = "restored"
    kind: Literal["undo", "redo"]
    checkpoint: int
    title: str
    """The prompt whose work it was about."""
    files: tuple[str, ...]
    left: tuple[str, ...] = ()
    """Those that were left alone, since somebody else has changed them."""


class Rewound(BaseEvent):
    """The user's task goes on from an earlier message, as if nothing after it had been said."""

    type: Literal["rewound"] = "rewound"
    kept: int
    """How many messages stay, counted from the first."""
    prompts: int
    """How many of the user's prompts were forgotten."""
    unsaid: str
    """The first prompt that was forgotten."""


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
    | ModelPicked
    | BudgetSet
    | Condensed
    | ResultsDropped
    | Uncondensed
    | ToolStarted
    | ApprovalAsked
    | QuestionAsked
    | Answered
    | Spent
    | CacheMissed
    | CacheKept
    | Retrying
    | Checkpointed
    | Restored
    | Rewound
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

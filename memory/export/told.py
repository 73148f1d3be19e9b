"""A session for people: a fold over its events, with the calls where they were made and subtasks below the calls that
began them. Every text is made safe here, once: without keys, and without what cannot be seen.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from kcode.events import (
    MAIN,
    USER,
    Answered,
    ApprovalAsked,
    CacheMissed,
    Condensed,
    Event,
    MessageAdded,
    ModeChanged,
    Noticed,
    QuestionAsked,
    Restored,
    ResultsDropped,
    Rewound,
    SessionNamed,
    SessionStarted,
    TaskEnded,
    TaskStarted,
    ToolStarted,
)
from kcode.keys import known_values, redact
from kcode.memory.log import Entry
from kcode.messages import Change, Prompt, Reply, ToolCall, ToolResult
from kcode.spend.receipt import Receipt
from kcode.visible import visible

TITLE = 80
"""Characters of one that is made of a call's arguments."""


@dataclass(slots=True)
class Said:
    """By the user, or by kcode in the user's place."""

    text: str
    at: float
    by_user: bool = True
    images: int = 0


@dataclass(slots=True)
class Words:
    """Of the model, in Markdown."""

    text: str


@dataclass(slots=True)
class Notice:
    text: str


@dataclass(slots=True)
class Section:
    """A task."""

    id: str
    title: str = ""
    mode: str = ""
    model: str = ""
    parts: "list[Part]" = field(default_factory=list)


@dataclass(slots=True)
class Call:
    name: str
    title: str
    arguments: str
    result: str | None = None
    """None: it was never answered."""
    ok: bool = True
    changes: list[Change] = field(default_factory=list)
    task: Section | None = None
    """The subtask that it began."""


Part = Said | Words | Notice | Call


@dataclass(slots=True)
class Told:
    id: str = ""
    name: str = ""
    root: str = ""
    began: float = 0.0
    main: Section = field(default_factory=lambda: Section(MAIN))
    receipt: Receipt = field(default_factory=lambda: Receipt(took=0.0))
    _secrets: set[str] = field(default_factory=known_values)
    _sections: dict[str, Section] = field(default_factory=dict)
    _calls: dict[tuple[str, str], Call] = field(default_factory=dict)
    _asked: dict[str, str] = field(default_factory=dict)
    """Question -> its text."""

    @property
    def title(self) -> str:
        """Its name, else the first words of the user, in one line."""
        said = (part.text for part in self.main.parts if isinstance(part, Said) and part.by_user)
        return " ".join((self.name or next(said, "") or "A session").split())[:TITLE]

    def add(self, entry: Entry) -> None:
        event, section = entry.event, self._section(entry.event.task)
        self.receipt(event)
        match event:
            case SessionStarted():
                self.id, self.root, self.began = event.session, self._safe(event.root), entry.at
            case SessionNamed():
                self.name = self._safe(event.name)
            case TaskStarted():
                self._begin(event)
            case MessageAdded(message=Prompt() as prompt) if prompt.text.strip():
                said = Said(self._safe(prompt.text), entry.at, prompt.by == "user", len(prompt.images))
                section.parts.append(said)
            case MessageAdded(message=Reply() as reply):
                section.parts += [Words(self._safe(reply.text))] * bool(reply.text.strip())
                for call in reply.calls:
                    self._call(event.task, call)
            case ToolStarted():
                self._started(event)
            case MessageAdded(message=ToolResult() as result):
                self._answer(event.task, result)
            case Answered():
                if event.id in self._asked:
                    words = f"{self._asked.pop(event.id)}\n→ {event.answer} {event.words}"
                    section.parts.append(Notice(self._safe(words.rstrip())))
            case QuestionAsked():
                self._asked[event.id] = event.text
            case _:
                if text := _notice(event):
                    section.parts.append(Notice(self._safe(text)))

    def _section(self, task: str) -> Section:
        return self.main if task in (MAIN, USER) else self._sections.setdefault(task, Section(task))

    def _begin(self, event: TaskStarted) -> None:
        title = self._safe(event.title)
        if event.task == MAIN:
            self.main.mode, self.main.model = self._safe(event.mode), self._safe(event.model)
            return
        section = Section(event.task, title, self._safe(event.mode), self._safe(event.model))
        self._sections[event.task] = section
        call = self._calls.get((event.parent or MAIN, event.call_id))
        if call:
            call.task = section
        else:
            self.main.parts.append(Call("delegate", title, "", "", task=section))

    def _call(self, task: str, made: ToolCall) -> None:
        arguments = self._safe(made.arguments)
        title = " ".join(f"{made.name} {arguments}".split())
        call = Call(self._safe(made.name), title if len(title) <= TITLE else f"{title[:TITLE]}…", arguments)
        self._calls[task, made.id] = call
        self._section(task).parts.append(call)

    def _started(self, event: ToolStarted) -> None:
        if event.task == USER:
            self._call(USER, ToolCall(id=event.call_id, name=event.name, arguments=""))
        if call := self._calls.get((event.task, event.call_id)):
            call.title = self._safe(event.title)

    def _answer(self, task: str, result: ToolResult) -> None:
        if call := self._calls.get((task, result.call_id)):
            call.result, call.ok = self._safe(result.text), result.ok
            call.changes = [self._change(change) for change in result.changes if change.diff]

    def _change(self, change: Change) -> Change:
        return change.model_copy(update={"path": self._safe(change.path), "diff": self._safe(change.diff)})

    def _safe(self, text: str) -> str:
        return visible(redact(text, self._secrets))


def told(entries: Iterable[Entry], id: str = "") -> Told:
    """`id`: the session's, where a copy has another one than its first line says."""
    found, at = Told(), 0.0
    for entry in entries:
        found.add(entry)
        at = entry.at
    found.id = id or found.id
    found.receipt.took = max(at - found.began, 0.0) if found.began else 0.0
    return found


def when(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))


def _notice(event: Event) -> str:
    match event:
        case ModeChanged():
            return f"{event.mode} · {event.model}"
        case TaskEnded() if event.outcome != "done":
            return f"{event.outcome}: {event.text}"
        case Condensed():
            return f"The conversation was condensed: {event.before:,} → {event.after:,} tokens"
        case ResultsDropped():
            return f"Old results were dropped: {event.before:,} → {event.after:,} tokens"
        case Rewound():
            return f"The user went back: what follows {event.unsaid!r} was forgotten"
        case Restored():
            return f"{event.kind}: {len(event.files)} files are as before: {event.title}"
        case ApprovalAsked():
            return ""
        case Noticed() | CacheMissed():
            return event.text
        case _:
            return ""

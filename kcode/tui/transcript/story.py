"""What is shown of a session: its blocks, as a fold over events.

The same blocks follow from the events as they happen and from those that were stored: what passing events add is gone,
or confirmed, as soon as the message is there that they were pieces of. Texts are as they came; whoever shows them makes
them safe.
"""

from collections.abc import Sequence
from itertools import count
from typing import Any, assert_never

from kcode.events import (
    Answered,
    ApprovalAsked,
    BudgetSet,
    CacheKept,
    CacheMissed,
    CallArrived,
    Checkpointed,
    Condensed,
    Event,
    MessageAdded,
    ModeChanged,
    ModelPicked,
    Noticed,
    OutputArrived,
    QuestionAsked,
    Restored,
    ResultsDropped,
    Retrying,
    Rewound,
    SessionNamed,
    SessionStarted,
    Spent,
    TaskEnded,
    TaskStarted,
    TextArrived,
    ThinkingArrived,
    ToolStarted,
    Uncondensed,
)
from kcode.messages import Message, Prompt, Reply, ToolResult
from kcode.spend.money import dollars, tokens
from kcode.spend.total import Total
from kcode.tui.text.tail import grown
from kcode.tui.transcript.block import Asked, Block, Call, Notice, Said, State, Subtask, Tone
from kcode.tui.transcript.telling import Place, Telling

STOPPED = "Not finished: the work was stopped"
"""How the result of a call begins that was cut short; see NOT_FINISHED in the loop."""


class Story:
    """All that was told, task by task; what belongs to no subtask is the main task's."""

    def __init__(self) -> None:
        self.main = Telling()
        self._subtasks: dict[str, Telling] = {}
        self._parents: dict[str, Place] = {}
        """Subtask -> where its block is."""
        self._keys = count()
        self._calls: dict[tuple[str, str], Place] = {}
        """Task and id of calls that have no result yet."""
        self._asked: dict[str, Place] = {}
        self._at_work: dict[str, tuple[str, str]] = {}
        """Task -> the mode and the model that hear what is said."""

    def blocks(self, task: str | None = None) -> Sequence[Block]:
        """Of the main task, or of a subtask; in order, and not to be changed."""
        return self._of(task or "").blocks

    def add(self, event: Event, at: float | None = None) -> None:
        """`at`: when it happened, in seconds since the epoch."""
        telling = self._of(event.task)
        if isinstance(event, TaskStarted | ModeChanged):
            self._at_work[event.task] = event.mode, event.model
        match event:
            case TextArrived() | ThinkingArrived() | CallArrived():
                telling.hear(event, self._keys)
                if event.task in self._parents and isinstance(event, TextArrived):
                    self._subtask(event.task, doing=telling.last_line())
            case OutputArrived():
                self._output(event)
            case MessageAdded():
                self._message(telling, event.task, event.message, at)
            case TaskStarted():
                self._begin(event, at)
            case TaskEnded():
                self._end(telling, event, at)
            case ToolStarted():
                self._start(telling, event, at)
            case ApprovalAsked():
                self._ask(event)
            case QuestionAsked():
                asked = Asked(key=next(self._keys), text=event.text, choices=event.choices)
                self._asked[event.id] = telling.append(asked)
            case Answered():
                self._answer(event)
            case Retrying():
                if event.purpose == "chat":
                    telling.forget()
                self._retry(telling, event)
            case Spent():
                self._spend(event)
            case ModeChanged():
                self._switch(telling, event)
                self._subtask(event.task, mode=event.mode, model=event.model)
            case Condensed() | ResultsDropped() | Uncondensed() | BudgetSet() | Noticed():
                telling.append(_notice(event, next(self._keys)))
            case Rewound():
                telling.rewind(event.prompts)
                telling.append(_notice(event, next(self._keys)))
            case CacheMissed() | CacheKept() | Restored():
                telling.append(_notice(event, next(self._keys)))
            case SessionStarted() | SessionNamed() | ModelPicked() | Checkpointed():
                pass
            case _:
                assert_never(event)

    def _switch(self, telling: Telling, event: ModeChanged) -> None:
        notice = _notice(event, next(self._keys))
        last = telling.blocks[-1] if telling.blocks else None
        if isinstance(last, Notice) and last.is_switch:
            Place(telling, last.key).change(text=notice.text)
        else:
            telling.append(notice)

    def _of(self, task: str) -> Telling:
        return self._subtasks.get(task, self.main)

    # Messages and calls

    def _message(self, telling: Telling, task: str, message: Message, at: float | None) -> None:
        match message:
            case Prompt(by="kcode") if task not in self._subtasks:
                first, _, rest = message.text.partition("\n")
                telling.append(Notice(key=next(self._keys), text=f"kcode: {first}", details=rest))
            case Prompt():
                mode, model = self._at_work.get(task, ("", ""))
                images = len(message.images)
                said = Said(key=next(self._keys), text=message.text, images=images, mode=mode, model=model)
                telling.append(said)
                self._entitle(task, message.text)
            case Reply():
                for id, place in telling.settle(message, self._keys):
                    self._calls[task, id] = place
            case ToolResult():
                self._result(task, message, at)

    def _result(self, task: str, result: ToolResult, at: float | None) -> None:
        place = self._calls.pop((task, result.call_id), None)
        if place and isinstance(place.block, Subtask):
            place.change(result=result.text)
        elif place:
            place.change(
                state=_state(result),
                output="",
                result=result.text,
                changes=result.changes,
                todos=result.todos,
                images=len(result.images),
                ended=at,
            )

    def _start(self, telling: Telling, event: ToolStarted, at: float | None) -> None:
        if (event.task, event.call_id) not in self._calls:  # a command of the user's own
            call = Call(key=next(self._keys), name=event.name, title=event.title, state="waiting")
            self._calls[event.task, event.call_id] = telling.append(call)
        self._calls[event.task, event.call_id].change(title=event.title, state="running", began=at)
        self._subtask(event.task, doing=event.title)

    def _output(self, event: OutputArrived) -> None:
        place = self._calls.get((event.task, event.call_id))
        # A command of the user's own has a task of its own, but the workspace does not know it.
        place = place or next((p for (_, id), p in self._calls.items() if id == event.call_id), None)
        call = place and place.block
        if place and isinstance(call, Call):
            place.change(output=grown(call.output, event.text))

    # Questions

    def _ask(self, event: ApprovalAsked) -> None:
        place = self._calls.get((event.task, event.call_id))
        if place:
            place.change(title=event.title, state="asking")
            self._asked[event.id] = place

    def _answer(self, event: Answered) -> None:
        place = self._asked.pop(event.id, None)
        if place and isinstance(place.block, Call):
            place.change(state="waiting")
        elif place:
            place.change(answer=event.words or event.answer)

    # Tasks

    def _begin(self, event: TaskStarted, at: float | None) -> None:
        """A subtask stands where the call was that began it; one that goes on stands there again."""
        if event.parent is None:
            return
        self._subtasks.setdefault(event.task, Telling())
        subtask = Subtask(
            key=next(self._keys),
            task=event.task,
            mode=event.mode,
            model=event.model,
            title=event.title,
            began=at,
        )
        call = self._calls.get((event.parent, event.call_id))
        place = call.become(subtask) if call else None
        self._parents[event.task] = place or self._of(event.parent).append(subtask)
        if call and place:
            self._calls[event.parent, event.call_id] = place

    def _end(self, telling: Telling, event: TaskEnded, at: float | None) -> None:
        telling.forget()
        self._subtask(event.task, outcome=event.outcome, doing="", ended=at)
        if event.outcome != "done":
            tone: Tone = "warning" if event.outcome == "cancelled" else "error"
            telling.append(Notice(key=next(self._keys), text=event.text, tone=tone))

    def _entitle(self, task: str, text: str) -> None:
        """A subtask is known by its first prompt."""
        subtask = self._parents[task].block if task in self._parents else None
        if isinstance(subtask, Subtask):
            self._subtask(task, title=subtask.title or text.strip().split("\n")[0], outcome="")

    def _spend(self, event: Spent) -> None:
        subtask = self._parents[event.task].block if event.task in self._parents else None
        if isinstance(subtask, Subtask):
            self._subtask(event.task, total=subtask.total + Total.of(event.spend))

    def _subtask(self, task: str, **changes: Any) -> None:
        if task in self._parents:
            self._parents[task].change(**changes)

    def _retry(self, telling: Telling, event: Retrying) -> None:
        wait = f"again in {event.wait:.0f} s" if event.wait >= 1 else "again"
        most = f"up to {dollars(event.at_most)}" if event.at_most else ""
        who = ", ".join(part for part in (event.model, event.key, most) if part)
        text = f"{event.reason} — {wait} with {who} (attempt {event.attempt + 1})"
        last = telling.blocks[-1] if telling.blocks else None
        if isinstance(last, Notice) and last.is_retry:
            Place(telling, last.key).change(text=text)
        else:
            telling.append(Notice(key=next(self._keys), text=text, tone="warning", is_retry=True))


def _state(result: ToolResult) -> State:
    return "ok" if result.ok else "stopped" if result.text.startswith(STOPPED) else "failed"


Told = Condensed | ResultsDropped | Uncondensed | CacheMissed | CacheKept | ModeChanged | BudgetSet | Noticed


def _notice(event: Told | Restored | Rewound, key: int) -> Notice:
    match event:
        case Condensed():
            text = f"The conversation was condensed: {tokens(event.before)} → {tokens(event.after)} tokens"
            return Notice(key=key, text=text, details=event.summary)
        case ResultsDropped():
            text = f"Old results were dropped: {tokens(event.before)} → {tokens(event.after)} tokens"
            return Notice(key=key, text=text, details="\n".join(event.texts.values()))
        case Uncondensed():
            return Notice(key=key, text="The conversation is whole again")
        case CacheMissed() | CacheKept():
            return Notice(key=key, text=event.text)
        case ModeChanged():
            effort = f" · {event.effort}" if event.effort else ""
            return Notice(key=key, text=f"{event.mode} · {event.model}{effort}", is_switch=True)
        case BudgetSet():
            budget = "off" if event.micro_dollars is None else dollars(event.micro_dollars)
            whose = "" if event.scope == "session" else f" of the {event.scope}"
            return Notice(key=key, text=f"Budget{whose}: {budget}")
        case Noticed():
            return Notice(key=key, text=event.text)
        case Restored():
            return Notice(key=key, text=_restored(event))
        case Rewound():
            return Notice(key=key, text=f"Back before: {event.unsaid}")


def _restored(event: Restored) -> str:
    count = f"{len(event.files)} file{'s' * (len(event.files) != 1)}"
    left = f", {len(event.left)} left alone: changed by somebody else since" if event.left else ""
    return f"{'Undone' if event.kind == 'undo' else 'Done again'}: {event.title} ({count}{left})"

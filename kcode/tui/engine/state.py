"""What the screen knows of the session, as a fold over what the engine tells."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from kcode.events import (
    MAIN,
    USER,
    Answered,
    ApprovalAsked,
    CallArrived,
    Effort,
    Event,
    MessageAdded,
    QuestionAsked,
    Retrying,
    SessionNamed,
    TaskEnded,
    TextArrived,
    ThinkingArrived,
    ToolStarted,
)
from kcode.messages import Prompt, Reply, Todo, ToolResult
from kcode.settings import PermissionMode
from kcode.spend.meter import Meter
from kcode.spend.receipt import Receipt
from kcode.tui.engine.words import (
    Broke,
    Chosen,
    GivenBack,
    NotOpened,
    Opened,
    Permitted,
    Queued,
    Told,
    Working,
)
from kcode.tui.tasks.tasks import Tasks
from kcode.tui.text.safe import one_line


@dataclass(slots=True)
class State:
    clock: Callable[[], float] = time.monotonic
    meter: Meter = field(default_factory=Meter)
    opened: Opened | None = None
    chosen: Chosen | None = None
    permissions: PermissionMode = "ask"
    sandbox: str = ""
    name: str = ""
    """Of the session."""
    is_working: bool = False
    began: float = 0.0
    """When it began to work, or to rest."""
    is_stopping: bool = False
    queued: tuple[str, ...] = ()
    answer: str = ""
    """The last words of the model."""
    receipt: Receipt = field(default_factory=Receipt)
    """Of all that was done in the session."""
    asked: dict[str, ApprovalAsked | QuestionAsked] = field(default_factory=dict)
    """What waits for the user's word, by id, in order."""
    todos: tuple[Todo, ...] = ()
    """What the model has set itself to do, in the user's own task."""
    _doing: str = ""
    tasks: Tasks = field(default_factory=Tasks)
    """Those that were delegated."""
    _has_talked: bool = False

    def hear(self, told: Told) -> None:
        match told:
            case Opened():
                self._open(told)
            case Chosen():
                self.chosen = told
                if self.opened:
                    self.opened.models.pick(told.mode, told.model, told.effort)
                self.meter.price = told.facts.price if told.facts else None
                self.meter.window = told.facts.window if told.facts else None
            case Permitted():
                self.permissions, self.sandbox = told.mode, told.sandbox
            case Working():
                self.is_working, self.began = told.is_working, self.clock()
                self._doing = "Starting" if told.is_warming_up else ""
                self.is_stopping = False
            case Queued():
                self.queued = told.texts
            case GivenBack() | NotOpened() | Broke():
                pass
            case _:
                self.meter(told)
                self._event(told, time.time())

    @property
    def has_talked(self) -> bool:
        return self._has_talked

    @property
    def doing(self) -> str:
        """What goes on, for people; "" when nothing does."""
        if not self.is_working:
            return ""
        if self.is_stopping:
            return "Stopping"
        if self.asked:
            return "Waiting for your word"
        count = self.tasks.running
        at_work = f"{count} task{'s' * (count > 1)} at work" if count else ""
        return at_work or self._doing or "Working"

    def title_of(self, task: str) -> str:
        """What a subtask is about; "" for the main one."""
        if task in (MAIN, USER):
            return ""
        known = self.tasks.known.get(task)
        return f"task {task}: {known.title}" if known else f"task {task}"

    def choose(self, mode: str, model: str, effort: Effort | None) -> None:
        """What the user chose, ahead of the engine's word on it: keys may come fast."""
        self.chosen = Chosen(mode, model, effort, self.chosen.facts if self.chosen else None)

    def model_of(self, mode: str) -> str:
        """The model that a mode would talk to; "" before a session is open."""
        return self.opened.models.named(mode) if self.opened else ""

    def effort_of(self, mode: str) -> Effort | None:
        return self.opened.models.effort(mode) if self.opened else None

    def _open(self, opened: Opened) -> None:
        self.opened, self.meter = opened, Meter(clock=self.clock)
        self.is_working, self.queued, self.answer, self.name = False, (), "", ""
        self.asked, self.tasks, self._has_talked, self.receipt = {}, Tasks(), False, Receipt()
        self.todos = ()
        times = opened.times or [time.time()] * len(opened.past)
        for event, at in zip(opened.past, times, strict=True):
            self.meter.recall(event)
            self._event(event, at)
        self.asked.clear()
        self.tasks.leave()

    def _event(self, event: Event, at: float) -> None:
        self.receipt(event)
        self.tasks.hear(event, at)
        match event:
            case ApprovalAsked() | QuestionAsked():
                self.asked[event.id] = event
            case Answered():
                self.asked.pop(event.id, None)
            case TaskEnded():
                self.asked = {id: asked for id, asked in self.asked.items() if asked.task != event.task}
            case _ if event.task in (MAIN, USER):
                self._main(event)
            case _:
                pass

    def _main(self, event: Event) -> None:
        """Of the user's own task."""
        match event:
            case ToolStarted():
                self._doing = one_line(event.title)
            case ThinkingArrived():
                self._doing = "Thinking"
            case TextArrived():
                self._doing = "Writing"
            case CallArrived():
                self._doing = f"Writing a call of {one_line(event.name)}" if event.name else self._doing
            case Retrying():
                wait = f", again in {event.wait:.0f} s" if event.wait >= 1 else ""
                self._doing = f"{one_line(event.reason)}{wait}"
            case SessionNamed():
                self.name = event.name
            case MessageAdded(message=Prompt()):
                self._has_talked = True
            case MessageAdded(message=ToolResult(todos=tuple() as todos)):
                self.todos = todos
            case MessageAdded(message=Reply() as reply):
                self.answer = reply.text or self.answer
                self._doing = ""
            case _:
                pass

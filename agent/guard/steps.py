"""A task's steps as the guard sees them: a fold over its events."""

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2s

from kcode.events import Event, MessageAdded, Spent
from kcode.messages import Prompt, Reply, ToolCall, ToolResult

WAITED = 2.0
"""Seconds from which on a call has waited for something: that it says the same again is no circle."""
WAITS = re.compile(r"\b(sleep|wait|watch|until|tail -f|--wait|--watch)\b")
PASSING = re.compile(
    r"\b\d+(?:\.\d+)?\s*(?:ms|s|sec|secs|seconds?|m|min)\b|0x[0-9a-f]+|\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?|\d{4}-\d\d-\d\d",
    re.IGNORECASE,
)
"""What differs between two runs that came to the same: times, dates, addresses."""


EMPTY = re.compile(r"\[?(no|nothing|there is no|none)\b", re.IGNORECASE)


@dataclass(slots=True)
class Act:
    """One call and what came of it."""

    name: str
    arguments: dict[str, object]
    asked: str
    """Name and arguments, in one spelling."""
    began: float
    answer: str = ""
    """The result, without what always differs; "" while it is open."""
    kind: str = ""
    """The result, also without what the call itself names: the same for two paths that are not there."""
    is_ok: bool = True
    is_empty: bool = False
    """Whether it looked for something that is not there."""
    changed: bool = False
    waited: bool = False

    @property
    def path(self) -> str:
        return str(self.arguments.get("path", ""))

    @property
    def command(self) -> str:
        return str(self.arguments.get("command", ""))


@dataclass(slots=True)
class Step:
    text: str
    acts: tuple[Act, ...]
    micro_dollars: int = 0

    @property
    def changed(self) -> bool:
        return any(act.changed for act in self.acts)

    @property
    def mark(self) -> str:
        """The same for two steps that did the same and came to the same; changes need only be the same."""
        return _hash("\0".join(f"{act.asked}\0{'' if act.changed else act.answer}" for act in self.acts))


@dataclass(slots=True)
class Steps:
    """A listener of one task. Begun anew by each word of the user's."""

    task: str
    clock: Callable[[], float] = time.monotonic
    steps: list[Step] = field(default_factory=list)
    _open: dict[str, Act] = field(default_factory=dict)
    _money: int = 0
    """Spent on the step that is on its way."""

    def __call__(self, event: Event) -> None:
        if event.task != self.task:
            return
        match event:
            case Spent(purpose="chat"):
                self._money += event.spend.micro_dollars or 0
            case MessageAdded(message=Prompt(by="user")):
                self.forget()
            case MessageAdded(message=Reply() as reply):
                acts = {call.id: self._act(call) for call in reply.calls}
                self._open |= acts
                self.steps.append(Step(reply.text.strip(), tuple(acts.values()), self._money))
                self._money = 0
            case MessageAdded(message=ToolResult() as result):
                if act := self._open.pop(result.call_id, None):
                    self._answered(act, result)
            case _:
                pass

    def forget(self) -> None:
        """What was before is no sign any more."""
        self.steps.clear()
        self._open.clear()

    def _act(self, call: ToolCall) -> Act:
        try:
            arguments = json.loads(call.arguments or "{}")
        except (ValueError, RecursionError):
            arguments = {"?": call.arguments}
        if not isinstance(arguments, dict):
            arguments = {"?": arguments}
        asked = f"{call.name} {json.dumps(arguments, sort_keys=True, ensure_ascii=False)}"
        return Act(call.name, arguments, asked, self.clock())

    def _answered(self, act: Act, result: ToolResult) -> None:
        text = PASSING.sub("#", result.text)
        act.answer = _hash(text)
        act.kind = act.answer if act.name == "shell" else _hash(_without(text, act.arguments)[:300])
        act.is_ok, act.is_empty = result.ok, not result.ok or bool(EMPTY.match(text))
        act.changed = any(change.added or change.removed for change in result.changes)
        act.waited = (
            self.clock() - act.began >= WAITED or bool(WAITS.search(act.command)) or act.name == "job"
        )


def _without(text: str, arguments: dict[str, object]) -> str:
    for value in sorted((v for v in arguments.values() if isinstance(v, str)), key=len, reverse=True):
        if value:
            text = text.replace(value, "…")
    return re.sub(r"Did you mean .*|\d+", "#", text)


def _hash(text: str) -> str:
    return blake2s(text.encode("utf-8", "replace"), digest_size=8).hexdigest()

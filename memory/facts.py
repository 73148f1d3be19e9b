"""What of a conversation must survive when it is condensed, as kcode itself knows it: no model has to remember it.

Pure."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from kcode.messages import Message, Prompt, Reply, Todo, ToolCall, ToolResult

T = TypeVar("T")

CHANGED, READ, FAILING, SAID = (
    "Files changed: ",
    "Files read: ",
    "Failing when last run:",
    "The user's answers:",
)
MOST_READ = 20
MOST_FAILING = 5
MOST_SAID = 8
END_OF_FAILURE = 300
"""Characters of what a command said at its end."""


@dataclass(slots=True)
class Facts:
    changed: dict[str, None] = field(default_factory=dict)
    """Files, in the order in which they were changed last; so are the others."""
    read: dict[str, None] = field(default_factory=dict)
    failing: dict[str, str] = field(default_factory=dict)
    """Command -> how it failed."""
    said: dict[str, str] = field(default_factory=dict)
    """Question -> answer."""

    def lines(self) -> Iterator[str]:
        if self.changed:
            yield CHANGED + ", ".join(sorted(self.changed))
        if self.read:
            yield READ + ", ".join(list(self.read)[-MOST_READ:])
        if self.failing:
            last = list(self.failing.items())[-MOST_FAILING:]
            yield "\n".join([FAILING, *(f"- `{command}`: {words}" for command, words in last)])
        if self.said:
            last = list(self.said.items())[-MOST_SAID:]
            yield "\n".join([SAID, *(f"- {question} → {answer}" for question, answer in last)])

    def add(self, call: ToolCall, result: ToolResult) -> None:
        for change in result.changes:
            _last(self.changed, change.path, None)
        arguments = _arguments(call)
        match call.name:
            case "read" if result.ok:
                _last(self.read, str(arguments.get("path", "")), None)
            case "shell" if not result.ok:
                _last(self.failing, _line(arguments.get("command")), _end(result.text))
            case "shell":
                self.failing.pop(_line(arguments.get("command")), None)
            case "ask" if result.ok:
                _last(self.said, _line(arguments.get("question")), _line(result.text))
            case _:
                pass


def facts_of(messages: Sequence[Message]) -> Facts:
    """Of all that was said, also of what a summary before told of."""
    facts = Facts()
    calls: dict[str, ToolCall] = {}
    for message in messages:
        match message:
            case Prompt():
                _recall(facts, message.text)
            case Reply():
                calls |= {call.id: call for call in message.calls}
            case ToolResult():
                facts.add(calls.get(message.call_id, ToolCall(id="", name="")), message)
    return facts


def open_todos(todos: Sequence[Todo]) -> Iterator[str]:
    if todos:
        yield f"Todos: {'; '.join(f'[{todo.state}] {todo.text}' for todo in todos)}"


def _recall(facts: Facts, text: str) -> None:
    """From the summary of an earlier condensing."""
    if not text.startswith("<summary>"):
        return
    into: dict[str, str] | None = None
    for line in text.splitlines():
        if line.startswith(CHANGED):
            facts.changed |= dict.fromkeys(line.removeprefix(CHANGED).split(", "))
        elif line.startswith(READ):
            facts.read |= dict.fromkeys(line.removeprefix(READ).split(", "))
        elif line in (FAILING, SAID):
            into = facts.failing if line == FAILING else facts.said
        elif into is not None and line.startswith("- "):
            name, _, words = line[2:].partition(": " if into is facts.failing else " → ")
            into[name.strip("`")] = words
        else:
            into = None


def _last(of: dict[str, T], key: str, value: T) -> None:
    of.pop(key, None)
    of[key] = value


def _arguments(call: ToolCall) -> dict[str, object]:
    try:
        found = json.loads(call.arguments or "{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _line(value: object) -> str:
    return " ".join(str(value or "").split())


def _end(text: str) -> str:
    words = _line(text)
    return words if len(words) <= END_OF_FAILURE else f"…{words[-END_OF_FAILURE:]}"

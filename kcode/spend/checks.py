"""Commands that prove something, and how they went: a fold over events."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from kcode.events import Event, MessageAdded
from kcode.messages import Reply, ToolResult

PROVES = re.compile(
    r"(?:^|[\s;&|/])(?:pytest|tox|nox|jest|vitest|mocha|rspec|phpunit|ctest|mypy|pyright|ruff|eslint|tsc|unittest|"
    r"(?:cargo|go|npm|pnpm|yarn|make|mvn|gradle\w?|dotnet|mix|swift|bundle|composer|deno|bun)\s+(?:run\s+)?"
    r"(?:test|check|lint|verify|vet)\w*)\b"
)
LONGEST = 100
"""Characters of a command."""


@dataclass(slots=True)
class Checks:
    """A listener."""

    went: dict[str, bool] = field(default_factory=dict)
    """Command -> whether it went well, the last time."""
    _open: dict[tuple[str, str], str] = field(default_factory=dict)
    """Task and call -> command that is not answered yet."""

    def __call__(self, event: Event) -> None:
        match event:
            case MessageAdded(message=Reply() as reply):
                for call in reply.calls:
                    if command := check(call.arguments):
                        self._open[event.task, call.id] = command
            case MessageAdded(message=ToolResult() as result):
                if command := self._open.pop((event.task, result.call_id), ""):
                    self.went[command] = result.ok
            case _:
                pass

    def told(self) -> Iterator[str]:
        """`pytest -q` passed"""
        return (f"`{command}` {'passed' if ok else 'failed'}" for command, ok in self.went.items())


def check(arguments: str) -> str:
    """The command of a call that proves something, or ""."""
    try:
        command = json.loads(arguments or "{}").get("command", "")
    except (ValueError, AttributeError, RecursionError):
        return ""
    found = isinstance(command, str) and PROVES.search(command)
    return " ".join(command.split())[:LONGEST] if found else ""

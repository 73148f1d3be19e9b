"""The list of what is to be done."""

from collections import Counter
from typing import ClassVar

from kcode.messages import Todo as Item
from kcode.tools.tool import Group, Output, Tool, Workspace


class Todo(Tool):
    """Replace your list of todos; for work of several steps."""

    name: ClassVar[str] = "todo"
    group: ClassVar[Group] = "read"

    items: tuple[Item, ...]

    def title(self) -> str:
        return f"Todo: {_summary(self.items)}"

    def target(self) -> str:
        return ""

    async def run(self, workspace: Workspace, call_id: str) -> Output:
        return Output(text=f"{_summary(self.items)}.", todos=self.items)


def _summary(items: tuple[Item, ...]) -> str:
    """`3 done, 1 doing, 2 open`"""
    counts = Counter(item.state for item in items)
    return (
        ", ".join(f"{counts[state]} {state}" for state in ("done", "doing", "open") if counts[state])
        or "empty"
    )

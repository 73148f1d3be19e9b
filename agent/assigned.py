"""The first words that a subtask hears."""

from collections.abc import Iterable

from kcode.agent import prompt
from kcode.agent.report import Report
from kcode.agent.task import Task
from kcode.errors import ToolError
from kcode.keys import without_keys
from kcode.messages import Prompt
from kcode.tools.read import Read
from kcode.tools.tool import Assignment


async def first_words(child: Task, assignment: Assignment, reports: Iterable[Report]) -> Prompt:
    """The message, the files that it names, and what the other tasks of the session have come to."""
    parts = [assignment.message.strip()]
    if assignment.expected:
        parts.append(f"Your last message must hold: {assignment.expected}")
    parts += [await _shown(child, name) for name in assignment.files]
    done = [report.line() for report in reports if report.outcome and report.task != child.id]
    moved = prompt.place(child.workspace.root) if child.conversation.mode_told else ""
    notes = [moved, prompt.today(), prompt.open_todos(child.conversation.todos)]
    notes += ["Other tasks of this session:", *done] if done else []
    text = "\n\n".join(parts)
    return Prompt(text=text, notes="\n".join(note for note in notes if note), by="kcode")


async def _shown(child: Task, name: str) -> str:
    """A file's text as the child would read it, which counts as read."""
    try:
        tool = Read(path=name)
        if child.approvals.permissions.decide(tool, child.workspace).verdict != "allow":
            return f"{name}: not shown, read it if you need it."
        text = without_keys((await tool.run(child.workspace, f"shown-{name}")).text)
    except ToolError as error:
        return f"{name}: {error}"
    return f'<file path="{name}">\n{text}\n</file>'

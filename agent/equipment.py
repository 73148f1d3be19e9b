"""What a session works with, and a task made of it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kcode import settings
from kcode.agent import prompt
from kcode.agent.approvals import Approvals
from kcode.agent.task import Conversation, Task
from kcode.agent.worktrees import Worktrees
from kcode.events import Listener, OutputArrived
from kcode.keys import without_keys
from kcode.llm.client import Client
from kcode.memory.checkpoints import Checkpoints
from kcode.memory.project import Project
from kcode.modes.choice import Models
from kcode.modes.mode import Mode, mode_named
from kcode.processes.jobs import Jobs
from kcode.processes.sandbox import Surroundings
from kcode.tools.tool import Toolbox, Workspace


@dataclass(frozen=True, slots=True)
class Equipment:
    """What a session works with; made once by the front end's door."""

    client: Client
    tools: Toolbox
    modes: dict[str, Mode]
    models: Models
    approvals: Approvals
    delegation: settings.Delegation
    worktrees: Worktrees
    project: Project
    around: Callable[[Path, bool], Surroundings]
    """What a command that works in a folder is started in now, and whether the user has approved it."""
    checkpoints: Checkpoints
    turns: int | None
    output_tokens: int
    command_limit: float
    command_silence: float


@dataclass(frozen=True, slots=True)
class Place:
    """Where tasks work."""

    session: str
    root: Path
    overflow: Path
    also: tuple[Path, ...]


def new_task(
    id: str,
    said: Conversation,
    equipment: Equipment,
    place: Place,
    hear: Listener,
    unfinished: Callable[[str], str],
    parent: Task | None = None,
) -> Task:
    """A task that works in the folder of `place`. `unfinished`: what the model hears of its call, by id, that was
    stopped."""
    return Task(
        id=id,
        session=place.session,
        conversation=said,
        client=equipment.client,
        tools=equipment.tools,
        workspace=_workspace(id, equipment, place, hear),
        approvals=equipment.approvals,
        models=equipment.models,
        mode_named=lambda name: mode_named(equipment.modes, name),
        mode_text=lambda mode: prompt.mode_text(
            mode, equipment.modes.values(), equipment.project.of_mode(mode.name)
        ),
        system=prompt.system_prompt(),
        hear=hear,
        turns=equipment.turns,
        output_tokens=equipment.output_tokens,
        checkpoints=equipment.checkpoints,
        unfinished=unfinished,
        near=lambda path: equipment.project.near(path, place.root),
        parent=parent,
    )


def _workspace(id: str, equipment: Equipment, place: Place, hear: Listener) -> Workspace:
    async def ask_user(question: str, choices: tuple[str, ...]) -> str:
        return await equipment.approvals.question(question, choices, id, hear)

    def show_output(call_id: str, text: str) -> None:
        hear(OutputArrived(task=id, call_id=call_id, text=without_keys(text)))

    return Workspace(
        root=place.root,
        also=place.also,
        overflow=place.overflow,
        ask_user=ask_user,
        show_output=show_output,
        jobs=Jobs(),
        command_limit=equipment.command_limit,
        command_silence=equipment.command_silence,
        around=lambda is_approved: equipment.around(place.root, is_approved),
        hides=lambda tool, path: equipment.approvals.permissions.hides(tool, path, place.root),
    )

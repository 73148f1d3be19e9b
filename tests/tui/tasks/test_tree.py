from collections.abc import AsyncIterator

import pytest
from textual.pilot import Pilot

from kcode.events import MAIN, TaskEnded, TaskStarted
from kcode.tui.tasks.tasks import Tasks
from kcode.tui.tasks.tree import TaskTree
from tests.tui.screen import Frame, shown


def tasks(count: int) -> Tasks:
    known = Tasks()
    for number in range(1, count + 1):
        known.hear(
            TaskStarted(
                task=str(number),
                parent=MAIN,
                mode="code",
                model="lab/big",
                project="",
                title=f"part [b]{number}",
            ),
            0.0,
        )
    known.hear(TaskEnded(task="1", outcome="done", text=""), 65.0)
    return known


@pytest.fixture
async def pilot() -> AsyncIterator[Pilot[None]]:
    tree = TaskTree()
    async with Frame(tree).run_test(size=(60, 12)) as pilot:
        tree.add_class("-shown")
        tree.show(tasks(3))
        tree.focus()
        await pilot.pause()
        yield pilot


def heard(pilot: Pilot[None], kind: type[TaskTree.LookedInto] | type[TaskTree.Cancelled]) -> list[str]:
    assert isinstance(pilot.app, Frame)
    return [message.task for message in pilot.app.heard_of(kind)]


async def test_each_task_has_its_state_mode_model_cost_and_time(pilot: Pilot[None]) -> None:
    screen = shown(pilot.app)
    assert "2 running of 3" in screen
    assert "✓ 1 part [b]1" in screen and "● 2 part [b]2" in screen
    assert "code · big · $0 · 1:05" in screen


async def test_one_is_chosen_and_looked_into(pilot: Pilot[None]) -> None:
    await pilot.press("down", "down", "enter")
    assert heard(pilot, TaskTree.LookedInto) == ["2"]
    await pilot.press("up", "up", "enter")
    assert heard(pilot, TaskTree.LookedInto) == ["2", MAIN]


async def test_one_is_stopped_or_all(pilot: Pilot[None]) -> None:
    await pilot.press("up", "x", "X")
    assert heard(pilot, TaskTree.Cancelled) == ["3", MAIN]


async def test_a_long_tree_scrolls_with_what_is_chosen(pilot: Pilot[None]) -> None:
    pilot.app.query_one(TaskTree).show(tasks(30))
    await pilot.pause()
    assert "more below" in shown(pilot.app)
    await pilot.press("up")
    await pilot.pause()
    assert "❯ ● 30 part" in shown(pilot.app)

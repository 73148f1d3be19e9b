"""The middle of the screen: the talk, or a subtask that is looked into, and the tree of tasks beside it."""

from collections.abc import Sequence
from pathlib import Path

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from kcode.events import MAIN, Event
from kcode.tui.tasks.tasks import Tasks
from kcode.tui.tasks.tree import TaskTree
from kcode.tui.text.safe import one_line
from kcode.tui.transcript.receipts import Receipts
from kcode.tui.transcript.transcript import Transcript


class Middle(Horizontal):
    DEFAULT_CSS = """
    Middle {
        height: 1fr;
        & > Vertical { width: 1fr; }
        & #banner { display: none; height: 1; padding: 0 1; background: $surface; color: $text-accent; }
        &.-narrow.-tree > Vertical { display: none; }
        &.-narrow TaskTree { width: 1fr; border: none; }
    }
    """

    class Turned(Message):
        """Another task is looked into, or the tree was left: the prompt is wanted again."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.transcript = Transcript(root)
        self.task_tree = TaskTree()
        self._tasks = Tasks()
        self._receipts = Receipts(MAIN)
        self._banner = Static(id="banner", markup=False)
        """Over a subtask that is looked into."""
        self._wants_tree: bool | None = None
        """The user's word on it."""

    def compose(self) -> ComposeResult:
        with Vertical():
            yield self._banner
            yield self.transcript
        yield self.task_tree

    def tell(self, events: Sequence[Event], times: Sequence[float] = ()) -> None:
        """What happened; `times`: when, if it was not just now."""
        if times:
            shown, at = zip(*self._receipts.timed(zip(events, times, strict=True)), strict=True)
            self.transcript.show(shown, at)
        else:
            self.transcript.show(list(self._receipts.added(events)))

    def show(self, tasks: Tasks, is_wide: bool) -> None:
        """What is known of the tasks, on a screen that has room for both, or not."""
        self._tasks = tasks
        self.set_class(not is_wide, "-narrow")
        if tasks.running and self._wants_tree is None and is_wide:
            self._show_tree(True)
        self.task_tree.show(tasks)
        task = tasks.known.get(self.transcript.looked_into or "")
        self._banner.display = task is not None
        if task is not None:
            words = f"task {task.id} · {task.mode} · {task.model} · {task.condition} · {task.title}"
            self._banner.update(Content(f"{one_line(words)}   Esc: back to the talk"))

    def turn_tree(self) -> None:
        """Show the tree, go to it, hide it."""
        is_shown = self.task_tree.has_class("-shown")
        self._wants_tree = not (is_shown and self.task_tree.has_focus)
        self._show_tree(self._wants_tree)
        if self._wants_tree and is_shown:
            self.screen.set_focus(self.task_tree)  # at once: the next key is for it
        elif self._wants_tree:
            self.task_tree.focus()
        else:
            self.look_into(MAIN)

    def look_into(self, task: str) -> None:
        self.transcript.look_into(None if task == MAIN else task)
        self._leave_tree()

    @property
    def looks_into(self) -> bool:
        """Whether it is a subtask that is shown."""
        return self.transcript.looked_into is not None

    @property
    def addressee(self) -> str:
        """The task that hears what is said: the one that is looked into, while it works."""
        task = self._tasks.known.get(self.transcript.looked_into or "")
        return task.id if task is not None and not task.outcome else MAIN

    def forget(self) -> None:
        """Another session: nothing is looked into."""
        self.transcript.clear()
        self._receipts = Receipts(MAIN)
        self._show_tree(False)
        self._wants_tree = None

    @on(TaskTree.LookedInto)
    def _looked_into(self, event: TaskTree.LookedInto) -> None:
        event.stop()
        self.look_into(event.task)

    @on(TaskTree.Left)
    def _leave_tree(self) -> None:
        if self.has_class("-narrow"):
            self._show_tree(False)
        self.post_message(self.Turned())

    def _show_tree(self, is_shown: bool) -> None:
        self.task_tree.set_class(is_shown, "-shown")
        self.set_class(is_shown, "-tree")
        self.task_tree.show(self._tasks)

"""The transcript: all that was told, as it is seen, and what can be done with it."""

import time
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.timer import Timer
from textual.widgets import Static

from kcode.events import Event
from kcode.tui.text import markdown
from kcode.tui.text.looks import LOOKS, LOOKS_CSS
from kcode.tui.transcript.block import Block, Replied
from kcode.tui.transcript.blocks import BlockView, SubtaskBlock, ToolBlock
from kcode.tui.transcript.plain import can_unfold, headed, text_of
from kcode.tui.transcript.shelf import Manner, Shelf
from kcode.tui.transcript.story import Story
from kcode.tui.transcript.viewer import Viewer
from kcode.tui.transcript.window import Window

TICKING = (ToolBlock, SubtaskBlock)
"""Blocks with a clock."""


class Transcript(Vertical):
    COMPONENT_CLASSES = LOOKS
    DEFAULT_CSS = (
        """
    Transcript { height: 1fr; }
    Transcript > #below { height: 1; padding: 0 1; color: $text-accent; display: none; }
    """
        + LOOKS_CSS
    )

    def __init__(self, root: Path, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.root = root
        self._story = Story()
        self._subtask: str | None = None
        """The one that is looked into."""
        self._manner = Manner()
        self._found: list[int] = []
        """Keys of blocks, the one that was jumped to first."""
        self._seen = 0
        """How many blocks there were when their end was in view."""
        self._shelf = Shelf(self._manner)
        self._hint = Static(id="below", markup=False)
        self._clock: Timer | None = None

    def compose(self) -> ComposeResult:
        yield self._shelf
        yield self._hint

    def on_mount(self) -> None:
        self._clock = self.set_interval(1, self._tick, pause=True)
        self.call_after_refresh(markdown.make_ready)

    # What is told

    def show(self, events: Sequence[Event], at: Sequence[float] = ()) -> None:
        """Add what happened; `at`: when, in seconds since the epoch, if it was not just now."""
        now = time.time()
        for event, when in zip_longest(events, at, fillvalue=None):
            if event is not None:
                self._story.add(event, when if at else now)
        self._refill()

    @property
    def looked_into(self) -> str | None:
        """The subtask that is shown; None: the main task."""
        return self._subtask

    def look_into(self, task: str | None = None) -> None:
        """Show a subtask, or the main task again."""
        if task != self._subtask:
            self._subtask, self._manner.pointed, self._found = task, None, []
            self._shelf.clear()
            self._refill()

    def clear(self) -> None:
        """Forget all of it."""
        self._story, self._subtask = Story(), None
        self._manner.pointed, self._found = None, []
        self._shelf.clear()
        self._refill()

    # Where one looks

    def page(self, step: int) -> None:
        """Pages up (negative) or down."""
        self._shelf.scroll_relative(y=step * max(self.size.height - 3, 1), animate=False)

    def home(self) -> None:
        if self._blocks:
            self._shelf.reveal(0, is_top=True)

    def end(self) -> None:
        self._shelf.end()
        self._say_what_is_below()

    def search(self, text: str) -> int:
        """Jump to the newest block that has this text, in whatever case, and mark it. How many have it."""
        self._manner.needle = needle = text.casefold()
        blocks = self._blocks if text else ()
        self._found = [block.key for block in reversed(blocks) if needle in text_of(block).casefold()]
        self._shelf.dress()
        self._jump()
        return len(self._found)

    def find_next(self) -> None:
        """The next older one; after the oldest, the newest again."""
        self._found = self._found[1:] + self._found[:1]
        self._jump()

    def point(self, step: int) -> None:
        """Point at another block: -1 is the one before, 1 the one behind; behind the last one is none."""
        place = self._place(self._manner.pointed)
        place = max((len(self._blocks) if place is None else place) + step, 0)
        if place < len(self._blocks):
            self._manner.pointed = self._blocks[place].key
            self._shelf.reveal(place)
        else:
            self._manner.pointed = None
            self.end()

    # What is done with what is there

    def toggle_expanded(self) -> None:
        """Unfold, or fold, the block that is pointed at, or else all of them."""
        self._manner.turn(self._manner.pointed)
        self._shelf.dress()

    def open_block(self) -> None:
        """The block that is pointed at, or else the last one that can be unfolded, on the full screen."""
        block = self._pointed or next(filter(can_unfold, reversed(self._blocks)), None)
        if block is not None:
            self.app.push_screen(Viewer(block))

    def copy_text(self) -> str:
        """What is selected, else the block that is pointed at, else the last answer."""
        selected = self.screen.get_selected_text()
        if selected:
            return selected
        answers = (block for block in reversed(self._blocks) if isinstance(block, Replied))
        block = self._pointed or next(answers, None)
        return text_of(block) if block else ""

    def plain(self) -> str:
        """All of it as text."""
        return "\n\n".join(headed(block) for block in self._blocks) + "\n"

    # How it hangs together

    @property
    def _blocks(self) -> Sequence[Block]:
        return self._story.blocks(self._subtask)

    @property
    def _pointed(self) -> Block | None:
        place = self._place(self._manner.pointed)
        return None if place is None else self._blocks[place]

    def _place(self, key: int | None) -> int | None:
        """Where the block with this key is, if it is still there."""
        return next((place for place, block in enumerate(self._blocks) if block.key == key), None)

    def _refill(self) -> None:
        self._shelf.show(self._blocks)
        self._say_what_is_below()
        if self._clock:
            is_running = any(isinstance(view, TICKING) and view.is_running for view in self._shelf.views())
            (self._clock.resume if is_running else self._clock.pause)()

    def _jump(self) -> None:
        place = self._place(self._found[0]) if self._found else None
        if place is None:
            return
        block = self._blocks[place]
        if can_unfold(block) and not self._manner.unfolds(block.key):
            self._manner.turn(block.key)
        self._shelf.reveal(place, needle=self._manner.needle)

    @on(Window.Moved)
    def _say_what_is_below(self) -> None:
        if self._shelf.is_following:
            self._seen = len(self._blocks)
        new = len(self._blocks) - self._seen
        self._hint.display = new > 0 or not (self._shelf.is_following or self._shelf.is_at_end)
        self._hint.update(Content(f"↓ {new} new below" if new > 0 else "↓ there is more below"))

    @on(BlockView.Folded)
    def _fold(self, event: BlockView.Folded) -> None:
        self._manner.turn(event.key)
        self._shelf.dress()

    def _tick(self) -> None:
        """Seconds of running calls."""
        for view in self._shelf.views():
            if isinstance(view, TICKING) and view.is_running:
                view.again()

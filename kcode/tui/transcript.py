"""The transcript: all that was told, of which a part is mounted as widgets, and what can be done with it."""

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
from kcode.tui import markdown
from kcode.tui.block import Block, Replied
from kcode.tui.blocks import BlockView, Gap, ToolBlock, view_of
from kcode.tui.looks import LOOKS, LOOKS_CSS
from kcode.tui.plain import can_unfold, headed, text_of
from kcode.tui.story import Story
from kcode.tui.viewer import Viewer
from kcode.tui.window import Window

MOST, FEW = 100, 40
"""Blocks that are mounted: when there are more than MOST, FEW of them stay, or as many as fill the screen."""
ABOVE = 35
"""Blocks that are mounted before the one that is looked at."""

ROWS_EACH, GAP = 3, 1_000
"""Rows that stand for a block which is not mounted, and for all of them at most: Textual's map of what is where has
an entry for each twenty rows, in every layout anew."""


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
        self._window = Window()
        self._above, self._below = Gap(), Gap()
        self._hint = Static(id="below", markup=False)
        self._clock: Timer | None = None
        self._begin()

    def _begin(self) -> None:
        self._story = Story()
        self._shown_task: str | None = None
        self._first = self._last = 0
        self._widgets: dict[int, BlockView] = {}
        self._seen = 0
        self._is_unfolded = False
        self._others: set[int] = set()
        """Keys of blocks that are not as `_is_unfolded` says."""
        self._needle = ""
        self._found: list[int] = []
        self._pointed: int | None = None

    def compose(self) -> ComposeResult:
        with self._window:
            yield self._above
            yield self._below
        yield self._hint

    def on_mount(self) -> None:
        self._clock = self.set_interval(1, self._tick, pause=True)
        self.call_after_refresh(markdown.make_ready)

    # What can be done with it

    def show(self, events: Sequence[Event], at: Sequence[float] = ()) -> None:
        """Add what happened; `at`: when, in seconds since the epoch, if it was not just now."""
        now = time.time()
        for event, when in zip_longest(events, at, fillvalue=None):
            if event is not None:
                self._story.add(event, when if at else now)
        self._follow()

    def look_into(self, task: str | None = None) -> None:
        """Show a subtask, or the main task again."""
        if task != self._shown_task:
            self._shown_task, self._pointed = task, None
            self._remove_all()
            self._window.follow()
            self._follow()

    def clear(self) -> None:
        """Forget all of it."""
        self._remove_all()
        self._begin()
        self._window.follow()
        self._follow()

    def toggle_expanded(self) -> None:
        """Unfold, or fold, the block that is pointed at, or else all of them."""
        if self._pointed is not None:
            self._others ^= {self._pointed}
        else:
            self._is_unfolded, self._others = not self._is_unfolded, set()
        self._mount()

    def search(self, text: str) -> int:
        """Jump to the newest block that has this text, in whatever case, and mark it. How many have it."""
        self._needle = text.casefold()
        blocks = self._blocks if text else ()
        self._found = [b.key for b in reversed(blocks) if self._needle in text_of(b).casefold()]
        for view in self._widgets.values():
            view.mark(self._needle)
        self._jump()
        return len(self._found)

    def find_next(self) -> None:
        """The next older one; after the oldest, the newest again."""
        self._found = self._found[1:] + self._found[:1]
        self._jump()

    def copy_text(self) -> str:
        """What is selected, else the block that is pointed at, else the last answer."""
        chosen = self.screen.get_selected_text()
        if chosen:
            return chosen
        blocks = [b for b in self._blocks if b.key == self._pointed]
        blocks = blocks or [b for b in self._blocks if isinstance(b, Replied)] or list(self._blocks)
        return text_of(blocks[-1]) if blocks else ""

    def plain(self) -> str:
        """All of it as text."""
        return "\n\n".join(headed(block) for block in self._blocks) + "\n"

    def point(self, step: int) -> None:
        """Point at another block: -1 is the one before, 1 the one behind; behind the last one is none."""
        keys = [block.key for block in self._blocks]
        place = keys.index(self._pointed) if self._pointed in keys else len(keys)
        place = max(place + step, 0)
        self._pointed = keys[place] if place < len(keys) else None
        if self._pointed is None:
            self.end()
        else:
            self._reveal(place)

    def open_block(self) -> None:
        """The block that is pointed at, or else the last call, on the full screen."""
        block = next((b for b in reversed(self._blocks) if self._is_wanted(b)), None)
        if block is not None:
            self.app.push_screen(Viewer(block))

    def page(self, step: int) -> None:
        """Pages up (negative) or down."""
        self._window.scroll_relative(y=step * max(self.size.height - 3, 1), animate=False)

    def home(self) -> None:
        if self._blocks:
            self._reveal(0, 0)

    def end(self) -> None:
        self._window.follow()
        self._follow()

    # Which of the blocks are mounted

    @property
    def _blocks(self) -> Sequence[Block]:
        return self._story.blocks(self._shown_task)

    def _follow(self) -> None:
        """The newest blocks, as long as nobody has scrolled up."""
        end = len(self._blocks)
        if self._window.is_following:
            self._first = self._first if end - self._first <= MOST else end - max(FEW, self.size.height)
            self._last = self._seen = end
        else:
            self._last = min(max(self._last, min(self._first + MOST, end)), end)
        self._first = min(self._first, self._last)
        self._mount()

    def _around(self, place: int) -> None:
        """The blocks around one."""
        end = len(self._blocks)
        self._first = max(0, min(place - ABOVE, end - MOST))
        self._last = min(end, self._first + MOST)
        self._mount()

    def _mount(self) -> None:
        """Make the widgets what the story and the window say."""
        wanted = self._blocks[self._first : self._last]
        self._remove({block.key for block in wanted})
        new: list[BlockView] = []
        for block in wanted:
            is_unfolded = self._is_unfolded != (block.key in self._others)
            view = self._widgets.get(block.key)
            if view is None:
                view = self._widgets[block.key] = view_of(block, is_unfolded)
                view.mark(self._needle)
                new.append(view)
            else:
                view.show(block, is_unfolded)
                if new:
                    self._window.mount_all(new, before=view)
                    new = []
            view.set_class(block.key == self._pointed, "-pointed")
        if new:
            self._window.mount_all(new, before=self._below)
        self._sort(wanted)
        self._measure()

    def _remove(self, kept: set[int]) -> None:
        gone = [key for key in self._widgets if key not in kept]
        if gone:
            self._window.remove_children([self._widgets.pop(key) for key in gone])

    def _remove_all(self) -> None:
        self._first = self._last = 0
        self._remove(set())

    def _sort(self, wanted: Sequence[Block]) -> None:
        """A reply may have overtaken a notice."""
        places: dict[object, int] = {block.key: place for place, block in enumerate(wanted)}
        children = [child for child in self._window.children if isinstance(child, BlockView)]
        order = [places[child.block.key] for child in children if child.block.key in places]
        if order != sorted(order):
            places |= {self._above: -1, self._below: len(wanted)}
            self._window.sort_children(
                key=lambda child: places.get(child.block.key if isinstance(child, BlockView) else child, 0)
            )

    def _measure(self) -> None:
        self._above.grow(min(ROWS_EACH * self._first, GAP))
        self._below.grow(min(ROWS_EACH * (len(self._blocks) - self._last), GAP))
        self._say_what_is_below()
        if self._clock:
            is_running = any(isinstance(w, ToolBlock) and w.is_running for w in self._widgets.values())
            (self._clock.resume if is_running else self._clock.pause)()

    @on(Window.Moved)
    def _fill(self) -> None:
        """What comes into view has to be mounted."""
        window, row = self._window, self._window.scroll_offset.y
        near = 0 if window.is_following else window.size.height
        end = window.virtual_size.height - self._below.rows
        is_above = self._first > 0 and row - near < self._above.rows
        is_below = self._last < len(self._blocks) and row + window.size.height + near > end
        if not (is_above or is_below):
            self._say_what_is_below()
        elif window.is_following:
            self._first = max(0, self._first - FEW) if is_above else self._first
            self._follow()
        elif window.held and isinstance(window.held[0], BlockView):
            self._around(self._place(window.held[0].block.key))
        else:
            self._reveal(self._guessed_place(row), 0)

    def _guessed_place(self, row: int) -> int:
        """The block for this row of what is not mounted."""
        if row < self._above.rows:
            return self._first * row // self._above.rows
        row -= self._window.virtual_size.height - self._below.rows
        blocks = len(self._blocks)
        return min(self._last + (blocks - self._last) * row // max(self._below.rows, 1), blocks - 1)

    def _place(self, key: int) -> int:
        return next(place for place, block in enumerate(self._blocks) if block.key == key)

    # Where one looks

    def _reveal(self, place: int, rows: int | None = None) -> None:
        """Have this block in view: with so many of its rows above the top, or a third down."""
        block = self._blocks[place]
        self._window.is_following = False
        if not self._first <= place < self._last:
            self._around(place)
        else:
            self._mount()
        if rows is None:
            rows = -(self._window.size.height // 3)
        self._window.hold(self._widgets[block.key], rows)
        self.call_after_refresh(self._fill)

    def _jump(self) -> None:
        if not self._found:
            return
        key = self._found[0]
        place = self._place(key)
        if can_unfold(self._blocks[place]) and self._is_unfolded == (key in self._others):
            self._others ^= {key}
        self._reveal(place)
        view = self._widgets[key]
        lines = view.lines(max(self._window.scrollable_content_region.width - 2, 1))
        row = next((row for row, line in enumerate(lines) if self._needle in line.text.casefold()), 0)
        self._window.hold(view, row - self._window.size.height // 3)

    def _say_what_is_below(self) -> None:
        new = 0 if self._window.is_following else len(self._blocks) - self._seen
        self._hint.display = new > 0 or not (self._window.is_following or self._window.is_at_end)
        self._hint.update(Content(f"↓ {new} new below" if new > 0 else "↓ there is more below"))

    # Blocks by themselves

    @on(BlockView.Folded)
    def _fold(self, event: BlockView.Folded) -> None:
        self._others ^= {event.key}
        self._mount()

    def _is_wanted(self, block: Block) -> bool:
        return can_unfold(block) if self._pointed is None else block.key == self._pointed

    def _tick(self) -> None:
        """Seconds of running calls."""
        for view in self._widgets.values():
            if isinstance(view, ToolBlock) and view.is_running:
                view.again()

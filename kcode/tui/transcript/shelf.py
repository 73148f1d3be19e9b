"""A list of blocks, of which a part is mounted as widgets: what is looked at, and some around it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from textual import on
from textual.app import ComposeResult

from kcode.tui.transcript.block import Block
from kcode.tui.transcript.blocks import BlockView, Gap, view_of
from kcode.tui.transcript.window import Window

MOST, FEW = 100, 40
"""Blocks that are mounted: when there are more than MOST, FEW of them stay, or as many as fill the screen."""
ABOVE = 35
"""Blocks that are mounted before the one that is looked at."""
ROWS_EACH, GAP = 3, 1_000
"""Rows that stand for a block which is not mounted, and for all of them at most: Textual's map of what is where has
an entry for each twenty rows, in every layout anew."""


@dataclass(slots=True)
class Manner:
    """How blocks are shown, by their keys."""

    is_unfolded: bool = False
    others: set[int] = field(default_factory=set)
    """Those that are not as `is_unfolded` says."""
    pointed: int | None = None
    needle: str = ""
    """What is searched for."""

    def unfolds(self, key: int) -> bool:
        return self.is_unfolded != (key in self.others)

    def turn(self, key: int | None) -> None:
        """Fold one that is unfolded, and the other way round; None: all of them."""
        if key is None:
            self.is_unfolded, self.others = not self.is_unfolded, set()
        else:
            self.others ^= {key}


class Shelf(Window):
    def __init__(self, manner: Manner) -> None:
        super().__init__()
        self.manner = manner
        self._above, self._below = Gap(), Gap()
        self._blocks: Sequence[Block] = ()
        self._first = self._last = 0
        """Of those that are mounted, as a slice."""
        self._views: dict[int, BlockView] = {}

    def compose(self) -> ComposeResult:
        yield self._above
        yield self._below

    # What can be done with it

    def show(self, blocks: Sequence[Block]) -> None:
        """More blocks, or newer values of them."""
        self._blocks, end = blocks, len(blocks)
        if self.is_following:
            self._first = self._first if end - self._first <= MOST else end - max(FEW, self.size.height)
            self._last = end
        else:
            self._last = min(max(self._last, self._first + MOST), end)
        self._first = min(self._first, self._last)
        self.dress()

    def clear(self) -> None:
        self._remove_all_but(set())
        self._blocks, self._first, self._last = (), 0, 0
        self.follow()

    def dress(self) -> None:
        """Make the widgets what the blocks and their manner say."""
        wanted = self._blocks[self._first : self._last]
        self._remove_all_but({block.key for block in wanted})
        new: list[BlockView] = []
        for block in wanted:
            view = self._views.get(block.key)
            if view is None:
                view = self._views[block.key] = view_of(block, self.manner.unfolds(block.key))
                new.append(view)
            else:
                view.show(block, self.manner.unfolds(block.key))
                self._mount(new, view)
            view.mark(self.manner.needle)
            view.set_class(block is self._blocks[0], "-first")
            view.set_class(block.key == self.manner.pointed, "-pointed")
        self._mount(new, self._below)
        self._sort(wanted)
        self._above.grow(min(ROWS_EACH * self._first, GAP))
        self._below.grow(min(ROWS_EACH * (len(self._blocks) - self._last), GAP))

    def reveal(self, place: int, *, is_top: bool = False, needle: str = "") -> None:
        """Have this block at the top, or have it (or the first of its lines with the needle) a third down."""
        self.is_following = False
        if not self._first <= place < self._last:
            self._around(place)
        else:
            self.dress()
        view = self._views[self._blocks[place].key]
        row = view.row_of(needle, self.scrollable_content_region.width) if needle else 0
        self.hold(view, row if is_top else row - self.size.height // 3)
        self.call_after_refresh(self._fill)

    def end(self) -> None:
        self.follow()
        self.show(self._blocks)

    def views(self) -> Iterator[BlockView]:
        """Those that are mounted."""
        return iter(self._views.values())

    # Which of the blocks are mounted

    def _around(self, place: int) -> None:
        end = len(self._blocks)
        self._first = max(0, min(place - ABOVE, end - MOST))
        self._last = min(end, self._first + MOST)
        self.dress()

    @on(Window.Moved)
    def _fill(self) -> None:
        """What comes into view has to be mounted."""
        row, near = self.scroll_offset.y, 0 if self.is_following else self.size.height
        end = self.virtual_size.height - self._below.rows
        is_above = self._first > 0 and row - near < self._above.rows
        is_below = self._last < len(self._blocks) and row + self.size.height + near > end
        place = self._place_looked_at(row)
        if self.is_following and (is_above or is_below):
            self._first = max(0, self._first - FEW) if is_above else self._first
            self.show(self._blocks)
        elif (is_above or is_below) and self._first <= place < self._last:
            self._around(place)
        elif is_above or is_below:
            self.reveal(place, is_top=True)

    def _place_looked_at(self, row: int) -> int:
        """Of the block at the top; of those that are not mounted, a guess."""
        held = self.held[0] if self.held else None
        if isinstance(held, BlockView) and held.block.key in self._views:
            return next(place for place, block in enumerate(self._blocks) if block.key == held.block.key)
        if row < self._above.rows:
            return self._first * row // self._above.rows
        row -= self.virtual_size.height - self._below.rows
        blocks = len(self._blocks)
        return max(min(self._last + (blocks - self._last) * row // max(self._below.rows, 1), blocks - 1), 0)

    # Widgets

    def _mount(self, new: list[BlockView], before: BlockView | Gap) -> None:
        if new:
            self.mount_all(new, before=before)
            new.clear()

    def _remove_all_but(self, kept: set[int]) -> None:
        gone = [key for key in self._views if key not in kept]
        if gone:
            self.remove_children([self._views.pop(key) for key in gone])

    def _sort(self, wanted: Sequence[Block]) -> None:
        """A reply may have overtaken a notice."""
        places: dict[object, int] = {block.key: place for place, block in enumerate(wanted)}
        children = [child for child in self.children if isinstance(child, BlockView)]
        order = [places[child.block.key] for child in children if child.block.key in places]
        if order != sorted(order):
            places |= {self._above: -1, self._below: len(wanted)}
            self.sort_children(
                key=lambda child: places.get(child.block.key if isinstance(child, BlockView) else child, 0)
            )

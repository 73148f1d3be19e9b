"""The widgets of a transcript: one for a block of the story, with its own place in CSS."""

import time
from collections.abc import Sequence
from typing import ClassVar, assert_never

from textual import events
from textual.message import Message

from kcode.tui.text.flow import Line, hung
from kcode.tui.text.flowing import Flowing
from kcode.tui.text.markdown import Markdown
from kcode.tui.text.safe import LONGEST_PARAGRAPH, safe
from kcode.tui.transcript import shown
from kcode.tui.transcript.block import Asked, Block, Call, Notice, Replied, Said, Subtask, Thought
from kcode.tui.transcript.plain import can_unfold


class BlockView(Flowing):
    """A block, and whether it is unfolded."""

    DEFAULT_CSS = """
    BlockView { height: auto; padding: 0 1; }
    BlockView.-first { margin-top: 1; }
    BlockView.-pointed { background: $boost; border-left: outer $accent; padding: 0 1 0 0; }
    """

    class Folded(Message):
        """The user wants to see more, or less, of the block."""

        def __init__(self, key: int) -> None:
            super().__init__()
            self.key = key

    def __init__(self, block: Block, is_unfolded: bool = False) -> None:
        super().__init__()
        self.block = block
        self.is_unfolded = is_unfolded

    def show(self, block: Block, is_unfolded: bool) -> None:
        """A newer value of the block."""
        if block is not self.block or is_unfolded != self.is_unfolded:
            self.block, self.is_unfolded = block, is_unfolded
            self.again()

    def on_click(self, event: events.Click) -> None:
        if can_unfold(self.block) and not self.screen.selections:
            event.stop()
            self.post_message(self.Folded(self.block.key))


class UserBlock(BlockView):
    DEFAULT_CSS = "UserBlock { margin: 1 0; background: $surface; }"
    block: Said

    def laid_out(self, width: int) -> Sequence[Line]:
        return shown.said_lines(self.block, width)


class ReplyBlock(BlockView):
    """What the model says, while it says it."""

    DEFAULT_CSS = "ReplyBlock { margin: 1 0; }"
    block: Replied

    def __init__(self, block: Block, is_unfolded: bool = False) -> None:
        super().__init__(block, is_unfolded)
        self._markdown = Markdown()

    def laid_out(self, width: int) -> Sequence[Line]:
        self._markdown.update(safe(self.block.text, LONGEST_PARAGRAPH))
        return self._markdown.lines(width)


class ThinkingBlock(BlockView):
    DEFAULT_CSS = "ThinkingBlock { color: $foreground-muted; }"
    block: Thought

    def laid_out(self, width: int) -> Sequence[Line]:
        folded = shown.thought_line(self.block, width)
        if not self.is_unfolded:
            return [folded]
        markdown = Markdown()
        markdown.update(safe(self.block.text, LONGEST_PARAGRAPH))
        return [folded, *hung(markdown.lines(max(width - 2, 8)), ("▏ ", "faint"), ("▏ ", "faint"))]


class ToolBlock(BlockView):
    """A call: how it stands, its output while it runs, and what came of it."""

    DEFAULT_CSS = "ToolBlock.-tall { margin-bottom: 1; }"
    block: Call

    def __init__(self, block: Block, is_unfolded: bool = False) -> None:
        super().__init__(block, is_unfolded)
        self._set_apart()

    def show(self, block: Block, is_unfolded: bool) -> None:
        super().show(block, is_unfolded)
        self._set_apart()

    def _set_apart(self) -> None:
        self.set_class(shown.has_body(self.block, self.is_unfolded), "-tall")

    def laid_out(self, width: int) -> Sequence[Line]:
        return shown.call_lines(self.block, width, self.is_unfolded, time.time())

    @property
    def is_running(self) -> bool:
        return self.block.state == "running"


class QuestionBlock(BlockView):
    block: Asked

    def laid_out(self, width: int) -> Sequence[Line]:
        return shown.asked_lines(self.block, width)


class SubtaskBlock(BlockView):
    block: Subtask

    def laid_out(self, width: int) -> Sequence[Line]:
        return shown.subtask_lines(self.block, width, self.is_unfolded, time.time())

    @property
    def is_running(self) -> bool:
        return not self.block.outcome


class NoticeBlock(BlockView):
    block: Notice

    def laid_out(self, width: int) -> Sequence[Line]:
        return shown.notice_lines(self.block, width, self.is_unfolded)


class Gap(Flowing):
    """As high as the blocks that are not mounted."""

    DEFAULT_CSS = "Gap { height: auto; color: $foreground-muted; }"
    ALLOW_SELECT: ClassVar[bool] = False

    def __init__(self) -> None:
        super().__init__()
        self.rows = 0

    def laid_out(self, width: int) -> Sequence[Line]:
        return [Line()] * self.rows

    def grow(self, rows: int) -> None:
        if rows != self.rows:
            self.rows = rows
            self.again()


def view_of(block: Block, is_unfolded: bool) -> BlockView:
    match block:
        case Said():
            return UserBlock(block)
        case Replied():
            return ReplyBlock(block)
        case Thought():
            return ThinkingBlock(block, is_unfolded)
        case Call():
            return ToolBlock(block, is_unfolded)
        case Asked():
            return QuestionBlock(block)
        case Subtask():
            return SubtaskBlock(block, is_unfolded)
        case Notice():
            return NoticeBlock(block, is_unfolded)
        case _:
            assert_never(block)

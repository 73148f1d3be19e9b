"""Blocks as plain text that is safe to show: for search, the pager and the clipboard."""

from typing import assert_never

from kcode.messages import Change
from kcode.tui.text.safe import LONGEST_PARAGRAPH, one_line, safe
from kcode.tui.text.tail import last_lines
from kcode.tui.transcript.block import Asked, Block, Call, Notice, Replied, Said, Subtask, Thought

GLYPHS = {
    "writing": "✎",
    "waiting": "○",
    "asking": "?",
    "running": "●",
    "ok": "✓",
    "failed": "✗",
    "stopped": "■",
}
ENDED = {"ok", "failed", "stopped"}
TONES = {"info": "·", "warning": "!", "error": "✗"}
BOXES = {"open": "☐", "doing": "◐", "done": "☑"}


def text_of(block: Block) -> str:
    """All of it."""
    match block:
        case Said() | Replied() | Thought():
            return safe(block.text, LONGEST_PARAGRAPH)
        case Call():
            todos = [f"{BOXES[todo.state]} {one_line(todo.text)}" for todo in block.todos or ()]
            parts = [one_line(block.title), *map(_change, block.changes), *todos]
            return "\n".join(filter(None, [*parts, "" if block.changes else text_of_result(block)]))
        case Asked():
            answer = [f"→ {block.answer}"] if block.answer is not None else []
            return safe("\n".join([block.text, *block.choices, *answer]))
        case Subtask():
            return "\n".join(filter(None, [one_line(f"{block.mode}: {block.title}"), safe(block.result)]))
        case Notice():
            return safe("\n".join(filter(None, [block.text, block.details])))
        case _:
            assert_never(block)


def text_of_result(block: Call) -> str:
    """What came back, or of a call that runs, the last lines of its output."""
    if block.state == "running":
        return "\n".join(last_lines(block.output, 1_000))
    return safe(block.result).strip("\n")


def headed(block: Block) -> str:
    """The text, with a sign of what it is."""
    match block:
        case Said():
            return f"❯ {text_of(block)}"
        case Call():
            return f"{GLYPHS[block.state]} {text_of(block)}"
        case Thought():
            return f"✻ {text_of(block)}"
        case Notice():
            return f"{TONES[block.tone]} {text_of(block)}"
        case Asked():
            return f"? {text_of(block)}"
        case Replied() | Subtask():
            return text_of(block)
        case _:
            assert_never(block)


def can_unfold(block: Block) -> bool:
    """Whether there is more of it than is shown folded."""
    match block:
        case Thought():
            return True
        case Call():
            return block.state in ENDED and bool(block.result or block.changes)
        case Notice():
            return bool(block.details)
        case Subtask():
            return bool(block.result)
        case _:
            return False


def counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _change(change: Change) -> str:
    return f"{change.kind} {one_line(change.path)}\n{safe(change.diff)}".strip("\n")

"""How each block of a story is shown: its lines for a width, folded or unfolded."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from kcode.messages import Todo
from kcode.tui.text.diffview import change_lines
from kcode.tui.text.flow import READABLE, Line, Run, cells, hung, one_row, prose
from kcode.tui.text.safe import LONGEST_PARAGRAPH, one_line, safe
from kcode.tui.text.tail import last_lines
from kcode.tui.transcript.block import Asked, Call, Notice, Said, Subtask, Thought
from kcode.tui.transcript.plain import BOXES, ENDED, GLYPHS, TONES, counted, text_of_result

DIFF_ROWS = 20
"""Rows of a diff that are shown of a folded call."""
TAIL_ROWS = 8
"""Rows of a running command's output."""
RESULT_ROWS = 4
"""Rows of a result that are shown of a folded call, where they are worth it."""
UNFOLDED_ROWS = 400
"""Rows of one block, unfolded; the whole is for the full screen."""

OUTCOMES = {"": ("●", "accent"), "done": ("✓", "good"), "cancelled": ("■", "warning")}
LEAST_TITLE = 30
"""Columns that a subtask's title keeps beside its model's name."""
STATE_LOOKS = {
    "asking": "warning",
    "running": "accent",
    "ok": "good",
    "failed": "error",
    "stopped": "warning",
}
SPEAKING = {"shell", "job"}
"""Tools whose last lines are worth seeing when all went well."""
BAR: Run = ("  │ ", "faint")


def said_lines(block: Said, width: int) -> list[Line]:
    text = safe(block.text, LONGEST_PARAGRAPH).strip("\n")
    if block.images:
        text += f"\n[{counted(block.images, 'image')}]"
    who = _who(block, width)
    room = min(width - 2, READABLE, width - 4 - cells(who) if who else width)
    first, *rest = hung(prose(text.strip("\n"), room), ("❯ ", "accent"), ("  ", ""))
    return [_with_end(first, who, width), *rest]


def _who(block: Said, width: int) -> str:
    """Mode and model of the turn; where there is little room, the mode alone, or nothing."""
    mode, model = one_line(block.mode), one_line(block.model).partition("/")[2]
    both = f"{mode} · {model}" if model else mode
    return next((who for who in (both, mode) if cells(who) <= width // 3), "")


def _with_end(line: Line, end: str, width: int) -> Line:
    """The line, with something faint at the right edge."""
    if not end:
        return line
    gap = " " * (width - line.cells - cells(end))
    return line._replace(runs=(*line.runs, (gap, ""), (end, "faint")), aside=len(gap) + len(end))


def thought_line(block: Thought, width: int) -> Line:
    """Folded: how much of it there is, and while it goes on, its last words."""
    text = safe(block.text, LONGEST_PARAGRAPH).strip()
    if block.is_open:
        return one_row([("✻ thinking  ", "faint"), (text.rsplit("\n", 1)[-1], "faint em")], width)
    return one_row([(f"✻ thought  {counted(text.count(chr(10)) + 1, 'line')}", "faint")], width)


def has_body(block: Call, is_unfolded: bool) -> bool:
    """Whether more than its title is shown of a call: then a blank line sets it apart from what follows."""
    if block.state == "running":
        return bool(block.output)
    is_told = is_unfolded or block.state == "failed" or (block.state == "ok" and block.name in SPEAKING)
    return block.todos is not None or bool(block.changes) or (is_told and bool(block.result.strip()))


def call_lines(block: Call, width: int, is_unfolded: bool, now: float) -> list[Line]:
    return [call_title(block, width, now), *bounded(_body(block, width, is_unfolded), width)]


def whole_call_lines(block: Call, width: int, now: float) -> list[Line]:
    """With nothing left out."""
    lines = [call_title(block, width, now), Line()]
    for change in block.changes:
        lines += [*change_lines(change, width), Line()]
    return [*lines, *prose(text_of_result(block), width)]


def call_title(block: Call, width: int, now: float) -> Line:
    """Glyph, title, and in words how it stands."""
    look, note = STATE_LOOKS.get(block.state, "faint"), _note(block, now)
    note_look = "faint" if block.state == "ok" else look
    title = (one_line(block.title or block.name), "faint" if block.state in ("writing", "waiting") else "")
    left = one_row([title], max(width - cells(note) - 4, 8))
    return one_row(
        [(f"{GLYPHS[block.state]} ", look), *left.runs, ("  " * bool(note), ""), (note, note_look)], width
    )


def _note(block: Call, now: float) -> str:
    match block.state:
        case "writing":
            return f"writing, {block.written:,} characters"
        case "waiting":
            return "waiting"
        case "asking":
            return "asks you"
        case "running":
            return f"running{_seconds(block.began, now, 0)}"
        case "ok":
            return f"{_size(block)}{_seconds(block.began, block.ended, 1)}".strip()
        case "failed" | "stopped" as state:
            return state + _seconds(block.began, block.ended, 1)


def _seconds(began: float | None, ended: float | None, digits: int) -> str:
    took = (ended or 0) - began if began and ended else 0
    return f" {took:.{digits}f} s" if took >= 1 else ""


def _size(block: Call) -> str:
    """Of what changed, or of a result that is not shown."""
    if _is_told_by_title(block):
        return f"+{block.changes[0].added} -{block.changes[0].removed}"
    lines = block.result.count("\n") + 1
    is_shown = block.changes or block.todos is not None or block.name in SPEAKING
    return "" if is_shown or lines == 1 else counted(lines, "line")


def _is_told_by_title(block: Call) -> bool:
    """Whether what changed is said there: one file, and its name."""
    return len(block.changes) == 1 and one_line(block.changes[0].path) in one_line(block.title)


def _body(block: Call, width: int, is_unfolded: bool) -> Iterator[Line]:
    room = max(width - cells(BAR[0]), 8)
    if block.state == "running":
        tail = last_lines(block.output, TAIL_ROWS)
        yield from hung((one_row([(line, "")], room) for line in tail), BAR, BAR)
    elif block.todos is not None:
        yield from hung(todo_lines(block.todos, width - 2), ("  ", ""))
    elif block.changes:
        most = None if is_unfolded else max(DIFF_ROWS // len(block.changes), 3)
        for change in block.changes:
            lines = change_lines(change, width - 2, most, with_heading=not _is_told_by_title(block))
            yield from hung(lines, ("  ", ""))
    elif block.state in ENDED:
        yield from hung(_result_lines(block, room, is_unfolded), BAR, BAR)


def _result_lines(block: Call, width: int, is_unfolded: bool) -> Iterator[Line]:
    look = "error" if block.state == "failed" and block.name not in SPEAKING else "faint"
    lines = safe(block.result).strip("\n").split("\n")
    if is_unfolded:
        yield from (line for text in lines for line in prose(text, width, look))
    elif has_body(block, is_unfolded):
        more = len(lines) - RESULT_ROWS
        if more > 1:
            yield one_row([(f"… {more:,} more lines", "faint")], width)
            lines = lines[-RESULT_ROWS:]
        yield from (one_row([(line, look)], width) for line in lines)


def todo_lines(todos: Sequence[Todo], width: int) -> Iterator[Line]:
    looks = {"doing": "strong", "done": "faint"}
    for todo in todos:
        look = looks.get(todo.state, "")
        box = (f"{BOXES[todo.state]} ", look or "bullet")
        yield from hung(prose(one_line(todo.text), width - 2, look), box)


def asked_lines(block: Asked, width: int) -> list[Line]:
    room = min(width - 2, READABLE)
    lines = list(hung(prose(safe(block.text).strip("\n"), room), ("? ", "warning")))
    if block.answer is not None:
        return [*lines, *hung(prose(safe(block.answer), width - 4), ("  → ", "accent"))]
    for choice in block.choices:
        lines += hung(prose(one_line(choice), width - 4), ("  · ", "faint"))
    return lines


def subtask_lines(block: Subtask, width: int, is_unfolded: bool, now: float) -> list[Line]:
    glyph, look = OUTCOMES.get(block.outcome, ("✗", "error"))
    state = {"": "running", "done": ""}.get(block.outcome, block.outcome.replace("_", " "))
    took = _seconds(block.began, block.ended or now, 0).strip()
    model = one_line(block.model).partition("/")[2]
    spent = str(block.total) if block.total.requests else ""
    title = one_line(
        f"{block.task} {block.mode}: {block.title}" if block.title else f"{block.task} {block.mode}"
    )
    note = " · ".join(filter(None, [state, model, spent, took]))
    if width - cells(note) - 4 < min(cells(title), LEAST_TITLE):
        note = " · ".join(filter(None, [state, spent, took]))
    left = one_row([(title, "")], max(width - cells(note) - 4, 8))
    lines = [one_row([(f"{glyph} ", look), *left.runs, ("  ", ""), (note, "faint")], width)]
    if block.doing:
        lines += hung([one_row([(one_line(block.doing), "faint")], width - 4)], BAR)
    if block.result and is_unfolded:
        lines += hung(bounded(prose(safe(block.result).strip("\n"), width - 4, "faint"), width - 4), BAR, BAR)
    return lines


def notice_lines(block: Notice, width: int, is_unfolded: bool) -> list[Line]:
    mark = (f"{TONES[block.tone]} ", block.tone)
    room = min(width - 2, READABLE)
    lines = list(hung(prose(safe(block.text).strip("\n"), room, block.tone), mark))
    if block.details and is_unfolded:
        details = prose(safe(block.details).strip("\n"), width - 4, "faint")
        lines += hung(bounded(details, width - 4), BAR, BAR)
    return lines


def bounded(lines: Iterable[Line], width: int) -> list[Line]:
    kept = list(islice(lines, UNFOLDED_ROWS + 1))
    if len(kept) > UNFOLDED_ROWS:
        kept[-1] = one_row([("… and more: open it", "faint")], width)
    return kept

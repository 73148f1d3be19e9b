"""Markdown that grows: only its last block is read again when text arrives, what is finished stays as it is.

The lines are a function of the text alone, however it arrived. Two things of CommonMark are left out for it: link
definitions (they are shown as they are, with their address), and blank lines between items, which would change items
that are long finished. HTML is shown as text, and entities are not resolved: they could bring back what `safe` has
taken out.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from kcode.tui.text.flow import Line, Run
from kcode.tui.text.highlight import lexer_named
from kcode.tui.text.pieces import Code, Item, Items, Piece, Quote, Rule, Text, unfinished_code_lines
from kcode.tui.text.table import Cell, Table

# The parser is imported where it is used: the first frame does not wait for it.
if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.tree import SyntaxTreeNode

_FENCE = re.compile(r"( {0,3})(`{3,}(?=[^`\n]*\n)|~{3,})[ ]*([^\s`]*)[^\n]*\n")
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_TASK = {"[ ] ": "☐", "[x] ": "☑", "[X] ": "☑"}


@dataclass(frozen=True, slots=True)
class Block:
    """A piece at the top: a block, or one item of a list."""

    piece: Piece
    row: int
    """Line of the source at which it begins."""
    gap: int
    """Empty rows before it, unless it is the first."""
    number: int | None = None
    """Of an item in a numbered list."""


class Markdown:
    """Lines of a text that may still grow."""

    def __init__(self) -> None:
        self._reset("")

    def _reset(self, text: str) -> None:
        self._text = text
        self._done: list[Block] = []
        self._start = 0
        """Where the tail begins: the text that is not `_done`."""
        self._first: Block | None = None
        """What the tail begins with, if that goes on with a list: it has its number, and no gap."""
        self._read = 0
        """How far whole lines were looked at."""
        self._fence: _Fence | None = None
        self._width = 0
        self._laid: list[Line] = []
        """Lines of `_done` in that width."""

    def update(self, text: str) -> None:
        """Safe text; quick when it continues what was there."""
        if not text.startswith(self._text):
            self._reset("")
        self._text = text
        whole = text.rfind("\n") + 1
        if whole > self._read:
            self._finish(whole)
            self._read = whole

    def lines(self, width: int) -> list[Line]:
        if width != self._width:
            self._width, self._laid = width, []
            for block in self._done:
                self._lay(block, self._laid)
        lines = self._laid.copy()
        if self._fence and not self._fence.is_closed(self._text, self._read, len(self._text)):
            return [*lines, *[Line()] * bool(lines), *self._fence.lines(self._text, width)]
        for block in self._blocks(self._text):
            self._lay(block, lines)
        return lines

    def _lay(self, block: Block, lines: list[Line]) -> None:
        if lines:
            lines += [Line()] * block.gap
        lines += block.piece.lines(self._width)

    def _finish(self, whole: int) -> None:
        """Take out of the tail what no later line can change: all but the last of its blocks."""
        if self._fence:
            if not self._fence.is_closed(self._text, self._read, whole):
                return
            self._fence = None
        blocks = list(self._blocks(self._text[:whole]))
        if not blocks:
            return
        last = blocks.pop()
        self._start = _offset(self._text, self._start, last.row)
        opened = _FENCE.match(self._text, self._start)
        fence = _Fence(opened) if opened else None
        if fence and fence.is_closed(self._text, fence.opened.end(), whole):
            blocks.append(last)
            self._start = whole
        elif fence:
            self._fence = fence
        for block in blocks:
            self._done.append(block)
            if self._width:
                self._lay(block, self._laid)
        self._first = last if last.gap == 0 and self._start < whole else None

    def _blocks(self, text: str) -> Iterator[Block]:
        """What the tail consists of."""
        known = self._first
        for node in _tree(text[self._start :]):
            yield from _top(node, known)
            known = None


@dataclass(slots=True)
class _Fence:
    """A fence that is open: its lines are laid out one by one."""

    opened: re.Match[str]
    laid: list[Line] = field(default_factory=list)
    upto: int = 0
    width: int = 0

    def is_closed(self, text: str, start: int, end: int) -> bool:
        """Whether the line that ends it is between the two."""
        return self._end.search(text, start, end) is not None

    @property
    def _end(self) -> re.Pattern[str]:
        mark = self.opened[2]
        return _closing(mark[0], len(mark))

    def lines(self, text: str, width: int) -> list[Line]:
        if width != self.width:
            self.laid, self.upto, self.width = [], self.opened.end(), width
        whole = text.rfind("\n") + 1
        if whole > self.upto:
            for line in text[self.upto : whole - 1].split("\n"):
                self.laid += self._line(line)
            self.upto = whole
        rest = text[self.upto :]
        return [*self.laid, *(self._line(rest) if rest else ())] or [Line(fill="code")]

    def _line(self, line: str) -> Iterator[Line]:
        indent = len(self.opened[1])
        return unfinished_code_lines(line[:indent].lstrip(" ") + line[indent:], self.opened[3], self.width)


@cache
def _closing(mark: str, least: int) -> re.Pattern[str]:
    return re.compile(rf"^ {{0,3}}{mark}{{{least},}} *$", re.MULTILINE)


def make_ready() -> None:
    """Import what the first text will need."""
    lexer_named("python")
    _tree("")


@cache
def _parser() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": 40})
    return parser.enable(["table", "strikethrough"]).disable(["reference", "entity"])


def _tree(text: str) -> "list[SyntaxTreeNode]":
    from markdown_it.tree import SyntaxTreeNode

    return SyntaxTreeNode(_parser().parse(text)).children


def _offset(text: str, start: int, rows: int) -> int:
    for _ in range(rows):
        start = text.index("\n", start) + 1
    return start


def _top(node: "SyntaxTreeNode", known: Block | None) -> Iterator[Block]:
    """`known`: the same item, when the ones before it were still there."""
    if node.type not in ("bullet_list", "ordered_list"):
        yield Block(_piece(node), _row(node), 1)
        return
    items = zip(node.children, _numbered(node, known.number if known else None), strict=True)
    for place, (child, (number, item)) in enumerate(items):
        yield Block(item, _row(child), 0 if place or known else 1, number)


def _row(node: "SyntaxTreeNode") -> int:
    return node.map[0] if node.map else 0


def _piece(node: "SyntaxTreeNode") -> Piece:
    match node.type:
        case "paragraph":
            return Text(_inline(node.children[0]))
        case "heading":
            return Text(_inline(node.children[0], f"h{node.tag[1]}"))
        case "fence" | "code_block":
            return Code(node.content.removesuffix("\n"), (node.info.split() or [""])[0])
        case "bullet_list" | "ordered_list":
            return Items(tuple(item for _, item in _numbered(node, None)))
        case "blockquote":
            return Quote(tuple(map(_piece, node.children)))
        case "hr":
            return Rule()
        case "table":
            return _table(node)
        case _:
            return Text((((node.content, ""),),))


def _numbered(node: "SyntaxTreeNode", first: int | None) -> Iterator[tuple[int | None, Item]]:
    """The items; those of a numbered list with their numbers, from `first` or from what it says itself."""
    number = (
        None
        if node.type == "bullet_list"
        else first
        if first is not None
        else int(node.attrs.get("start", 1))
    )
    for item in node.children:
        pieces = tuple(map(_piece, item.children))
        mark = "•" if number is None else f"{number}."
        yield number, _task(mark, pieces)
        number = None if number is None else number + 1


def _task(mark: str, pieces: tuple[Piece, ...]) -> Item:
    """An item, whose bullet is a box where it begins with one."""
    match pieces:
        case (Text(rows=(((text, look), *runs), *rows)), *others) if text[:4] in _TASK and mark == "•":
            rest = Text((((text[4:], look), *runs), *rows))
            return Item(_TASK[text[:4]], (rest, *others))
        case _:
            return Item(mark, pieces)


def _table(node: "SyntaxTreeNode") -> Table:
    rows = [row.children for part in node.children for row in part.children]
    head, *body = [tuple(_inline(cell.children[0]) for cell in row) for row in rows]
    return Table(head, tuple(body), tuple(_side(str(cell.attrs.get("style", ""))) for cell in rows[0]))


def _side(style: str) -> str:
    return style.rpartition(":")[2] or "left"


def _inline(node: "SyntaxTreeNode", look: str = "") -> Cell:
    """Rows of runs: one, and one more for each line break."""
    rows: list[list[Run]] = [[]]
    for text, style in _runs(node, look):
        if text == "\n":
            rows.append([])
        elif text:
            rows[-1].append((text, style))
    return tuple(map(tuple, rows))


_LOOKS = {"strong": "strong", "em": "em", "s": "strike", "link": "link"}


def _runs(node: "SyntaxTreeNode", look: str) -> Iterator[Run]:
    for child in node.children:
        match child.type:
            case "text" | "text_special":
                first, *others = _BREAK.split(child.content)
                yield first, look
                for other in others:
                    yield "\n", ""
                    yield other.lstrip(" "), look
            case "code_inline":
                yield child.content, f"{look} inline-code".strip()
            case "softbreak" | "hardbreak":
                yield "\n", ""
            case "image":
                yield f"[image: {child.content}] ({child.attrs.get('src')})", f"{look} url".strip()
            case kind:
                yield from _runs(child, f"{look} {_LOOKS.get(kind, '')}".strip())
                if kind == "link":
                    yield from _address(child, look)


def _address(link: "SyntaxTreeNode", look: str) -> Iterator[Run]:
    address = str(link.attrs.get("href", ""))
    if address and "".join(text for text, _ in _runs(link, "")) != address.removeprefix("mailto:"):
        yield f" ({address})", f"{look} url".strip()

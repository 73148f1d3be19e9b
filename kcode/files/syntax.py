"""What tree-sitter knows of a file: its definitions, what it refers to, and its first syntax error."""

import io
import tokenize
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kcode.files.languages import MOST, Grammar, captured, definitions_query, grammar_of, uses_query

if TYPE_CHECKING:
    from tree_sitter import Node

LONGEST_LINE = 120
NAMED_BY = ("name", "property", "declarator", "type")
"""Fields that lead to the name of a definition: a C function's is deep in its declarator, an `impl` has a type."""

NAMED_AT_ITS_END = "type_definition"


@dataclass(frozen=True, slots=True)
class Definition:
    name: str
    first: int
    last: int
    """Lines, counted from 1."""
    depth: int
    """How many other definitions it lies in."""
    text: str
    """Its head on one line, without indentation."""


@dataclass(frozen=True, slots=True)
class Tags:
    definitions: tuple[Definition, ...] = ()
    """In the order of the file."""
    uses: tuple[tuple[str, int], ...] = ()
    """Names that are used, and how often."""


def tags(name: str, content: str) -> Tags | None:
    """What the file defines and what it refers to. None: the kind of file is unknown, or it is too big."""
    grammar, root, data = _parsed(name, content)
    if grammar is None or root is None:
        return None
    nodes = _defining(grammar, root)
    own = {named.start_byte for node in nodes if (named := _named(node))}
    names = captured(uses_query(grammar), "name", root)
    uses = Counter(_text(node, data) for node in names if node.start_byte not in own)
    return Tags(tuple(_definitions(nodes, content.split("\n"), data)), tuple(uses.items()))


def outline(name: str, content: str, bound: int) -> str | None:
    """The definitions, one a line: `first-last`, tab, the line itself indented by depth; as deep as `bound`
    characters allow. None: the kind of file is unknown, it is too big, or it defines nothing."""
    grammar, root, data = _parsed(name, content)
    if grammar is None or root is None:
        return None
    return outlined(_definitions(_defining(grammar, root), content.split("\n"), data), bound)


def outlined(definitions: Iterable[Definition], bound: int) -> str | None:
    """Definitions as `outline` gives them; None when there are none."""
    lines = [(d.depth, f"{d.first}-{d.last}\t{'  ' * d.depth}{d.text}") for d in definitions]
    text = ""
    for depth in range(max((depth for depth, _ in lines), default=0), -1, -1):
        text = "\n".join(line for own, line in lines if own <= depth)
        if len(text) <= bound:
            return text or None
    whole = text[:bound].rpartition("\n")[0]
    return f"{whole}\n[{text.count(chr(10)) - whole.count(chr(10))} more definitions]"


def _parsed(name: str, content: str) -> "tuple[Grammar | None, Node | None, bytes]":
    grammar = grammar_of(name)
    parsed = grammar.parse(content) if grammar and len(content) <= MOST else None
    return (grammar, *parsed) if parsed else (grammar, None, b"")


def _defining(grammar: Grammar, root: "Node") -> "list[Node]":
    found = captured(definitions_query(grammar), "definition", root)
    return sorted(found, key=lambda node: (node.start_byte, -node.end_byte))


def _definitions(nodes: "list[Node]", source: list[str], data: bytes) -> Iterator[Definition]:
    """One a line at most: the line with its name, since annotations may stand above."""
    around: list[int] = []
    latest = -1
    for node in nodes:
        while around and around[-1] <= node.start_byte:
            around.pop()
        named = _named(node)
        start = node if named is None or node.type == NAMED_AT_ITS_END else named
        first, column = start.start_point
        if first == latest:
            continue
        latest = first
        name = _text(named, data).lstrip("#") if named else ""
        head = _head(node, source[first], start.start_byte - column, data)
        head += "" if name in head else f" … {name}"
        yield Definition(name, first + 1, node.end_point[0] + 1, len(around), head)
        around.append(node.end_byte)


def _head(node: "Node", line: str, at: int, data: bytes) -> str:
    """The line at this offset, and the further ones where its parameters stand on several."""
    text = line.strip()
    if text.endswith(("(", ",", "[", "<")) and (body := node.child_by_field_name("body")):
        text = " ".join(data[at : min(body.start_byte, at + 1000)].decode(errors="replace").split())
        text = text.replace("( ", "(").replace(", )", ")").replace(" )", ")")
    return text[:LONGEST_LINE]


def _named(node: "Node") -> "Node | None":
    """The node that is the name of a definition."""
    while below := next(filter(None, map(node.child_by_field_name, NAMED_BY)), None) or _inner(node):
        node = below
    return node if not node.child_count or node.type == "operator_name" else None


def _inner(node: "Node") -> "Node | None":
    """What stands in parentheses, or after a star, in a declarator of C."""
    is_wrapped = node.type.endswith(("_declarator", "destructor_name")) and node.named_child_count
    return node.named_child(0) if is_wrapped else None


def _text(node: "Node", data: bytes) -> str:
    return data[node.start_byte : node.end_byte].decode(errors="replace")


def new_fault(name: str, before: str | None, after: str) -> str | None:
    """Words on the first syntax error of `after`, unless `before` had one already."""
    line = fault(name, after)
    if line is None or (before is not None and fault(name, before) is not None):
        return None
    return f"Syntax error at line {line}: {after.split(chr(10))[line - 1].strip()[:LONGEST_LINE]}"


def fault(name: str, content: str) -> int | None:
    """The line of the first syntax error. None: there is none, or the file is too big or of unknown kind."""
    grammar, root, _ = _parsed(name, content)
    if grammar is None or root is None:
        return None
    if root.has_error:
        return _error_line(root) + 1
    return _indent_error_line(content) if grammar.module == "python" else None


def _error_line(node: "Node") -> int:
    """Where the first node stands that is wrong or missing, as deep as it can be told; of what is wrong, the last
    bracket that was opened."""
    while not node.is_missing:
        below = next((child for child in node.children if child.has_error or child.is_missing), None)
        if below is None:
            node = next((child for child in reversed(node.children) if child.type in ("(", "[", "{")), node)
            break
        node = below
    return node.start_point[0]


def _indent_error_line(content: str) -> int | None:
    """tree-sitter takes any indentation: a block must follow a colon at a line's end, and only there."""
    last, after_colon, at_line_start = "", False, False
    try:
        for token in tokenize.generate_tokens(io.StringIO(content).readline):
            if token.type in (tokenize.COMMENT, tokenize.NL):
                continue
            if at_line_start and after_colon != (token.type == tokenize.INDENT):
                return token.start[0]
            at_line_start = token.type == tokenize.NEWLINE
            after_colon = at_line_start and last == ":"
            last = token.string
    except IndentationError as error:
        return error.lineno
    except (tokenize.TokenError, SyntaxError):
        return None
    return None

"""tree-sitter's tree of a shell command, as plain values.

The grammar's scanner asks the C library about characters in a way that is defined for ASCII alone: others crash it.
It gets a stand-in for each of them, which is a part of a word and of no name, as they are for the shell.
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tree_sitter

STAND_IN = "%"
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")


@dataclass(frozen=True, slots=True)
class Node:
    type: str
    text: str
    start: int
    end: int
    is_named: bool
    children: tuple["Node", ...]

    @property
    def named(self) -> tuple["Node", ...]:
        return tuple(child for child in self.children if child.is_named)

    def gap(self, before: "Node", after: "Node") -> str:
        """What stands between two of the children."""
        return self.text[before.end - self.start : after.start - self.start]


@dataclass(frozen=True, slots=True)
class Tree:
    root: Node
    has_error: bool


def tree(command: str) -> Tree:
    """RecursionError when it is nested too deeply."""
    root = _parser().parse(_NOT_ASCII.sub(STAND_IN, command).encode("ascii")).root_node
    return Tree(_plain(root, command), root.has_error)


def _plain(node: "tree_sitter.Node", command: str) -> Node:
    start, end = node.start_byte, node.end_byte
    children = tuple(_plain(child, command) for child in node.children)
    return Node(node.type, command[start:end], start, end, node.is_named, children)


@cache
def _parser() -> "tree_sitter.Parser":
    import tree_sitter_bash
    from tree_sitter import Language, Parser

    return Parser(Language(tree_sitter_bash.language()))

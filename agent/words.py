"""Words of a shell command, as the shell passes them on: quotes and backslashes removed."""

import re
from dataclasses import dataclass
from itertools import pairwise

from kcode.agent.grammar import Node

SUBSTITUTIONS = ("command_substitution", "process_substitution")
EXPANSIONS = (*SUBSTITUTIONS, "simple_expansion", "expansion", "arithmetic_expansion", "ansi_c_string")

_ESCAPED = re.compile(r"\\.", re.DOTALL)
_LITERAL_BRACES = re.compile(r"\{\w*\}")
"""Without a comma or two dots they stand for themselves."""
_RUNS = re.compile(r"(?<!\\)(?:\\\\)*(`|\$\()")


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a command. None: it is not known before it runs, and may be any number of words."""

    text: str | None
    is_pattern: bool = False
    """Names of files will stand in its place."""

    @property
    def is_known(self) -> bool:
        return self.text is not None and not self.is_pattern


UNKNOWN = Word(None)


def names_in(text: str) -> frozenset[str]:
    return frozenset(text.split())


def read_word(node: Node) -> Word:
    match node.type:
        case "word" | "number" | "extglob_pattern" | "regex" | "test_operator" | "variable_name":
            return _bare(node.text)
        case "raw_string":
            return Word(node.text[1:-1])
        case "string" | "translated_string":
            return _quoted(node)
        case "concatenation":
            return _joined(node)
        case _:
            return UNKNOWN if node.is_named else _bare(node.text)


def expands(node: Node) -> bool:
    """Whether a part of it stands for something else."""
    return node.type in EXPANSIONS or any(map(expands, node.named))


def runs_something(text: str) -> bool:
    """Whether a substitution stands in a text that the grammar took for plain."""
    return bool(_RUNS.search(text))


def is_torn(text: str) -> bool:
    """Whether what the grammar took for one word is more for the shell."""
    return bool(re.search(r"\s", _ESCAPED.sub("", text)))


def _bare(text: str) -> Word:
    plain = _ESCAPED.sub("", text)
    if ("{" in _LITERAL_BRACES.sub("", plain) and text != "{") or "`" in plain or "$" in plain[:-1]:
        return UNKNOWN
    unescaped = re.sub(r"\\(\n)?(.?)", lambda found: "" if found[1] and not found[2] else found[2], text)
    return Word(unescaped, is_pattern=bool(re.search(r"[*?\[]|[@!+]\(", plain)))


def _quoted(node: Node) -> Word:
    text = node.text[node.text.index('"') + 1 : -1]
    if expands(node) or runs_something(text):
        return UNKNOWN
    return Word(re.sub(r'\\(\n|[$`"\\])', lambda found: "" if found[1] == "\n" else found[1], text))


def _joined(node: Node) -> Word:
    words = [read_word(child) for child in node.children]
    unquoted = "".join(_ESCAPED.sub("", child.text) for child in node.children if child.type == "word")
    unquoted = _LITERAL_BRACES.sub("", unquoted)
    is_whole = bool(words) and not any(node.gap(*pair) for pair in pairwise(node.children))
    if not is_whole or "{" in unquoted or any(one.text is None for one in words):
        return UNKNOWN
    return Word("".join(one.text or "" for one in words), any(one.is_pattern for one in words))

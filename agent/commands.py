"""A shell command as the simple commands and redirections that it is made of, wherever they stand in it.

What this does not understand for sure it says to be unclear: no rule can then allow it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

from kcode.agent.programs import UNKNOWN, Found, Word, names_in, opened

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

LONGEST = 100_000
"""Characters; longer commands are not looked into."""


@dataclass(frozen=True, slots=True)
class Simple:
    """One program and its words; no words: only variables are set."""

    words: tuple[Word, ...]
    assigned: tuple[str, ...] = ()
    """Names of the variables that are set for it."""
    is_bare: bool = False
    """It does nothing but run other parts, like `timeout 5 make`."""


@dataclass(frozen=True, slots=True)
class Redirection:
    """A file that is written, or else read."""

    target: Word
    writes: bool


@dataclass(frozen=True, slots=True)
class Unclear:
    """Something may run here that cannot be seen."""

    text: str
    reason: str


Part = Simple | Redirection | Unclear

GROUPS = names_in(
    "program list pipeline subshell compound_statement if_statement elif_clause else_clause "
    "while_statement do_group for_statement c_style_for_statement case_statement case_item "
    "negated_command command_substitution process_substitution function_definition"
)
VALUES = names_in(
    "word string raw_string ansi_c_string translated_string concatenation number "
    "simple_expansion expansion arithmetic_expansion brace_expression extglob_pattern regex "
    "variable_name test_operator binary_expression unary_expression postfix_expression "
    "parenthesized_expression ternary_expression subscript array"
)
SUBSTITUTIONS = ("command_substitution", "process_substitution")

_STRANGE_BLANK = re.compile(r"[^\S \t\n]|[\x00-\x08\x0e-\x1f\x7f]")
_CONTINUED_WORD = re.compile(r"[^\s|&;(]\\\n\S")
_ESCAPED = re.compile(r"\\.", re.DOTALL)
_RUNS_IN_TEXT = re.compile(r"(?<!\\)(?:\\\\)*(`|\$\()")


def parts(command: str) -> tuple[Part, ...]:
    """All parts of a command, in the order in which they stand; never raises."""
    if len(command) > LONGEST:
        return (Unclear(command[:80], "it is too long to be looked into"),)
    if _STRANGE_BLANK.search(command) or _CONTINUED_WORD.search(command):
        return (*_parsed(command), Unclear(command, "it is written such that it may mean something else"))
    return _parsed(command)


def _parsed(command: str) -> tuple[Part, ...]:
    try:
        root = _parser().parse(command.encode(errors="surrogatepass")).root_node
        found = tuple(_visit(root))
    except RecursionError:
        return (Unclear(command, "it is nested too deeply"),)
    if root.has_error:
        return (*found, Unclear(command, "it cannot be parsed"))
    return found


@cache
def _parser() -> "Parser":
    import tree_sitter_bash
    from tree_sitter import Language, Parser

    return Parser(Language(tree_sitter_bash.language()))


def _visit(node: "Node") -> Iterator[Part]:
    yield from _gaps(node)
    match node.type:
        case kind if kind in GROUPS:
            for child in node.named_children:
                yield from _visit(child)
        case "command":
            yield from _command(node, [])
        case "redirected_statement":
            yield from _redirected(node)
        case "file_redirect":
            yield from _redirections(node)
        case "variable_assignment" | "variable_assignments":
            yield from _assignment(node)
        case "declaration_command" | "unset_command":
            yield from _declaration(node)
        case "test_command":
            yield Simple((Word("test"), *((UNKNOWN,) if _expands(node) else ())))
            yield from _inside(node)
        case kind if kind in VALUES:
            yield from _inside(node)
        case "comment" | "heredoc_start" | "heredoc_end" | "heredoc_content":
            pass
        case "ERROR":
            for child in node.named_children:
                yield from _visit(child)
        case kind:
            yield Unclear(_text(node), f"{kind.replace('_', ' ')} is not looked into")


def _gaps(node: "Node") -> Iterator[Part]:
    """Whatever the grammar takes for a blank and is none for the shell: in `'a'\\ b` it sees two words."""
    if node.type not in VALUES and not all(_is_gap(node, *pair) for pair in pairwise(node.children)):
        yield Unclear(_text(node), "a part of it is not understood")


def _is_gap(node: "Node", before: "Node", after: "Node") -> bool:
    text = (node.text or b"")[before.end_byte - node.start_byte : after.start_byte - node.start_byte]
    if node.type not in ("command", "file_redirect"):
        return bool(re.fullmatch(rb"(?:[ \t\n]|\\\n)*", text))
    is_operator = node.type == "file_redirect" and not (before.is_named and after.is_named)
    are_words = not is_operator and "redirect" not in before.type + after.type
    return bool(re.fullmatch(rb"(?:[ \t]|\\\n)+" if are_words else rb"(?:[ \t]|\\\n)*", text))


def _inside(node: "Node") -> Iterator[Part]:
    """The commands in the substitutions of a value."""
    if node.type in SUBSTITUTIONS:
        yield from _visit(node)
        return
    if node.type == "word" and re.search(r"\s", _ESCAPED.sub("", _text(node))):
        yield Unclear(_text(node), "for the shell it is more than one word")
    for child in node.named_children:
        yield from _inside(child)


def _assignment(node: "Node") -> Iterator[Part]:
    yield Simple((), tuple(_names(node)))
    yield from _inside(node)


def _names(node: "Node") -> Iterator[str]:
    for one in node.named_children if node.type == "variable_assignments" else [node]:
        name = one.child_by_field_name("name")
        yield _text(name).partition("[")[0] if name else ""


def _declaration(node: "Node") -> Iterator[Part]:
    words = [Word(_text(child)) if not _expands(child) else UNKNOWN for child in node.children]
    yield Simple(tuple(words))
    yield from _inside(node)


def _redirected(node: "Node") -> Iterator[Part]:
    body = node.child_by_field_name("body")
    redirects = [child for child in node.named_children if child != body]
    if body is not None and body.type == "command":
        yield from _gaps(body)
        yield from _command(body, redirects)
        return
    if body is not None:
        yield from _visit(body)
    for redirect in redirects:
        if _following_words(redirect):
            yield Unclear(_text(node), "words follow its redirection")
        yield from _redirections(redirect)


def _command(node: "Node", redirects: list["Node"]) -> Iterator[Part]:
    words: list[Word] = []
    assigned: list[str] = []
    stdin = None
    for child in [*node.children, *redirects]:
        if child.type == "variable_assignment":
            assigned += _names(child)
            yield from _inside(child)
        elif child.type.endswith("_redirect"):
            words += [_word(word) for word in _following_words(child)]
            stdin = _given(child) if child.type != "file_redirect" else stdin
            yield from _redirections(child)
        else:
            words.append(_word(child.named_children[0] if child.type == "command_name" else child))
            yield from _inside(child)
    yield from _opened(tuple(words), tuple(assigned), stdin, _text(node))


def _opened(
    words: tuple[Word, ...], assigned: tuple[str, ...], stdin: str | None, text: str
) -> Iterator[Part]:
    """A simple command, and those that it was told to run."""
    if words and not words[0].is_known:
        yield Unclear(text, "which program it runs is not known before")
        return
    found: Found = opened(words, stdin)
    yield Simple(words, assigned, found.is_bare)
    if found.unclear:
        yield Unclear(text, found.unclear)
    for inner in found.inner:
        if inner.script is not None:
            yield from parts(inner.script)
        else:
            yield from _opened(inner.words, assigned + inner.assigned, stdin, text)


def _redirections(node: "Node") -> Iterator[Part]:
    yield from _gaps(node)
    match node.type:
        case "file_redirect":
            yield from _file(node)
        case "herestring_redirect":
            yield from _inside(node)
        case "heredoc_redirect":
            yield from _heredoc(node)
        case kind:
            yield Unclear(_text(node), f"{kind.replace('_', ' ')} is not looked into")


def _file(node: "Node") -> Iterator[Part]:
    operator = next((child.type for child in node.children if not child.is_named), "")
    targets = _destinations(node)
    for target in targets[:1]:
        word = _word(target)
        is_duplicate = operator in (">&", "<&") and re.fullmatch(r"\d+-?|-", word.text or "")
        if not is_duplicate and word.text != "/dev/null":
            yield Redirection(word, writes=operator != "<")
    if not targets and operator not in (">&-", "<&-"):
        yield Unclear(_text(node), "its redirection has no target")
    for target in targets:
        yield from _inside(target)


def _heredoc(node: "Node") -> Iterator[Part]:
    start, end = (
        next((_text(child) for child in node.named_children if child.type == kind), "")
        for kind in ("heredoc_start", "heredoc_end")
    )
    if not start or re.sub(r"['\"\\]", "", start) != end.strip():
        yield Unclear(_text(node), "its here-document has no clear end")
    for child in node.named_children:
        if child.type == "heredoc_body":
            found = list(_inside(child))
            yield from found
            if start.isalnum() and not found and _RUNS_IN_TEXT.search(_text(child)):
                yield Unclear(_text(child), "its here-document runs something")
        elif child.type in ("file_redirect", "herestring_redirect", "heredoc_redirect"):
            yield from _redirections(child)
        else:
            yield from _visit(child)


def _given(redirect: "Node") -> str | None:
    """What a here-document or here-string holds. None: it is not known."""
    for child in redirect.named_children:
        if child.type == "heredoc_body":
            return None if child.named_child_count else _text(child)
    if redirect.type == "herestring_redirect" and redirect.named_children:
        return _word(redirect.named_children[-1]).text
    return None


def _destinations(redirect: "Node") -> list["Node"]:
    return [child for child in redirect.named_children if child.type != "file_descriptor"]


def _following_words(redirect: "Node") -> list["Node"]:
    """`> out --more`: for the grammar they belong to the redirection, for the shell to the command."""
    if redirect.type == "heredoc_redirect":
        inner = [child for child in redirect.named_children if child.type == "file_redirect"]
        return [word for child in inner for word in _following_words(child)]
    return _destinations(redirect)[1:] if redirect.type == "file_redirect" else []


def _expands(node: "Node") -> bool:
    return any(
        child.type
        in (*SUBSTITUTIONS, "simple_expansion", "expansion", "arithmetic_expansion", "ansi_c_string")
        or _expands(child)
        for child in [node, *node.named_children][1:]
    ) or node.type in ("simple_expansion", "expansion", "arithmetic_expansion", *SUBSTITUTIONS)


def _word(node: "Node") -> Word:
    """What the shell makes of a word: quotes and backslashes removed."""
    match node.type:
        case "word" | "number" | "extglob_pattern" | "regex" | "test_operator" | "variable_name":
            return _bare(_text(node))
        case "raw_string":
            return Word(_text(node)[1:-1])
        case "string" | "translated_string":
            return _quoted(node)
        case "concatenation":
            return _joined(node)
        case _ if not node.is_named:
            return _bare(_text(node))
        case _:
            return UNKNOWN


def _bare(text: str) -> Word:
    plain = _ESCAPED.sub("", text)
    if "{" in plain or "`" in plain or "$" in plain[:-1]:
        return UNKNOWN
    unescaped = re.sub(r"\\(\n)?(.?)", lambda found: "" if found[1] and not found[2] else found[2], text)
    return Word(unescaped, is_pattern=bool(re.search(r"[*?\[]|[@!+]\(", plain)))


def _quoted(node: "Node") -> Word:
    if _expands(node):
        return UNKNOWN
    text = _text(node)
    text = text[text.index('"') + 1 : -1]
    if _RUNS_IN_TEXT.search(text):
        return UNKNOWN
    return Word(re.sub(r'\\(\n|[$`"\\])', lambda found: "" if found[1] == "\n" else found[1], text))


def _joined(node: "Node") -> Word:
    children = node.children
    is_whole = children and all(a.end_byte == b.start_byte for a, b in pairwise(children))
    words = [_word(child) for child in children]
    unquoted = "".join(_ESCAPED.sub("", _text(child)) for child in children if child.type == "word")
    if not is_whole or "{" in unquoted or any(word.text is None for word in words):
        return UNKNOWN
    return Word("".join(word.text or "" for word in words), any(word.is_pattern for word in words))


def _text(node: "Node") -> str:
    return (node.text or b"").decode(errors="replace")

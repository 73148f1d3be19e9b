"""A shell command as the simple commands and redirections that it is made of, wherever they stand in it.

What this does not understand for sure it says to be unclear: no rule can then allow it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from kcode.agent.grammar import Node, tree
from kcode.agent.programs import Found, opened
from kcode.agent.words import (
    SUBSTITUTIONS,
    UNKNOWN,
    Word,
    expands,
    is_torn,
    names_in,
    read_word,
    runs_something,
)

LONGEST = 100_000
"""Characters; longer commands are not looked into."""
MOST_PIECES = 200
"""Of a command that cannot be parsed."""


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
    is_misread: bool = False
    """The grammar sees other words in it than the shell does."""


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
RESERVED = names_in("{ } ! if then else elif fi do done for while until case esac select function")

SUSPICIOUS = {
    "it has blanks that are none for the shell": re.compile(r"[^\S \t\n]|[\x00-\x08\x0e-\x1f\x7f]"),
    "a line ends within a word": re.compile(r"[^\s|&;(]\\\n\S"),
    "what a variable holds may run": re.compile(r"\$\{!|\$\{[^}]*@[A-Za-z]\}"),
}
_CALCULATES = re.compile(
    r"\(\(|\$\[|\blet\b|\[\[.*\s-(eq|ne|lt|le|gt|ge)\s|\[.*\s-v\s|\s-\w*i\w*\s+\w+=", re.DOTALL
)
_GETS_VALUES = re.compile(r"\$\((?!\()|`|\b(read|mapfile|readarray)\b")
_SEPARATORS = re.compile(r"(?:[;|\n(){}`!]|(?<![<>])&(?!>))+|\b(?:do|then|else)\b")


def parts(command: str) -> tuple[Part, ...]:
    """All parts of a command, in the order in which they stand; never raises."""
    if len(command) > LONGEST:
        return (Unclear(command[:80], "it is too long to be looked into"),)
    return (*_parsed(command), *_suspected(command))


def _suspected(command: str) -> Iterator[Part]:
    for reason, pattern in SUSPICIOUS.items():
        if pattern.search(command):
            yield Unclear(command, reason)
    # The shell runs the substitutions in a value that it calculates with: x='a[$(id)]'; ((x))
    if _CALCULATES.search(command) and _GETS_VALUES.search(command):
        yield Unclear(command, "it calculates with a value that is not known before it runs")


def _parsed(command: str) -> tuple[Part, ...]:
    try:
        read = tree(command)
        found = tuple(_visit(read.root))
        if not read.has_error and not any(isinstance(part, Unclear) and part.is_misread for part in found):
            return found
        return (*found, *_salvaged(command), Unclear(command, "it cannot be parsed"))
    except RecursionError:
        return (Unclear(command, "it is nested too deeply"),)


def _salvaged(command: str) -> Iterator[Part]:
    """What the pieces of a command that cannot be parsed would be by themselves: a rule may deny one of them."""
    for piece in _SEPARATORS.split(command.replace("\\\n", " "))[:MOST_PIECES]:
        read = tree(piece.strip())
        if not read.has_error:
            yield from _visit(read.root)


def _visit(node: Node) -> Iterator[Part]:
    yield from _gaps(node)
    match node.type:
        case kind if kind in GROUPS:
            for child in node.named:
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
            yield Simple((Word("test"), *((UNKNOWN,) if expands(node) else ())))
            yield from _inside(node)
        case kind if kind in VALUES:
            yield from _inside(node)
        case "comment" | "heredoc_start" | "heredoc_end" | "heredoc_content":
            pass
        case "ERROR":
            for child in node.named:
                yield from _visit(child)
        case kind:
            yield Unclear(node.text, f"{kind.replace('_', ' ')} is not looked into")


def _gaps(node: Node) -> Iterator[Part]:
    """Whatever the grammar takes for a blank and is none for the shell: in `'a'\\ b` it sees two words."""
    if node.type not in VALUES and not all(_is_gap(node, *pair) for pair in pairwise(node.children)):
        yield Unclear(node.text, "a part of it is not understood", is_misread=True)


def _is_gap(node: Node, before: Node, after: Node) -> bool:
    text = node.gap(before, after)
    if node.type not in ("command", "file_redirect"):
        return bool(re.fullmatch(r"(?:[ \t\n]|\\\n)*", text))
    is_operator = node.type == "file_redirect" and not (before.is_named and after.is_named)
    are_words = not is_operator and "redirect" not in before.type + after.type
    return bool(re.fullmatch(r"(?:[ \t]|\\\n)+" if are_words else r"(?:[ \t]|\\\n)*", text))


def _inside(node: Node) -> Iterator[Part]:
    """The commands in the substitutions of a value."""
    if node.type in SUBSTITUTIONS:
        yield from _visit(node)
        return
    if node.type == "word" and is_torn(node.text):
        yield Unclear(node.text, "for the shell it is more than one word", is_misread=True)
    for child in node.named:
        yield from _inside(child)


def _assignment(node: Node) -> Iterator[Part]:
    yield Simple((), tuple(_names(node)))
    yield from _inside(node)


def _names(node: Node) -> Iterator[str]:
    for one in node.named if node.type == "variable_assignments" else [node]:
        yield re.split(r"[+=\[]", one.text, maxsplit=1)[0]


def _declaration(node: Node) -> Iterator[Part]:
    words = [Word(child.text) if not expands(child) else UNKNOWN for child in node.children]
    yield Simple(tuple(words))
    yield from _inside(node)


def _redirected(node: Node) -> Iterator[Part]:
    redirects = [child for child in node.named if child.type.endswith("_redirect")]
    body = next((child for child in node.named if child not in redirects), None)
    yield from _lone(redirects) if body is None else _with_redirects(body, redirects)


def _with_redirects(body: Node, redirects: list[Node]) -> Iterator[Part]:
    """`a && b > c`: for the grammar the redirection is about both, for the shell about the last."""
    match body.type:
        case "command":
            yield from _gaps(body)
            yield from _command(body, redirects)
        case "list" | "pipeline" | "negated_command" if body.named:
            yield from _gaps(body)
            for child in body.named[:-1]:
                yield from _visit(child)
            yield from _with_redirects(body.named[-1], redirects)
        case _:
            yield from _visit(body)
            yield from _lone(redirects)


def _lone(redirects: list[Node]) -> Iterator[Part]:
    """Redirections without a simple command, or of several."""
    for redirect in redirects:
        if _following_words(redirect):
            yield Unclear(redirect.text, "words follow its redirection")
        yield from _redirections(redirect)


def _command(node: Node, redirects: list[Node]) -> Iterator[Part]:
    words: list[Word] = []
    assigned: list[str] = []
    stdin = None
    for child in [*node.children, *redirects]:
        if child.type == "variable_assignment":
            assigned += _names(child)
            yield from _inside(child)
        elif child.type.endswith("_redirect"):
            words += [read_word(word) for word in _following_words(child)]
            stdin = _given(child) if child.type != "file_redirect" else stdin
            yield from _redirections(child)
        else:
            words.append(read_word(child.named[0] if child.type == "command_name" else child))
            yield from _inside(child)
    yield from _opened(tuple(words), tuple(assigned), stdin, node.text)


def _opened(
    words: tuple[Word, ...], assigned: tuple[str, ...], stdin: str | None, text: str
) -> Iterator[Part]:
    """A simple command, and those that it was told to run."""
    if words and words[0].text in RESERVED:
        yield Unclear(text, "its first word is none for the shell", is_misread=True)
        yield from _opened(words[1:], assigned, stdin, text)
        return
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


def _redirections(node: Node) -> Iterator[Part]:
    yield from _gaps(node)
    match node.type:
        case "file_redirect":
            yield from _file(node)
        case "herestring_redirect":
            yield from _inside(node)
        case "heredoc_redirect":
            yield from _heredoc(node)
        case kind:
            yield Unclear(node.text, f"{kind.replace('_', ' ')} is not looked into")


def _file(node: Node) -> Iterator[Part]:
    operator = next((child.type for child in node.children if not child.is_named), "")
    targets = _destinations(node)
    for target in targets[:1]:
        word = read_word(target)
        is_duplicate = operator in (">&", "<&") and re.fullmatch(r"\d+-?|-", word.text or "")
        if not is_duplicate and word.text != "/dev/null":
            yield Redirection(word, writes=operator != "<")
    if not targets and operator not in (">&-", "<&-"):
        yield Unclear(node.text, "its redirection has no target")
    for target in targets:
        yield from _inside(target)


def _heredoc(node: Node) -> Iterator[Part]:
    start, end = (
        next((child.text for child in node.named if child.type == kind), "")
        for kind in ("heredoc_start", "heredoc_end")
    )
    if not start or re.sub(r"['\"\\]", "", start) != end.strip():
        yield Unclear(node.text, "its here-document has no clear end")
    for child in node.named:
        if child.type == "heredoc_body":
            found = list(_inside(child))
            yield from found
            if start.isalnum() and not found and runs_something(child.text):
                yield Unclear(child.text, "its here-document runs something")
        elif child.type in ("file_redirect", "herestring_redirect", "heredoc_redirect"):
            yield from _redirections(child)
        else:
            yield from _visit(child)


def _given(redirect: Node) -> str | None:
    """What a here-document or here-string holds. None: it is not known."""
    for child in redirect.named:
        if child.type == "heredoc_body":
            return None if child.named else child.text
    if redirect.type == "herestring_redirect" and redirect.named:
        return read_word(redirect.named[-1]).text
    return None


def _destinations(redirect: Node) -> list[Node]:
    return [child for child in redirect.named if child.type != "file_descriptor"]


def _following_words(redirect: Node) -> list[Node]:
    """`> out --more`: for the grammar they belong to the redirection, for the shell to the command."""
    if redirect.type == "heredoc_redirect":
        inner = [child for child in redirect.named if child.type == "file_redirect"]
        return [word for child in inner for word in _following_words(child)]
    return _destinations(redirect)[1:] if redirect.type == "file_redirect" else []

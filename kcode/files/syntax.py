"""What tree-sitter knows of a file: its definitions, and its first syntax error."""

import importlib
import io
import tokenize
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Language, Node

MOST = 1_000_000
"""Bytes up to which a file is parsed."""
LONGEST_LINE = 120

_JS = "function_declaration generator_function_declaration class_declaration method_definition"
_JS_VARIABLES = " (variable_declarator value: [(arrow_function) (function_expression)]) @definition"
_TS = f"{_JS} abstract_class_declaration interface_declaration type_alias_declaration enum_declaration"
_C = "struct_specifier:body union_specifier:body enum_specifier:body function_definition"
_TYPES = "class_declaration interface_declaration enum_declaration"
_JAVA = f"{_TYPES} record_declaration method_declaration constructor_declaration"
_CSHARP = f"{_JAVA} struct_declaration"
_PHP = f"{_TYPES} trait_declaration function_definition method_declaration"


@dataclass(frozen=True, slots=True)
class Grammar:
    module: str
    definitions: str
    """Node kinds; `kind:field` wants a node that has the field."""
    queries: str = ""
    """Definitions that a kind of node doesn't say."""
    function: str = "language"

    def language(self) -> "Language":
        from tree_sitter import Language

        return Language(getattr(importlib.import_module(f"tree_sitter_{self.module}"), self.function)())

    def query(self) -> str:
        kinds = (kind.partition(":") for kind in self.definitions.split())
        return (
            " ".join(f"({kind} {field and f'{field}: (_)'}) @definition" for kind, _, field in kinds)
            + self.queries
        )


GRAMMARS = {
    ".py .pyi": Grammar("python", "class_definition function_definition"),
    ".js .mjs .cjs .jsx": Grammar("javascript", _JS, _JS_VARIABLES),
    ".ts .mts .cts": Grammar("typescript", _TS, _JS_VARIABLES, "language_typescript"),
    ".tsx": Grammar("typescript", _TS, _JS_VARIABLES, "language_tsx"),
    ".go": Grammar("go", "function_declaration method_declaration type_declaration"),
    ".rs": Grammar(
        "rust", "function_item struct_item enum_item trait_item impl_item mod_item type_item macro_definition"
    ),
    ".java": Grammar("java", _JAVA),
    ".c": Grammar("c", f"{_C} type_definition"),
    ".h .hh .hpp .hxx .cc .cpp .cxx": Grammar("cpp", f"{_C} class_specifier:body namespace_definition"),
    ".cs": Grammar("c_sharp", _CSHARP),
    ".rb": Grammar("ruby", "class module method singleton_method"),
    ".php": Grammar("php", _PHP, function="language_php"),
    ".sh .bash": Grammar("bash", "function_definition"),
}


def grammar_of(name: str) -> Grammar | None:
    suffix = PurePath(name).suffix.lower()
    return next(
        (grammar for suffixes, grammar in GRAMMARS.items() if suffix and suffix in suffixes.split()), None
    )


def outline(name: str, content: str, bound: int) -> str | None:
    """The definitions, one a line: `first-last`, tab, the line itself indented by depth; as deep as `bound`
    characters allow. None: the kind of file is unknown, it is too big, or it defines nothing."""
    from tree_sitter import Parser, Query, QueryCursor

    data, grammar = content.encode(), grammar_of(name)
    if grammar is None or len(data) > MOST:
        return None
    language = grammar.language()
    root = Parser(language).parse(data).root_node
    found = QueryCursor(Query(language, grammar.query())).captures(root).get("definition", [])
    lines = _nested(sorted(found, key=lambda node: (node.start_byte, -node.end_byte)), content.split("\n"))
    for depth in range(max((depth for depth, _ in lines), default=0), -1, -1):
        text = "\n".join(line for own, line in lines if own <= depth)
        if len(text) <= bound:
            return text or None
    whole = text[:bound].rpartition("\n")[0]
    return f"{whole}\n[{text.count(chr(10)) - whole.count(chr(10))} more definitions]"


def _nested(nodes: "list[Node]", source: list[str]) -> list[tuple[int, str]]:
    """Depth and line of every definition."""
    lines: list[tuple[int, str]] = []
    around: list[int] = []
    latest = -1
    for node in nodes:
        while around and around[-1] <= node.start_byte:
            around.pop()
        first, last = node.start_point[0], node.end_point[0]
        if first == latest:
            continue
        latest = first
        text = f"{first + 1}-{last + 1}\t{'  ' * len(around)}{source[first].strip()[:LONGEST_LINE]}"
        lines.append((len(around), text))
        around.append(node.end_byte)
    return lines


def new_fault(name: str, before: str | None, after: str) -> str | None:
    """Words on the first syntax error of `after`, unless `before` had one already."""
    line = fault(name, after)
    if line is None or (before is not None and fault(name, before) is not None):
        return None
    return f"Syntax error at line {line}: {after.split(chr(10))[line - 1].strip()[:LONGEST_LINE]}"


def fault(name: str, content: str) -> int | None:
    """The line of the first syntax error. None: there is none, or the file is too big or of unknown kind."""
    from tree_sitter import Parser

    data, grammar = content.encode(), grammar_of(name)
    if grammar is None or len(data) > MOST:
        return None
    root = Parser(grammar.language()).parse(data).root_node
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

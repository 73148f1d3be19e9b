"""The languages that are understood: which nodes of their grammars define something, and which refer to it.

A name that is merely bound (a parameter, a local variable) refers to nothing. What crosses files in Python and
JavaScript is imported, called, or an attribute, so a plain name counts there only in an import, a call or a type.
"""

import importlib
import re
import time
from dataclasses import dataclass
from functools import cache
from pathlib import PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Language, Node, Query

MOST = 500_000
"""Characters up to which a file is parsed."""
PATIENCE = 2.0
"""Seconds for one file; code that somebody wrote takes a tenth of a second per million characters."""
RUBBLE = 5_000
PIECE = 65_536
STAND_IN = "%"
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")

_JS = "function_declaration generator_function_declaration class_declaration method_definition"
_JS_VARIABLES = " (variable_declarator value: [(arrow_function) (function_expression)]) @definition"
_JS_FIELDS = " (field_definition property: (_) value: (arrow_function)) @definition"
_JS_USES = """
    (import_specifier name: (identifier) @name) (import_clause (identifier) @name)
    (export_specifier name: (identifier) @name) (class_heritage (identifier) @name)
    (call_expression function: (identifier) @name) (new_expression constructor: (identifier) @name)
    (member_expression property: (_) @name) (decorator (identifier) @name)
"""
_JSX_USES = " (jsx_opening_element (identifier) @name) (jsx_self_closing_element (identifier) @name)"
_TS = f"""{_JS} abstract_class_declaration interface_declaration type_alias_declaration enum_declaration
    function_signature internal_module abstract_method_signature"""
_TS_FIELDS = " (public_field_definition value: (arrow_function)) @definition"
_TS_USES = f"""
    (import_specifier name: (identifier) @name) (import_clause (identifier) @name)
    (export_specifier name: (identifier) @name) (extends_clause value: (identifier) @name)
    {_JS_USES.partition("(class_heritage (identifier) @name)")[2]} (type_identifier) @name
"""
_C = "struct_specifier:body union_specifier:body enum_specifier:body function_definition"
_C_PROTOTYPES = "".join(
    f" ({around} (declaration declarator: {declarator}) @definition)"
    for around in ("translation_unit", "preproc_ifdef", "preproc_if", "declaration_list")
    for declarator in ("(function_declarator)", "(pointer_declarator (function_declarator))")
)
_C_USES = """
    (call_expression function: (identifier) @name) (field_expression field: (field_identifier) @name)
    (type_identifier) @name
"""
_CPP_MEMBERS = """
    (field_declaration_list (field_declaration declarator: (function_declarator)) @definition)
    (field_declaration_list (declaration declarator: (function_declarator)) @definition)
"""
_CPP_USES = """
    (qualified_identifier name: (identifier) @name) (template_function name: (identifier) @name)
"""
_TYPES = "class_declaration interface_declaration enum_declaration"
_JAVA = f"{_TYPES} record_declaration method_declaration constructor_declaration"
_JAVA_USES = """
    (type_identifier) @name (method_invocation name: (identifier) @name)
    ((method_invocation object: (identifier) @name) (#match? @name "^[A-Z]"))
    (method_reference (identifier) @name)
    (marker_annotation name: (identifier) @name) (annotation name: (identifier) @name)
    (field_access field: (identifier) @name)
    (import_declaration (scoped_identifier name: (identifier) @name))
"""
_CSHARP = f"{_JAVA} struct_declaration delegate_declaration property_declaration"
_CSHARP_USES = """
    (invocation_expression function: (identifier) @name)
    (member_access_expression name: (identifier) @name)
    ((member_access_expression expression: (identifier) @name) (#match? @name "^[A-Z]"))
    (object_creation_expression type: (identifier) @name) (base_list (identifier) @name)
    (generic_name (identifier) @name) (type_argument_list (identifier) @name)
    (variable_declaration type: (identifier) @name) (parameter type: (identifier) @name)
    (method_declaration returns: (identifier) @name) (property_declaration type: (identifier) @name)
    (nullable_type (identifier) @name) (array_type type: (identifier) @name) (attribute name: (identifier) @name)
"""
_GO_USES = """
    (type_identifier) @name (call_expression function: (identifier) @name)
    (selector_expression field: (field_identifier) @name)
"""
_RUST = """function_item function_signature_item struct_item union_item enum_item trait_item impl_item mod_item
    type_item macro_definition"""
_RUST_USES = """
    (type_identifier) @name (call_expression function: (identifier) @name)
    (field_expression field: (field_identifier) @name) (scoped_identifier name: (identifier) @name)
    (scoped_identifier path: (identifier) @name) (use_list (identifier) @name)
    (macro_invocation macro: (identifier) @name) (use_as_clause path: (identifier) @name)
"""
_RUBY_USES = "(constant) @name (call method: (identifier) @name)"
_PHP = f"{_TYPES} trait_declaration function_definition method_declaration"
_PHP_USES = """
    (qualified_name (name) @name) (base_clause (name) @name) (class_interface_clause (name) @name)
    (use_declaration (name) @name) (named_type (name) @name) (object_creation_expression (name) @name)
    (function_call_expression function: (name) @name) (member_call_expression name: (name) @name)
    (scoped_call_expression scope: (name) @name) (scoped_call_expression name: (name) @name)
    (class_constant_access_expression . (name) @name) (attribute (name) @name)
    (namespace_use_clause (name) @name)
"""
_PYTHON_USES = """
    (call function: (identifier) @name) (attribute attribute: (identifier) @name) (type (identifier) @name)
    (import_from_statement name: (dotted_name (identifier) @name))
    (import_from_statement name: (aliased_import name: (dotted_name (identifier) @name)))
    (class_definition superclasses: (argument_list (identifier) @name)) (decorator (identifier) @name)
    (type (generic_type (identifier) @name)) (type (binary_operator (identifier) @name))
    (class_pattern (dotted_name (identifier) @name))
"""


@dataclass(frozen=True, slots=True)
class Grammar:
    module: str
    kinds: str
    """Kinds of nodes that define something; `kind:field` wants a node that has the field."""
    uses: str
    """Queries that capture as @name what refers to a definition."""
    more: str = ""
    """Queries that capture as @definition what a kind of node doesn't say."""
    function: str = "language"
    family: str = ""
    """Languages that call each other; the module where it is not named."""

    def parse(self, content: str) -> "tuple[Node, bytes] | None":
        """The root of the tree, and the bytes that its offsets count; they have the lines of `content`. None when
        it is too much of a riddle."""
        from tree_sitter import Parser

        data, until = self._bytes(content), time.monotonic() + PATIENCE
        try:
            tree = Parser(language(self)).parse(
                lambda at, _: data[at : at + PIECE], progress_callback=lambda at, _: time.monotonic() > until
            )
        except ValueError:  # stopped by us
            return None
        return tree.root_node, data

    def _bytes(self, content: str) -> bytes:
        """bash's scanner asks the C library about characters in a way that others than ASCII crash."""
        return _NOT_ASCII.sub(STAND_IN, content).encode() if self.module == "bash" else content.encode()

    def definition_query(self) -> str:
        kinds = (kind.partition(":") for kind in self.kinds.split())
        return (
            " ".join(f"({kind} {field and f'{field}: (_)'}) @definition" for kind, _, field in kinds)
            + self.more
        )


GRAMMARS = {
    ".py .pyi": Grammar("python", "class_definition function_definition", _PYTHON_USES),
    ".js .mjs .cjs .jsx": Grammar("javascript", _JS, _JS_USES + _JSX_USES, _JS_VARIABLES + _JS_FIELDS),
    ".ts .mts .cts": Grammar(
        "typescript", _TS, _TS_USES, _JS_VARIABLES + _TS_FIELDS, "language_typescript", "javascript"
    ),
    ".tsx": Grammar(
        "typescript", _TS, _TS_USES + _JSX_USES, _JS_VARIABLES + _TS_FIELDS, "language_tsx", "javascript"
    ),
    ".go": Grammar(
        "go", "function_declaration method_declaration type_spec type_alias method_elem", _GO_USES
    ),
    ".rs": Grammar("rust", _RUST, _RUST_USES),
    ".java": Grammar("java", f"{_JAVA} annotation_type_declaration", _JAVA_USES),
    ".c": Grammar("c", f"{_C} type_definition", _C_USES, _C_PROTOTYPES),
    ".h .hh .hpp .hxx .cc .cpp .cxx": Grammar(
        "cpp",
        f"{_C} class_specifier:body namespace_definition type_definition alias_declaration",
        _C_USES + _CPP_USES,
        _C_PROTOTYPES + _CPP_MEMBERS,
        family="c",
    ),
    ".cs": Grammar("c_sharp", _CSHARP, _CSHARP_USES),
    ".rb": Grammar("ruby", "class module method singleton_method", _RUBY_USES),
    ".php": Grammar("php", _PHP, _PHP_USES, function="language_php"),
    ".sh .bash": Grammar("bash", "function_definition", "(command_name (word) @name)"),
}
_BY_SUFFIX = {suffix: grammar for suffixes, grammar in GRAMMARS.items() for suffix in suffixes.split()}


def grammar_of(name: str) -> Grammar | None:
    return _BY_SUFFIX.get(PurePath(name).suffix.lower())


def family_of(name: str) -> str:
    """Names in files of one family may mean each other; "" for a file of no language."""
    grammar = grammar_of(name)
    return (grammar.family or grammar.module) if grammar else ""


@cache
def language(grammar: Grammar) -> "Language":
    from tree_sitter import Language

    return Language(getattr(importlib.import_module(f"tree_sitter_{grammar.module}"), grammar.function)())


def captured(query: "Query", capture: str, root: "Node") -> "list[Node]":
    """The nodes that a query finds; none in rubble, where a query takes time by the square of its size."""
    from tree_sitter import QueryCursor

    return [] if _is_rubble(root) else QueryCursor(query).captures(root).get(capture, [])


def _is_rubble(root: "Node") -> bool:
    """Whether thousands of pieces of what is no code lie side by side."""
    pending = [root] if root.has_error else []
    while pending:
        node = pending.pop()
        if node.is_error and node.child_count > RUBBLE:
            return True
        pending += (child for child in node.children if child.has_error and child.descendant_count > RUBBLE)
    return False


@cache
def definitions_query(grammar: Grammar) -> "Query":
    from tree_sitter import Query

    return Query(language(grammar), grammar.definition_query())


@cache
def uses_query(grammar: Grammar) -> "Query":
    from tree_sitter import Query

    return Query(language(grammar), grammar.uses)

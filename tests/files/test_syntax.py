import pytest

from kcode.files.languages import GRAMMARS
from kcode.files.syntax import fault, new_fault, outline

OUTLINES = {
    "a.py": (
        "class A(B):\n    @x\n    async def f(self):\n        pass\n\n\ndef g(): ...\n",
        ["class A(B):", "async def f(self):", "def g(): ..."],
    ),
    "a.js": (
        "export class A {\n  f() {}\n}\nconst g = () => {\n};\nfunction* h() {}\n",
        ["export class A {", "f() {}", "const g = () => {", "function* h() {}"],
    ),
    "a.jsx": ("function App() { return <p/>; }\n", ["function App() { return <p/>; }"]),
    "a.ts": (
        "interface A { b: string }\ntype T = A;\nenum E { x }\nabstract class C {\n  m(): void {}\n}\n",
        ["interface A { b: string }", "type T = A;", "enum E { x }", "abstract class C {", "m(): void {}"],
    ),
    "a.tsx": ("export const App = (p: P) => <b>{p.x}</b>;\n", ["export const App = (p: P) => <b>{p.x}</b>;"]),
    "a.go": (
        "package m\n\ntype T struct{}\n\nfunc (t T) F() {}\n\nfunc g() {}\n",
        ["type T struct{}", "func (t T) F() {}", "func g() {}"],
    ),
    "a.rs": (
        "struct S;\nimpl S {\n    fn f() {}\n}\ntrait T {}\nmod m { enum E {} }\n",
        ["struct S;", "impl S {", "fn f() {}", "trait T {}", "mod m { enum E {} }"],
    ),
    "A.java": (
        "public class A {\n  A() {}\n  void f() {}\n  record R(int x) {}\n}\n",
        ["public class A {", "A() {}", "void f() {}", "record R(int x) {}"],
    ),
    "a.c": (
        "struct s { int a; };\nstatic int f(struct s x) {\n  return 0;\n}\n",
        ["struct s { int a; };", "static int f(struct s x) {"],
    ),
    "a.h": (
        "namespace n {\nclass C {\n  void f() {}\n};\n}\n",
        ["namespace n {", "class C {", "void f() {}"],
    ),
    "a.cpp": ("class C {\n};\nvoid C::f() {}\n", ["class C {", "void C::f() {}"]),
    "a.cs": ("class A {\n  void F() {}\n}\nstruct S {}\n", ["class A {", "void F() {}", "struct S {}"]),
    "a.rb": (
        "module M\n  class A\n    def f\n    end\n    def self.g; end\n  end\nend\n",
        ["module M", "class A", "def f", "def self.g; end"],
    ),
    "a.php": (
        "<?php\nclass A {\n  function f() {}\n}\nfunction g() {}\n",
        ["class A {", "function f() {}", "function g() {}"],
    ),
    "a.sh": ("f() {\n  true\n}\nfunction g { true; }\n", ["f() {", "function g { true; }"]),
}
BROKEN = {
    "a.py": "def f(:\n    pass\n",
    "a.js": "function f() {\n",
    "a.jsx": "const a = <b>;\n",
    "a.ts": "interface A { b: }\n",
    "a.tsx": "const a = <b>{</b>;\n",
    "a.go": "package m\nfunc f() {\n\tx :=\n}\n",
    "a.rs": "fn f() { let x = ; }\n",
    "A.java": "class A { void f() { int x = 1 } }\n",
    "a.c": "int f() { return 1\n}\n",
    "a.h": "class A { int f( };\n",
    "a.cpp": "int f() {\n",
    "a.cs": "class A { void F() { int x = ; } }\n",
    "a.rb": "def f\n  1\n",
    "a.php": "<?php function f() { echo 1 }\n",
    "a.sh": "if x; then\n  y\n",
}


@pytest.mark.parametrize("name", OUTLINES)
def test_definitions_are_found_in(name: str) -> None:
    content, expected = OUTLINES[name]
    found = outline(name, content, 10_000)
    assert found and [line.split("\t")[1].strip() for line in found.split("\n")] == expected


@pytest.mark.parametrize("name", OUTLINES)
def test_good_code_has_no_fault_and_broken_code_has_one_in(name: str) -> None:
    assert fault(name, OUTLINES[name][0]) is None
    assert fault(name, BROKEN[name]) is not None


def test_every_kind_of_file_is_tested() -> None:
    tested = {"." + name.rpartition(".")[2] for name in OUTLINES}
    assert all(tested & set(suffixes.split()) for suffixes in GRAMMARS)


def test_an_outline_names_lines_and_nests() -> None:
    content = "import x\n\nclass A:\n    def f(self):\n        return 1\n"
    assert outline("a.py", content, 1000) == "3-5\tclass A:\n4-5\t  def f(self):"


def test_an_outline_is_less_deep_when_there_is_no_room() -> None:
    content = "".join(f"class A{n}:\n    def f(self): ...\n" for n in range(20))
    found = outline("a.py", content, 500)
    assert found and "class A19:" in found and "def f" not in found


def test_unknown_large_and_empty_files_have_no_outline() -> None:
    assert outline("a.txt", "class A: ...\n", 1000) is None
    assert outline("a", "", 1000) is None
    assert outline("a.py", "x = 1\n", 1000) is None
    assert outline("a.py", "class A: ...\n" + "# x\n" * 300_000, 1000) is None


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("def f():\nreturn 1\n", 2),
        ("def f():\n    x = 1\n      y = 2\n", 3),
        ("class A:\n    def f(self):\n        return 1\n   def g(self): pass\n", 4),
        ("if x:\n    # only a comment\ny = 1\n", 3),
    ],
)
def test_the_indentation_of_python_is_looked_at(content: str, line: int) -> None:
    assert fault("a.py", content) == line


@pytest.mark.parametrize(
    "content",
    [
        "",
        "x: int\n",
        "def f(): return {1: 2}\n",
        "if x:\n    # a comment\n\n    y = [\n1,\n]\n",
        'def f():\n    """a:\n  b"""\n    if x: y\n    else:\n\n        z = lambda: 1\n  # odd\n    return x\n',
        "match x:\n    case 1:\n        pass\n",
        "x = 1 \\\n    + 2\n",
        "def f():\n\tif x:\n\t\tpass\n",
        "\f\nx = 1\n",
    ],
)
def test_good_python_is_good(content: str) -> None:
    assert fault("a.py", content) is None


def test_only_a_new_fault_is_told() -> None:
    assert new_fault("a.py", "x = 1\n", "x = (\n") == "Syntax error at line 1: x = ("
    assert new_fault("a.py", None, "y = 2\nx = 1 +* 2\n") == "Syntax error at line 2: x = 1 +* 2"
    assert new_fault("a.py", "x = (\n", "y = (\n") is None
    assert new_fault("a.py", "x = (\n", "x = 1\n") is None
    assert new_fault("a.txt", "x = 1\n", "x = (\n") is None


def test_windows_line_ends_and_strange_characters_are_no_fault() -> None:
    assert fault("a.py", "def f():\r\n    return 'ü😀'\r\n") is None
    assert fault("a.go", "package m\r\n\r\nfunc f() {\r\n}\r\n") is None

import ast
import io
import re
import subprocess
import sys
import tokenize
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
IMPORT_NAMES = {
    "agent": "agent",
    "modes": "modes",
    "tools": "tools",
    "memory": "memory",
    "tests/provider": "scripted",
}

COME_WITH_ANOTHER = {"httpx", "openai", "rich"}
"""LiteLLM's wires and Textual's lines: another version than theirs would be of no use."""

LONGEST_FILE = 400
LONGEST_FUNCTION = 60
SAY_NOTHING = {"utils", "util", "common", "misc", "helpers", "helper", "shared", "base"}
EMPTY_ENDINGS = ("Manager", "Handler", "Service", "Helper", "Impl", "Util", "Utils")

HEAVY = {"litellm", "textual", "rich", "openai", "tiktoken", "tokenizers", "boto3", "git", "tree_sitter"}
LIGHT = {
    "kcode.cli.main": HEAVY | {"click", "pydantic", "asyncio", "typing"},
    "kcode.cli.root": HEAVY | {"pydantic", "asyncio", "sqlite3"},
    "kcode.cli.completion": HEAVY | {"pydantic", "asyncio", "sqlite3"},
    "kcode.cli.config": HEAVY | {"asyncio", "tomlkit"},
    "kcode.cli.trust": HEAVY,
    "kcode.cli.doctor": HEAVY,
    "kcode.cli.spend": HEAVY,
    "kcode.cli.models": HEAVY,
    "kcode.cli.auth": HEAVY,
    "kcode.cli.sessions": HEAVY,
    "kcode.cli.demo": HEAVY,
    "kcode.cli.undo": HEAVY,
    "kcode.cli.tools": HEAVY,
    "kcode.cli.modes": HEAVY,
    "kcode.cli.permissions": HEAVY,
    "kcode.cli.memory": HEAVY,
    "kcode.cli.rules": HEAVY,
    "kcode.cli.run": HEAVY,
    "kcode.agent.session": HEAVY,
}
"""What each of these must not load: it would be paid for in seconds by everybody who types the command."""


def source_files() -> list[Path]:
    """What is shipped, as tracked files below the root; the demo's sample is data."""
    listed = subprocess.run(
        ["git", "ls-files", "*.py"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    unwanted = ("tests/", "benchmarks/", "docs/", "kcode/cli/sample/")
    names = [n for n in listed if n.startswith("tests/provider/") or not n.startswith(unwanted)]
    return [ROOT / name for name in names if (ROOT / name).is_file()]


def module_name(file: Path) -> str:
    name = file.relative_to(ROOT).as_posix().removesuffix(".py").removesuffix("/__init__")
    for folder, package in IMPORT_NAMES.items():
        if name == folder or name.startswith(f"{folder}/"):
            name = f"kcode/{package}{name.removeprefix(folder)}"
    return name.replace("/", ".")


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def python(script: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, text=True)


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    arguments = ["lint-imports", "--no-logo", "--no-cache"]
    return python(
        f"import sys; sys.argv = {arguments}; from importlinter.cli import *; lint_imports_command()", folder
    )


def test_every_import_contract_holds() -> None:
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def report_on_a_spoilt_copy(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the contracts say when each of them is broken at one place."""
    copy = tmp_path_factory.mktemp("spoilt")
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in tracked.splitlines():
        source, target = ROOT / name, copy / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_symlink():
            target.symlink_to(source.readlink())
        elif source.suffix in (".py", ".toml"):
            target.write_bytes(source.read_bytes())
    for name, line in {
        "kcode/messages.py": "import kcode.cli.main",
        "tools/tool.py": "import litellm",
        "kcode/spend/money.py": "import textual",
        "memory/log.py": "import kcode.scripted",
        "modes/__init__.py": "import kcode.modes.mode",
        "kcode/stray.py": "",
    }.items():
        file = copy / name
        file.write_text((file.read_text() if file.exists() else "") + f"\n{line}\n")
    done = lint_imports(copy)
    assert done.returncode != 0
    return done.stdout


@pytest.mark.parametrize(
    "contract",
    [
        "Each floor imports only what lies below it",
        "Only the door knows LiteLLM",
        "Only the screen knows Textual",
        "Only the command line knows the scripted provider",
    ],
)
def test_a_contract_notices_when_it_is_broken(contract: str, report_on_a_spoilt_copy: str) -> None:
    assert re.search(rf"{contract} BROKEN", report_on_a_spoilt_copy), report_on_a_spoilt_copy


def test_a_module_without_a_floor_is_noticed(report_on_a_spoilt_copy: str) -> None:
    assert "stray" in report_on_a_spoilt_copy


@pytest.mark.parametrize("module", LIGHT)
def test_a_light_module_loads_nothing_heavy(module: str) -> None:
    done = python(f"import sys, {module}; print(*{{name.partition('.')[0] for name in sys.modules}})")
    assert done.returncode == 0, done.stderr
    assert not LIGHT[module] & set(done.stdout.split())


def test_importing_all_of_kcode_loads_neither_litellm_nor_textual_and_writes_nothing(
    kcode_home: Path,
) -> None:
    names = [module_name(file) for file in source_files() if file.name != "setup.py"]
    modules = [name for name in names if not name.startswith("kcode.tui")]
    done = python(f"import sys, {', '.join(modules)}; print(*sys.modules)")
    assert (done.returncode, done.stderr) == (0, "")
    assert not {"litellm", "textual"} & set(done.stdout.split())
    assert not kcode_home.exists()


def test_every_module_says_in_its_first_line_what_it_is_for() -> None:
    silent = [file.name for file in source_files() if not ast.get_docstring(ast.parse(file.read_text()))]
    assert silent == []


def test_no_module_and_no_class_has_a_name_that_says_nothing() -> None:
    modules = [str(file) for file in source_files() if SAY_NOTHING & {file.stem, file.parent.name}]
    classes = [
        node.name
        for file in source_files()
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ClassDef) and node.name.endswith(EMPTY_ENDINGS)
    ]
    assert modules + classes == []


def test_no_file_is_too_long_to_be_one_thing() -> None:
    lengths = {str(file.relative_to(ROOT)): len(file.read_text().splitlines()) for file in source_files()}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}


def test_no_function_is_too_long_for_the_eye() -> None:
    lengths = {
        f"{file.relative_to(ROOT)}:{node.lineno} {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for file in source_files()
        for node in functions(ast.parse(file.read_text()))
    }
    assert {name: length for name, length in lengths.items() if length > LONGEST_FUNCTION} == {}


def test_nothing_is_left_to_be_done_in_a_comment() -> None:
    left = [
        f"{file.relative_to(ROOT)}:{token.start[0]}"
        for file in source_files()
        for token in tokenize.generate_tokens(io.StringIO(file.read_text()).readline)
        if token.type == tokenize.COMMENT and re.search(r"\b(TODO|FIXME|XXX|HACK)\b", token.string)
    ]
    assert left == []


def test_whatever_is_imported_is_declared_as_a_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = {normal(re.split(r"[^\w.-]", line)[0]) for line in project["dependencies"]}
    owners = metadata.packages_distributions()
    missing = {
        name: owners.get(name, ["?"])
        for name in imported_packages()
        if not declared & {normal(owner) for owner in owners.get(name, ["?"])}
    }
    assert missing == {}


def imported_packages() -> set[str]:
    nodes = (
        node
        for file in source_files()
        if file.name != "setup.py"
        for node in ast.walk(ast.parse(file.read_text()))
    )
    names = {
        name.partition(".")[0]
        for node in nodes
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    return names - set(sys.stdlib_module_names) - {"kcode"} - COME_WITH_ANOTHER


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()

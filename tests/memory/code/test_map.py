"""The map fits, and it names the right files: for kcode's own repository, and for a large generated one."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from kcode.files.syntax import Tags, tags
from kcode.memory.code.cache import Cache
from kcode.memory.code.index import Index, index_of
from kcode.memory.code.map import repo_map
from kcode.memory.code.words import asked

ROOT = Path(__file__).parents[3]
BUDGET = 400
FIRST = 3

OF_KCODE = {
    "where is the ledger row reserved": "kcode/spend/ledger.py",
    "which module applies the cache marks": "kcode/llm/cache.py",
    "how does search use ripgrep": "tools/files/seek.py",
    "where is git kept from running hooks of a repository": "kcode/processes/git.py",
    "where are secret files recognized": "kcode/files/secrets.py",
    "who ends the process of a command": "kcode/processes/process.py",
    "environment of child processes": "kcode/processes/environment.py",
    "session file events loading": "memory/log.py",
    "prices of models": "kcode/spend/prices.py",
    "trust a folder": "kcode/trust.py",
    "keys in the keyring": "kcode/keys.py",
    "outline of definitions in a file": "kcode/files/syntax.py",
    "standing rules of the project": "memory/rules.py",
    "escape invisible characters": "kcode/visible.py",
    "permission modes and rules": "agent/permissions.py",
    "list files ignored by gitignore": "kcode/files/listing.py",
    "edit tool nearest matching region": "tools/files/matching.py",
    "PageRank over files": "memory/code/rank.py",
}
"""Questions as people ask them, and the file that must be among the first."""


@pytest.fixture(scope="module")
async def kcode(tmp_path_factory: pytest.TempPathFactory) -> Index:
    return await index_of(ROOT, 120.0, Cache(tmp_path_factory.mktemp("cache") / "code.sqlite3"))


def files_of(text: str) -> list[str]:
    return [line for line in text.split("\n") if "\t" not in line]


@pytest.mark.parametrize("question", OF_KCODE)
def test_questions_about_kcode_find_their_files(kcode: Index, question: str) -> None:
    text = repo_map(kcode, BUDGET, words=asked(question))
    assert OF_KCODE[question] in files_of(text)[:FIRST]
    assert len(text.encode()) <= 4 * BUDGET


def test_what_all_of_kcode_uses_comes_first(kcode: Index) -> None:
    first = files_of(repo_map(kcode, 1_000))[:8]
    assert {"kcode/errors.py", "kcode/messages.py"} <= set(first)


def test_the_files_in_play_lead_to_what_they_use_and_are_not_told_themselves(kcode: Index) -> None:
    text = repo_map(kcode, BUDGET, ["kcode/spend/ledger.py", "kcode/spend/report.py"])
    assert "kcode/spend/prices.py" in files_of(text)
    assert "kcode/spend/ledger.py" not in files_of(text)


@pytest.mark.parametrize("tokens", [0, 1, 20, 57, 400, 1_000, 4_000])
def test_a_map_fits_and_uses_its_budget(kcode: Index, tokens: int) -> None:
    size = len(repo_map(kcode, tokens).encode())
    assert size <= 4 * tokens
    assert size > 3.5 * tokens - 200


NOUNS = (
    *("invoice", "order", "parcel", "customer", "tariff", "voucher"),
    *("shelf", "pallet", "carrier", "depot", "refund", "ticket"),
)
VERBS = ("compute", "validate", "render", "archive", "schedule", "merge")


def generated(count: int) -> tuple[dict[str, Tags], dict[str, str]]:
    """A large repository: layers of modules that use the ones below; and questions with the files that answer them."""
    chance = random.Random(1)
    files: dict[str, Tags] = {}
    names: list[tuple[str, str]] = []
    questions = {}
    for number in range(count):
        noun, verb = NOUNS[number % 12], VERBS[number // 12 % 6]
        used = chance.sample(names, min(3, len(names)))
        name = f"{verb}_{noun}_{number}"
        lines = [f"from {module} import {other}" for module, other in used]
        lines += [f"def {name}(x):", *(f"    {other}(x)" for _, other in used), "    return x"]
        lines += [f"class {noun.title()}{verb.title()}{number}: ..."]
        path = f"{noun}/{verb}/m{number}.py"
        files[path] = tags(path, "\n".join(lines)) or Tags()
        names.append((f"{noun}.{verb}.m{number}", name))
        if number % (count // 15) == 7:
            questions[f"Where do we {verb} {noun} {number}?"] = path
    return files, questions


def test_questions_about_a_large_repository_find_their_files() -> None:
    files, questions = generated(3_000)
    index = Index(Path("/generated"), files, 0, 0)
    assert len(questions) >= 15
    for question, file in questions.items():
        text = repo_map(index, BUDGET, words=asked(question))
        assert files_of(text)[0] == file, question
        assert len(text.encode()) <= 4 * BUDGET


def test_a_definition_brings_those_it_lies_in(understood: Callable[..., dict[str, Tags]]) -> None:
    files = understood({"a.py": "class A:\n    class B:\n        def deep_one(self,\n            x): ...\n"})
    text = repo_map(Index(Path("/x"), files, 0, 0), 100, words=asked("deep one"))
    assert text == "a.py\n1\tclass A\n2\t  class B\n3\t    def deep_one(self, x)"


def test_names_and_heads_are_told_on_one_line_each(understood: Callable[..., dict[str, Tags]]) -> None:
    files = understood({"a\x1b[2J\u202e.py": f"def f({'x' * 300}): ...\n"})
    path, head = repo_map(Index(Path("/x"), files, 0, 0), 100).split("\n")
    assert path == "a\\x1b[2J\\u202e.py"
    assert len(head) < 110
    assert head.endswith("…")

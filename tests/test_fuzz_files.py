"""Every file that kcode reads, damaged in every way: a sentence or normal work, and never a traceback."""

import io
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kcode.cli.demo import make_repository
from kcode.cli.main import main
from kcode.scripted import ScriptedProvider
from tests.damage import WAYS, damage
from tests.playing import DOLLARS, MODEL, NAME, call, calls, say, settings_for
from tests.running import Forker, environment

EXAMPLES = int(os.environ.get("FUZZ", "6"))
SCRIPT = {
    "lanes": [
        {"match": "AND NOW", "steps": [say("Here.")] * 3},
        {
            "match": "BUILD",
            "steps": [
                calls(call("read", path="README.md"), call("search", pattern="cart")),
                call("write", path="new.txt", text="one\n"),
                calls(
                    call("delegate", mode="code", message="CHILD: a"),
                    call("delegate", mode="code", message="OTHER: b"),
                ),
                say("Done."),
            ],
        },
        {"match": "CHILD", "steps": [call("write", path="a.txt", text="a\n"), say("A.")]},
        {"match": "OTHER", "steps": [call("write", path="a.txt", text="b\n"), say("B.")]},
    ],
    "prices": {NAME: DOLLARS},
}
PROJECT = {
    ".kcode/settings.toml": '[permissions]\ndeny = ["shell(rm *)"]\n[limits]\nturns = 9\n',
    ".kcode/modes/own.md": "---\ntitle: Own\ngroups: [read, edit]\nedits: \\.py$\n---\nYou are our own.\n",
    ".roomodes": "customModes:\n  - slug: doc\n    name: Doc\n    roleDefinition: You write.\n    groups:\n"
    "      - read\n      - [edit, {fileRegex: '\\.md$', description: docs}]\n",
    "opencode.json": '{"mode": {"fast": {"prompt": "Be quick", "tools": {"write": false}}}, "agent": {}}',
    ".opencode/agent/review.md": "---\ndescription: reviews\nmode: subagent\ntools:\n  write: false\n---\nReview.\n",
    ".kcode/commands/fix.md": "---\ndescription: fix it\nmode: code\n---\nFix $ARGUMENTS in @README.md !`echo hi`\n",
    ".claude/commands/test.md": "---\ndescription: t\nallowed-tools: Bash(git:*)\n---\nTest $1\n",
    ".kcode/skills/pdf/SKILL.md": "---\nname: pdf\ndescription: about pdf\n---\nDo so.\n",
    ".kcode/rules/money.md": "---\npaths: ['shop/**']\n---\nCents only. @README.md\n",
    ".cursor/rules/a.mdc": "---\nglobs: '*.py'\nalwaysApply: false\n---\nUse types.\n",
    ".github/instructions/a.instructions.md": "---\napplyTo: '**/*.py'\n---\nTypes.\n",
    ".kcode/memory/tech.md": "# Tech\n\n- Python, see `shop/cart.py`\n",
    ".kcode/memory/index.md": "# Memory\n",
    "AGENTS.md": "# Rules\n\nCents. See @.kcode/rules/money.md\n",
    ".gitignore": "__pycache__/\n*.log\n",
}
READ = (
    ("modes", "list"),
    ("rules", "list"),
    ("memory", "status"),
    ("config", "list"),
    ("budget",),
    ("tools", "list"),
    ("trust", "--list"),
    ("import",),
    ("map",),
    ("permissions", "check", "--", "git status"),
)
KEPT = (
    ("sessions", "list"),
    ("sessions", "show"),
    ("sessions", "export"),
    ("spend",),
    ("checkpoints", "list"),
    ("undo", "--dry-run"),
    ("undo", "--yes"),
    ("redo", "--yes"),
    ("worktrees", "list"),
    ("trust", "--list"),
    ("auth", "list"),
    ("rules", "list"),
    ("config", "list"),
    ("map",),
)


@dataclass(frozen=True)
class World:
    """What a session has left, to be copied and damaged."""

    provider: ScriptedProvider
    kept: Path

    def copied(self, to: Path) -> None:
        shutil.rmtree(to, ignore_errors=True)
        shutil.copytree(self.kept, to, symlinks=True)

    def flags(self) -> list[str]:
        sets = (*settings_for(self.provider),)
        return ["-m", MODEL, "--yolo", *(part for one in sets for part in ("--set", one))]


def kcode(folder: Path, *arguments: str) -> tuple[int, str]:
    """The program, in this process: its exit code and all that it says."""
    out, before, argv, path = (
        io.TextIOWrapper(io.BytesIO(), write_through=True),
        (sys.stdout, sys.stderr, sys.stdin),
        sys.argv,
        os.environ["PATH"],
    )
    where = Path.cwd()
    os.chdir(folder)
    sys.stdout = sys.stderr = out
    sys.stdin = io.TextIOWrapper(io.BytesIO())
    sys.argv = ["kcode", *arguments]
    try:
        code = main()
    finally:
        sys.stdout, sys.stderr, sys.stdin = before
        sys.argv = argv
        os.environ["PATH"] = path
        os.chdir(where)
    return code, out.buffer.getvalue().decode(errors="replace")


def asked(folder: Path, *arguments: str, forker: Forker | None = None) -> None:
    if forker:
        ended = forker.run(*arguments, cwd=folder, env=environment(Path(os.environ["KCODE_HOME"])))
        code, said = ended.code, ended.out + ended.err
    else:
        code, said = kcode(folder, *arguments)
    assert "bug in kcode" not in said and "Traceback" not in said, (arguments, _report(said))
    assert code in (0, 1, 2, 3, 4, 75), (arguments, code, said)


def _report(said: str) -> str:
    named = [word.rstrip(".") for word in said.split() if "bugs/" in word]
    return (
        f"{said[-600:]}\n{Path(named[-1]).read_text()[-3000:] if named and Path(named[-1]).exists() else ''}"
    )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, forker: Forker) -> Iterator[World]:
    kept = tmp_path_factory.mktemp("kept")
    with pytest.MonkeyPatch.context() as patch, ScriptedProvider(SCRIPT) as provider:
        patch.setenv("KCODE_HOME", str(kept / "home"))
        place = kept / "shop"
        make_repository(place)
        for name, text in PROJECT.items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_text(text)
        world = World(provider, kept)
        assert kcode(place, "trust")[0] == 0
        assert kcode(place, "config", "set", "limits.turns", "50")[0] == 0
        wish = ("--set", "delegate.worktrees='always'")
        ended = forker.run("run", "BUILD", *wish, *world.flags(), cwd=place, env=environment(kept / "home"))
        assert ended.code == 0, ended.last_words
        yield world


def files(folder: Path) -> list[str]:
    return sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink() and ".git" not in path.relative_to(folder).parts[:-1]
    )


PLAYED = settings(
    database=None,
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
seeds = st.integers(0, 10**6)


@pytest.mark.slow
@PLAYED
@given(name=st.sampled_from(sorted(PROJECT)), way=st.sampled_from(WAYS), seed=seeds, runs=st.integers(0, 5))
def test_whatever_a_project_holds_is_read_or_named(
    name: str,
    way: str,
    seed: int,
    runs: int,
    world: World,
    forker: Forker,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    there = tmp_path / "there"
    world.copied(there)
    monkeypatch.setenv("KCODE_HOME", str(there / "home"))
    shop = there / "shop"
    asked(shop, "trust")
    damage(shop / name, seed, way)
    for command in READ:
        asked(shop, *command)
    if runs == 0:
        asked(shop, "run", "/fix it", *world.flags(), forker=forker)
        asked(shop, "run", "AND NOW", *world.flags(), forker=forker)


@pytest.mark.slow
@PLAYED
@given(number=st.integers(0, 200), way=st.sampled_from(WAYS), seed=seeds, runs=st.integers(0, 3))
def test_whatever_becomes_of_its_own_files_is_named(
    number: int,
    way: str,
    seed: int,
    runs: int,
    world: World,
    forker: Forker,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    there = tmp_path / "there"
    world.copied(there)
    home = there / "home"
    monkeypatch.setenv("KCODE_HOME", str(home))
    own = [name for name in files(home) if not name.startswith(("worktrees/", "state/"))]
    own += [
        name
        for name in files(home)
        if name.startswith("worktrees/") and name.endswith(".json") and name.count("/") == 1
    ]
    damage(home / own[number % len(own)], seed, way)
    for command in KEPT:
        asked(there / "shop", *command)
    if runs == 0:
        asked(there / "shop", "run", "-c", "AND NOW", *world.flags(), forker=forker)
        asked(there / "shop", "run", "AND NOW", *world.flags(), forker=forker)

"""Hundreds of commands with what is decided on them: corpus.toml."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kcode import settings
from kcode.agent.permissions import STRICTNESS, Permissions, Verdict
from kcode.processes.jobs import Jobs
from kcode.tools.shell import Shell
from kcode.tools.tool import Workspace

GROUPS: list[dict[str, Any]] = tomllib.loads(Path(__file__).with_name("corpus.toml").read_text())["group"]
EXPECTED: dict[str, Verdict] = {"allowed": "allow", "asked": "ask", "denied": "deny"}


def cases() -> Iterator[tuple[int, str, Verdict]]:
    for number, group in enumerate(GROUPS):
        for word, verdict in EXPECTED.items():
            for command in group.get(word, ()):
                yield number, command, verdict


CASES = list(cases())


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    async def nobody(question: str, choices: tuple[str, ...]) -> str:
        raise AssertionError(question)

    folder = tmp_path_factory.mktemp("corpus")
    root = folder / "work"
    for name in ("src/app.py", "docs/a.md", "secrets/key.txt", ".git/config"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x\n")
    (root / "out").symlink_to(folder)
    return Workspace(root, (), folder / "overflow", nobody, lambda i, t: None, Jobs(), 9, 9)


def permissions(number: int) -> Permissions:
    group = GROUPS[number]
    rules = {word: tuple(group.get(word, ())) for word in ("allow", "ask", "deny")}
    return Permissions(settings.Permissions(mode=group["mode"], **rules))


@pytest.mark.parametrize(("group", "command", "expected"), CASES, ids=range(len(CASES)))
def test_a_command_is_judged_by_what_the_shell_makes_of_it(
    workspace: Workspace, group: int, command: str, expected: Verdict
) -> None:
    decision = permissions(group).decide(Shell(command=command), workspace)
    assert decision.verdict == expected, f"{command!r} under {GROUPS[group]['about']!r}: {decision}"
    assert decision.reason


@pytest.mark.parametrize("number", range(len(GROUPS)))
def test_more_of_the_same_is_never_less_strict(workspace: Workspace, number: int) -> None:
    """Sixty harmless parts before a command, or after it, hide nothing."""
    mine = permissions(number)
    for group, command, expected in CASES:
        if group == number and expected != "allow" and len(command) < 40 and "\n" not in command:
            after = "" if command.endswith("&&") else "\ntrue" * 60  # else they would be what it waits for
            for longer in ("true; " * 60 + command, command + after):
                verdict = mine.decide(Shell(command=longer), workspace).verdict
                assert STRICTNESS[verdict] >= 1, longer


def test_the_corpus_is_wide() -> None:
    assert len(CASES) >= 300
    assert len({command for _, command, _ in CASES}) >= 300

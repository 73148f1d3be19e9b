"""`-w`, `kcode worktrees`, `kcode run --parallel`: the real program against the scripted provider."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kcode.scripted import ScriptedProvider
from tests.playing import DOLLARS, MODEL, NAME, call, say, settings_for
from tests.running import Ended, Forker, Json, environment


def lane(match: str, *steps: Json) -> Json:
    return {"match": match, "steps": list(steps)}


def write(path: str, text: str) -> Json:
    return call("write", path=path, text=text)


SCRIPT: dict[str, Any] = {
    "lanes": [
        lane("ALPHA", write("a.txt", "alpha\n"), say("Alpha is done.")),
        lane("BETA", write("b.txt", "beta\n"), say("Beta is done.")),
        lane("SAME", write("a.txt", "other\n"), say("Same is done.")),
        lane("BROKEN", {"calls": [{"name": "ask", "arguments": {"question": "?"}}]}, say("Asked nobody.")),
    ],
    "prices": {NAME: DOLLARS},
}


@dataclass(slots=True)
class Machine:
    forker: Forker
    provider: ScriptedProvider
    folder: Path
    home: Path

    def kcode(self, *arguments: str, stdin: bytes = b"", cwd: Path | None = None) -> Ended:
        return self.forker.run(*arguments, cwd=cwd or self.folder, env=environment(self.home), stdin=stdin)

    def run(self, *arguments: str, stdin: bytes = b"") -> Ended:
        settings = [part for one in settings_for(self.provider) for part in ("--set", one)]
        return self.kcode("run", *arguments, "-m", MODEL, "--yolo", *settings, stdin=stdin)

    def listed(self) -> list[Json]:
        found: list[Json] = json.loads(self.kcode("worktrees", "list", "--json").out)
        return found


@pytest.fixture
def machine(forker: Forker, repository: Path, kcode_home: Path) -> Iterator[Machine]:
    with ScriptedProvider(SCRIPT) as provider:
        yield Machine(forker, provider, repository, kcode_home)


def test_a_session_works_in_a_worktree_of_its_own_and_its_work_is_merged(machine: Machine) -> None:
    ended = machine.run("-w", "feature", "ALPHA")
    assert ended.code == 0, ended.last_words
    assert not (machine.folder / "a.txt").exists()
    (kept,) = machine.listed()
    assert kept["name"] == "feature" and kept["changes"] == ["a.txt"]
    shown = machine.kcode("worktrees", "list").out
    assert "feature" in shown and "1 file" in shown
    merged = machine.kcode("worktrees", "merge", "feature")
    assert "Merged feature" in merged.out and (machine.folder / "a.txt").read_text() == "alpha\n"
    assert machine.listed() == [] and "No worktree" in machine.kcode("worktrees", "list").out


def test_the_same_name_is_the_same_worktree_and_its_session_goes_on(machine: Machine) -> None:
    assert machine.run("-w", "feature", "ALPHA").code == 0
    ended = machine.run("-w", "feature", "-c", "BETA")
    assert ended.code == 0, ended.last_words
    (kept,) = machine.listed()
    assert kept["changes"] == ["a.txt", "b.txt"]


def test_one_with_work_in_it_is_not_removed_by_a_slip(machine: Machine) -> None:
    machine.run("-w", "feature", "ALPHA")
    refused = machine.kcode("worktrees", "remove", "feature")
    assert refused.code == 2 and "--yes" in refused.err
    assert machine.kcode("worktrees", "remove", "--yes", "feature").code == 0
    assert machine.listed() == []


def test_a_conflict_is_told_and_nothing_changes(machine: Machine) -> None:
    machine.run("-w", "feature", "ALPHA")
    (machine.folder / "a.txt").write_text("the user's\n")
    ended = machine.kcode("worktrees", "merge", "feature")
    assert ended.code == 1 and "a.txt" in ended.err and "kcode -w feature" in ended.err
    assert (machine.folder / "a.txt").read_text() == "the user's\n"
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("name", ["../out", "a b", "x/y"])
def test_a_name_that_is_none_is_refused(machine: Machine, name: str) -> None:
    ended = machine.run(f"--worktree={name}", "ALPHA")
    assert ended.code == 2 and "no name for a worktree" in ended.err


def test_without_git_there_is_no_worktree(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    machine.folder = tmp_path / "plain"
    ended = machine.run("-w", "feature", "ALPHA")
    assert ended.code == 2 and "There can be no worktree" in ended.err
    assert machine.provider.requests == []


def test_unknown_names_are_answered_with_those_that_are(machine: Machine) -> None:
    machine.run("-w", "feature", "ALPHA")
    ended = machine.kcode("worktrees", "merge", "nope")
    assert ended.code == 2 and "feature" in ended.err


def test_a_list_of_tasks_is_worked_on_side_by_side(machine: Machine) -> None:
    (machine.folder / "tasks.txt").write_text("# two\nALPHA: write a\n\nBETA: write b\n")
    ended = machine.run("--parallel", "tasks.txt", "--jobs", "2")
    assert ended.code == 0, ended.last_words
    lines = ended.out.splitlines()
    assert any("ALPHA: write a" in line and "done" in line and "parallel-1" in line for line in lines)
    assert any("2 of 2 done" in line for line in lines) and "$0." in ended.out
    assert {one["name"] for one in machine.listed()} == {"parallel-1", "parallel-2"}
    assert not (machine.folder / "a.txt").exists()


def test_what_fits_is_merged_and_what_does_not_is_kept(machine: Machine) -> None:
    tasks = json.dumps(["ALPHA", {"task": "BETA", "mode": "debug"}, "SAME"]).encode()
    ended = machine.run("--parallel", "-", "--merge", "--output-format", "json", stdin=tasks)
    records = json.loads(ended.out)
    assert [record["reason"] for record in records] == ["done"] * 3
    assert [record["merged"] for record in records][:2] == ["merged", "merged"]
    assert "conflicts in a.txt" in records[2]["merged"] and ended.code == 1
    assert (machine.folder / "a.txt").read_text() == "alpha\n" and (machine.folder / "b.txt").exists()
    assert [one["name"] for one in machine.listed()] == ["parallel-3"]


def test_a_budget_holds_for_all_tasks_together(machine: Machine) -> None:
    (machine.folder / "tasks.txt").write_text("ALPHA\nBETA\nALPHA again\nBETA again\n")
    ended = machine.run("--parallel", "tasks.txt", "--max-budget-usd", "0.03", "--max-tokens", "1100")
    assert ended.code == 4, ended.last_words
    assert sum(row.micro_dollars or 0 for row in machine.provider.invoice) <= 30_000


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds no task"),
        ("# nothing\n", "holds no task"),
        ('[{"taks": "x"}]', "no list of tasks"),
        ("[1]", "no list"),
    ],
)
def test_a_list_that_is_none_is_refused_before_money_is_spent(
    machine: Machine, text: str, words: str
) -> None:
    (machine.folder / "tasks.txt").write_text(text)
    ended = machine.run("--parallel", "tasks.txt")
    assert ended.code == 2 and words in ended.err
    assert machine.provider.requests == []


def test_a_prompt_beside_a_list_is_refused(machine: Machine) -> None:
    assert machine.run("--parallel", "tasks.txt", "ALPHA").code == 2


def test_a_second_list_does_not_go_on_in_the_worktrees_of_the_first(machine: Machine) -> None:
    (machine.folder / "tasks.txt").write_text("ALPHA\n")
    assert machine.run("--parallel", "tasks.txt").code == 0
    (machine.folder / "tasks.txt").write_text("BETA\n")
    ended = machine.run("--parallel", "tasks.txt")
    assert ended.code == 0 and "parallel-2" in ended.out, ended.last_words
    assert {w["name"]: w["changes"] for w in machine.listed()} == {
        "parallel-1": ["a.txt"],
        "parallel-2": ["b.txt"],
    }


def test_of_tasks_that_change_nothing_no_worktree_is_left(machine: Machine) -> None:
    tasks = json.dumps(["BROKEN", "", "ALPHA"]).encode()
    ended = machine.run("--parallel", "-", "--output-format", "json", stdin=tasks)
    assert [(one["task"], one["worktree"]) for one in json.loads(ended.out)] == [
        ("BROKEN", ""),
        ("ALPHA", "parallel-2"),
    ]
    assert [one["name"] for one in machine.listed()] == ["parallel-2"]


def test_a_list_with_an_unknown_mode_leaves_nothing_behind(machine: Machine) -> None:
    tasks = json.dumps(["ALPHA", {"task": "BETA", "mode": "wizard"}]).encode()
    ended = machine.run("--parallel", "-", stdin=tasks)
    assert ended.code == 2 and "wizard" in ended.err
    assert machine.listed() == [] and machine.provider.requests == []

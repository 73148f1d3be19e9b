"""The main job, end to end: seven steps in a real repository, against a provider that keeps its own books."""

import json
import os
import stat
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from kcode.cli.start import start
from kcode.messages import Reply, Usage
from kcode.scripted import Received, Row, ScriptedProvider, shared_prefix
from kcode.spend.row import Row as LedgerRow
from tests.playing import (
    MODEL,
    WIRES,
    WireName,
    call,
    calls,
    options_for,
    playing,
    say,
    scenario,
    settings_for,
)
from tests.running import environment, kcode

both_wires = pytest.mark.parametrize("wire", WIRES)

PROMPT = "Fix the failing test, and tell me what was wrong."
OLD = "        return sum(reduced(cents, percent) * count for _, cents, count in self.lines)"
NEW = (
    "        whole = sum(cents * count for _, cents, count in self.lines)\n"
    "        return reduced(whole, percent)"
)
DIFF = f"-{OLD}\n" + "".join(f"+{line}\n" for line in NEW.splitlines())
SEARCH = call("search", pattern="discount|reduced") | {"thinking": "Where is it?", "text": "I look for it."}
READS = [call("read", path=path) for path in ("shop/cart.py", "shop/discount.py", "tests/test_cart.py")]
EDIT = call("edit", path="shop/cart.py", edits=[{"old": OLD, "new": NEW}]) | {
    "expect": "taken_once_from_the_whole_sum"
}
TEST = call(
    "shell", command="PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 python -m pytest -q -p no:cacheprovider && env"
) | {"expect": "Edited shop/cart"}
LAST = say("It was rounded line by line. All 3 tests pass.", expect="3 passed")
SEVEN_STEPS = [SEARCH, *READS, EDIT, TEST, LAST]
SIDE_BY_SIDE = [SEARCH, calls(*READS), EDIT, TEST, LAST]

CANARY = "canary-6f1d0b2a97c4"
SECRETS = {
    name: f"{CANARY}-{name.lower()}"
    for name in (
        "SCRIPTED_API_KEY",
        "ANTHROPIC_API_KEY",
        "OPENAI_API_KEY",
        "GITHUB_TOKEN",
        "AWS_SECRET_ACCESS_KEY",
        "PGPASSWORD",
    )
}


def git(repository: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=repository, check=True, capture_output=True, text=True
    ).stdout


def changed_lines(repository: Path) -> str:
    """What git finds changed, without the places."""
    lines = git(repository, "diff", "-U0").splitlines(keepends=True)
    return "".join(line for line in lines if line[0] in "+-" and not line.startswith(("+++", "---")))


def is_mended(repository: Path) -> bool:
    return (
        changed_lines(repository) == DIFF and git(repository, "status", "--porcelain") == " M shop/cart.py\n"
    )


def most_cached(requests: list[Received], number: int, wire: WireName) -> int:
    """The most tokens of a request that its provider can have cached: the blocks that one before it has sent, too;
    where caching is automatic, whole chunks of 128, at least 1024."""
    blocks = requests[number].prefix_blocks
    best = 0
    for earlier in requests[:number]:
        same = 0
        for ours, theirs in zip(blocks, earlier.prefix_blocks, strict=False):
            if ours.data != theirs.data:
                break
            same += ours.tokens
        best = max(best, same)
    if wire == "openai":
        best -= best % 128
    return best if best >= 1024 else 0


def as_billed(row: Row) -> tuple[int | None, dict[str, int]]:
    return row.micro_dollars, row.usage.model_dump(exclude={"reasoning"})


def as_counted(row: LedgerRow) -> tuple[int | None, dict[str, int]]:
    return row.charged, row.usage.model_dump(exclude={"reasoning"})


def assert_that_the_cache_could_not_serve_more(provider: ScriptedProvider, wire: WireName) -> None:
    requests = provider.requests
    assert [request.usage.cached for request in requests] == [
        most_cached(requests, number, wire) for number in range(len(requests))
    ]
    assert all(request.usage.cached > 1000 for request in requests[1:])
    assert all(shared_prefix(one, following) >= 0.99 for one, following in pairwise(requests))


@pytest.fixture
def with_a_gitignore(repository: Path) -> Path:
    (repository / ".gitignore").write_text("__pycache__/\n")
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "Ignore what Python writes")
    return repository


@both_wires
@pytest.mark.parametrize("steps", [SEVEN_STEPS, SIDE_BY_SIDE], ids=["one by one", "side by side"])
async def test_the_ledger_is_the_providers_invoice_row_by_row(
    with_a_gitignore: Path, wire: WireName, steps: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = with_a_gitignore
    monkeypatch.setenv("PATH", environment(repository)["PATH"])
    with playing(scenario(*steps), repository, wire) as play:
        assert await play.session.prompt(PROMPT) == "It was rounded line by line. All 3 tests pass."
        assert play.provider.mismatches == []
        assert is_mended(repository)
        rows = play.started.ledger.rows(session=play.session.id)
        assert [as_counted(row) for row in rows] == [as_billed(row) for row in play.provider.invoice]
        assert {row.state for row in rows} == {"settled"} and len(rows) == len(steps)
        assert play.billed == play.provider.total > 0
        replies = [message for message in play.messages if isinstance(message, Reply)]
        assert [reply.usage for reply in replies] == [row.usage for row in rows]
        assert sum((reply.usage for reply in replies), Usage()).total > 7000
        assert_that_the_cache_could_not_serve_more(play.provider, wire)


@pytest.fixture
def machine(tmp_path: Path) -> dict[str, str]:
    """The environment of somebody with many secrets, on whose machine every program records its own environment."""
    (tmp_path / "tmp").mkdir()
    path = f"{recording_programs(tmp_path)}{os.pathsep}{environment(tmp_path)['PATH']}"
    return environment(tmp_path / "home", TMPDIR=str(tmp_path / "tmp"), **SECRETS) | {"PATH": path}


def recording_programs(folder: Path) -> Path:
    """A folder of programs that write down the environment they get, and then are what they are called."""
    programs = folder / "programs"
    programs.mkdir()
    for name in ("git", "rg", "bash", "python"):
        real = subprocess.run(
            ["which", name], capture_output=True, text=True, env=environment(folder)
        ).stdout.strip()
        if real:
            file = programs / name
            file.write_text(
                f'#!/bin/sh\necho "== {name}" >>{folder}/seen\nenv >>{folder}/seen\nexec {real} "$@"\n'
            )
            file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return programs


@pytest.mark.slow
@both_wires
def test_the_program_does_the_job_and_no_secret_gets_anywhere(
    with_a_gitignore: Path, tmp_path: Path, machine: dict[str, str], wire: WireName
) -> None:
    repository = with_a_gitignore
    script = scenario(*SEVEN_STEPS) | {"require_key": SECRETS["SCRIPTED_API_KEY"]}
    with ScriptedProvider(script) as provider:
        flags = [
            part
            for one in settings_for(provider, wire)
            for part in ("--set", one.replace("none", "env:SCRIPTED_API_KEY"))
        ]
        done = kcode("run", PROMPT, "-m", MODEL, "--yolo", "--json", *flags, cwd=repository, env=machine)
        assert (done.code, done.err) == (0, ""), done.last_words
        assert provider.mismatches == []
        assert is_mended(repository)
        assert_that_the_cache_could_not_serve_more(provider, wire)
        bill = provider.total
    result = done.result
    assert result["text"] == "It was rounded line by line. All 3 tests pass."
    assert (result["reason"], result["steps"], result["requests"]) == ("done", 7, 7)
    assert result["spend"] == {"micro_dollars": bill, "is_estimate": False, "unknown_requests": 0}
    assert [change["path"] for change in result["changes"]] == ["shop/cart.py"]

    spent = kcode("spend", "--json", cwd=repository, env=machine)
    total = json.loads(spent.out)["total"]
    assert (total["micro_dollars"], total["requests"], total["is_estimate"]) == (bill, 7, False)

    seen = (tmp_path / "seen").read_text()
    assert {"== git", "== bash", "== python"} <= set(seen.splitlines())
    assert "KCODE=1" in done.out, "the command has printed its environment"
    kept = [file for file in tmp_path.rglob("*") if file.is_file() and not file.is_symlink()]
    assert any(file.suffix == ".jsonl" for file in kept) and any(file.suffix == ".sqlite3" for file in kept)
    assert [str(file) for file in kept if CANARY.encode() in file.read_bytes()] == []
    assert CANARY not in done.out + done.err + spent.out + spent.err


@both_wires
async def test_a_second_prompt_finds_the_whole_conversation_in_the_cache(
    repository: Path, wire: WireName
) -> None:
    script = scenario(call("read", path="README.md"), say("A shop."), match="what")
    script["lanes"].append({"match": "and", "steps": [call("list"), say("Python.")]})
    with playing(script, repository, wire) as play:
        await play.session.prompt("what is this?")
        await play.session.prompt("and which language?")
        assert_that_the_cache_could_not_serve_more(play.provider, wire)


@both_wires
async def test_a_session_that_is_gone_on_with_finds_its_cache(repository: Path, wire: WireName) -> None:
    script = scenario(call("read", path="README.md"), say("A shop."), match="what")
    script["lanes"].append({"match": "and", "steps": [call("list"), say("Python.")]})
    with playing(script, repository, wire) as play:
        await play.session.prompt("what is this?")
        play.started.put_away.close()
        again = start(options_for(play.provider, repository, wire, continue_last=True), False)
        with again.put_away:
            await again.session.prompt("and which language?")
        assert_that_the_cache_could_not_serve_more(play.provider, wire)

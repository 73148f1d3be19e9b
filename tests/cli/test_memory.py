import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from kcode.cli.memory import command
from kcode.errors import BadInput
from kcode.memory import proposals
from kcode.memory.proposals import Proposal
from kcode.scripted import ScriptedProvider
from tests.playing import MODEL, call, calls, say, scenario, settings_for
from tests.running import Ended, Forker, environment

TECH = ".kcode/memory/tech.md"
Run = Callable[..., Ended]


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "work"
    root.mkdir()
    monkeypatch.chdir(root)
    return root


def memory(*arguments: str, **more: Any) -> str:
    return (
        CliRunner()
        .invoke(command, list(arguments), catch_exceptions=False, standalone_mode=False, **more)
        .output
    )


def test_without_a_bank_it_is_off_and_says_how_to_begin() -> None:
    assert memory("status") == "off: no memory bank here; begin one: kcode memory init\n"
    with pytest.raises(BadInput, match="kcode memory init"):
        memory("update")


def test_status_lists_topics_with_tokens_and_why_they_are_stale(here: Path) -> None:
    write(here / TECH, "Python, see `setup.py`.")
    write(here / ".kcode/memory/brief.md", "A shop.")
    os.utime(here / TECH, (1, 1))
    write(here / "setup.py", "")
    lines = memory("status").splitlines()
    assert lines[0] == "stale: .kcode/memory, 2 topics"
    assert lines[1].split() == ["brief", "2"]
    assert lines[2].split() == ["tech", "6", "stale:", "setup.py", "changed"]
    assert "tokens in every request" in lines[3]


def test_status_tells_money_where_a_price_is_known(here: Path, kcode_home: Path) -> None:
    write(kcode_home / "config/settings.toml", '[models]\ndefault = "openai/gpt-5"\n')
    write(here / TECH, "Python.")
    state = json.loads(memory("status", "--json"))
    assert (state["state"], state["model"]) == ("on", "openai/gpt-5")
    assert state["first"] > state["further"] > 0


def test_what_is_remembered_is_shown_as_a_diff(here: Path) -> None:
    assert "needs redis" in memory("remember", "it", "needs", "redis")
    assert memory("show", "notes").endswith("it needs redis\n")
    assert "- notes.md" in memory("show")


@pytest.fixture
def waiting(here: Path) -> Path:
    write(here / TECH, "# Tech\n\n- Python\n")
    proposals.keep(here, Proposal(path=TECH, text="- uv", date="2026-01-01"))
    return here


def test_a_proposal_waits_where_nobody_is_there(waiting: Path) -> None:
    said = memory("update")
    assert "+- uv" in said and "it is kept" in said
    assert "uv" not in (waiting / TECH).read_text()
    assert "1 proposals wait" in memory("status")


def test_a_proposal_is_taken_with_a_word(waiting: Path) -> None:
    memory("update", "-y")
    assert (waiting / TECH).read_text() == "# Tech\n\n- Python\n- uv\n"
    assert proposals.kept(waiting) == ()


def test_a_proposal_that_no_longer_fits_is_told_and_dropped(waiting: Path) -> None:
    proposals.keep(waiting, Proposal(path=TECH, text="x", old="gone", date="2026-01-02"))
    assert "old is not in tech.md" in memory("update", "-y")
    assert proposals.kept(waiting) == ()


@pytest.fixture
def kcode(here: Path, tmp_path: Path, forker: Forker) -> Run:
    """The real program in a process of its own, against a provider that follows these steps."""

    def run(*arguments: str, steps: list[dict[str, Any]]) -> Ended:
        with ScriptedProvider(scenario(*steps)) as provider:
            flags = [part for one in settings_for(provider) for part in ("--set", one)]
            done = forker.run(*arguments, "-m", MODEL, *flags, cwd=here, env=environment(tmp_path / "home"))
            assert provider.mismatches == []
            return done

    return run


def test_init_begins_a_bank_in_architect_mode_without_asking_for_anything_else(
    here: Path, kcode: Run
) -> None:
    write(here / "README.md", "A shop.\n")
    steps = [
        call("read", path="README.md") | {"expect": "Begin this project's memory bank"},
        calls(
            call("write", path=".kcode/memory/brief.md", text="# Brief\n\nA shop in `README.md`.\n"),
            call("write", path=".kcode/memory/index.md", text="- brief: what the shop is\n"),
            call("write", path="shop.py", text="x = 1\n"),
        ),
        say("Begun.", expect="Architect mode edits only files that match"),
    ]
    done = kcode("memory", "init", steps=steps)
    assert done.code == 0, done.last_words
    assert "1 topics" in done.err
    assert sorted(path.name for path in (here / ".kcode/memory").iterdir()) == ["brief.md", "index.md"]
    assert not (here / "shop.py").exists()
    assert kcode("memory", "init", steps=[]).code == 2


def test_update_has_stale_topics_corrected_and_nothing_else_paid_for(here: Path, kcode: Run) -> None:
    write(here / TECH, "See `setup.py`.")
    assert "No topic is stale" in kcode("memory", "update", steps=[]).out
    os.utime(here / TECH, (1, 1))
    write(here / "setup.py", "")
    steps = [
        call("read", path=TECH) | {"expect": "tech.md: setup.py changed"},
        call("edit", path=TECH, edits=[{"old": "See", "new": "See again"}]),
        say("Corrected."),
    ]
    done = kcode("memory", "update", steps=steps)
    assert done.code == 0, done.last_words
    assert (here / TECH).read_text() == "See again `setup.py`."


def test_kcode_init_writes_agents_md_once(here: Path, kcode: Run) -> None:
    steps = [
        call("write", path="AGENTS.md", text="Run make test.\n") | {"expect": "Write AGENTS.md"},
        say("Written."),
    ]
    assert kcode("init", steps=steps).code == 0
    assert (here / "AGENTS.md").read_text() == "Run make test.\n"
    again = kcode("init", steps=[])
    assert again.code == 2 and "is there already" in again.err


def test_an_own_command_is_expanded_and_one_of_an_untrusted_folder_is_not(
    here: Path, kcode: Run, tmp_path: Path
) -> None:
    write(tmp_path / "home/config/commands/shout.md", "---\nmode: ask\n---\nSay $1 loudly.\n")
    write(here / ".kcode/commands/theirs.md", "Do theirs.\n")
    done = kcode("run", "/shout hello", "--json", steps=[say("HELLO", expect="Say hello loudly.")])
    assert done.code == 0, done.last_words
    assert any(line.get("mode") == "ask" for line in map(json.loads, done.out.splitlines()))
    refused = kcode("run", "/theirs", steps=[])
    assert refused.code == 2 and "not trusted" in refused.err
    slip = kcode("run", "/shuot hello", steps=[])
    assert slip.code == 2 and "/shout" in slip.err
    assert kcode("run", "/etc/hosts is odd", steps=[say("So it is.", expect="/etc/hosts is odd")]).code == 0

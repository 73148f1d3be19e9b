import asyncio
from pathlib import Path

import click
import pytest
import pytest_asyncio
from click.testing import CliRunner

from kcode.cli import checkpoints as checkpoints_command
from kcode.cli import redo as redo_command
from kcode.cli import undo as undo_command
from kcode.errors import BadInput
from kcode.events import Restored
from kcode.memory import keeping, log
from kcode.messages import Prompt
from tests.playing import DOLLARS, NAME, call, playing, say, scenario


@pytest_asyncio.fixture
async def here(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which a session has written a file, and by another prompt changed and deleted some."""
    monkeypatch.chdir(repository)
    command = "echo 2 > two.txt; rm README.md; echo more >> one.txt"
    script = {
        "lanes": [
            {"match": "^first", "steps": [call("write", path="one.txt", text="1\n"), say("One.")]},
            {"match": "^second", "steps": [call("shell", command=command), say("Two.")]},
        ],
        "prices": {NAME: DOLLARS},
    }
    with playing(script, repository) as play:
        await play.session.prompt("first prompt")
        await play.session.prompt("second prompt")
    return repository


def said(command: click.Command, *arguments: str) -> str:
    return CliRunner().invoke(command, list(arguments), catch_exceptions=False, standalone_mode=False).output


def undo(*arguments: str) -> str:
    return said(undo_command.command, *arguments)


def test_undo_takes_back_the_last_prompt_and_says_what_it_does(here: Path) -> None:
    shown = undo("-y")
    assert shown.splitlines() == [
        "Undo: second prompt",
        "  bring back       README.md",
        "  change back      one.txt",
        "  delete           two.txt",
        "Done: 3 of 3. `kcode redo` takes it back.",
    ]
    assert (here / "README.md").exists() and not (here / "two.txt").exists()
    assert (here / "one.txt").read_text() == "1\n"


def test_redo_takes_the_undo_back_and_undo_again_goes_further(here: Path) -> None:
    undo("-y")
    assert said(redo_command.command, "-y").startswith("Redo: second prompt\n")
    assert (here / "two.txt").read_text() == "2\n"
    undo("-y")
    assert undo("-y").startswith("Undo: first prompt\n")
    assert not (here / "one.txt").exists()
    assert undo("-y").startswith("Nothing is left to undo")


def test_a_dry_run_does_nothing(here: Path) -> None:
    assert "bring back       README.md" in undo("--dry-run")
    assert not (here / "README.md").exists()


def test_without_a_terminal_nothing_is_done_unless_it_is_said_to_be_meant(here: Path) -> None:
    with pytest.raises(BadInput, match="-y"):
        undo()
    assert not (here / "README.md").exists()


def test_the_list_shows_prompts_with_the_newest_first_and_what_is_undone(here: Path) -> None:
    undo("-y")
    session, second, first = undo("--list").splitlines()
    assert session.endswith(str(here))
    assert second.endswith("second prompt  (undone)") and first.endswith("first prompt")
    number = first.split()[0]
    assert undo("-y", number).startswith("Undo: first prompt")
    assert not (here / "one.txt").exists()


def test_what_the_user_has_changed_is_left_alone_and_said(here: Path) -> None:
    (here / "two.txt").write_text("mine\n")
    shown = undo("-y")
    assert "  left alone       two.txt  (changed since, not by this session)" in shown
    assert "Done: 2 of 3." in shown
    assert (here / "two.txt").read_text() == "mine\n"
    second = undo("--list").splitlines()[1].split()[0]
    assert "Done: 1 of 1." in undo("-y", "--force", second)
    assert not (here / "two.txt").exists()


def test_it_works_from_a_folder_below_and_by_naming_the_folder(
    here: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(here / "shop")
    assert "second prompt" in undo("-n")
    monkeypatch.chdir(tmp_path)
    assert "second prompt" in undo("-n", "-C", str(here))
    with pytest.raises(BadInput, match="Nothing was kept"):
        undo()


async def test_the_session_knows_of_it_when_it_is_gone_on_with(here: Path) -> None:
    await asyncio.to_thread(undo, "-y")
    path = log.last_session(here)
    assert path is not None
    events, _ = log.load_events(path)
    assert [event.files for event in events if isinstance(event, Restored)] == [
        ("README.md", "one.txt", "two.txt")
    ]
    with playing(scenario(say("Well.")), here, continue_last=True) as play:
        await play.session.prompt("go on")
        last = [message for message in play.messages if isinstance(message, Prompt)][-1]
        assert "took back your changes to: README.md, one.txt, two.txt" in last.notes


def test_a_session_that_is_open_elsewhere_is_not_pulled_from_under_its_feet(here: Path) -> None:
    path = log.last_session(here)
    assert path is not None
    open_elsewhere = log.SessionLog(path)
    with pytest.raises(BadInput, match="open in another kcode"):
        undo("-y")
    open_elsewhere.close()
    assert not (here / "README.md").exists()


def test_checkpoints_are_listed_shown_restored_and_pruned(here: Path) -> None:
    command = checkpoints_command.command
    listed = said(command, "list")
    assert "second prompt" in listed and str(keeping.folder()) in listed
    first = listed.splitlines()[2].split()[0]
    shown = said(command, "show", listed.splitlines()[1].split()[0])
    assert "  change back      one.txt\n    @@ -1,2 +1 @@\n     1\n    -more\n" in shown
    assert "Done: 3 of 3" in said(command, "restore", first, "-y")
    assert (here / "README.md").exists() and not (here / "one.txt").exists()
    assert "were freed" in said(command, "prune", "--days", "0")
    with pytest.raises(BadInput, match="Nothing was kept"):
        undo("-y")

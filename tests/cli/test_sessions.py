import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kcode.cli.root import kcode
from kcode.errors import BadInput
from kcode.events import MessageAdded
from kcode.memory import keeping, log
from kcode.memory.task_folders import HISTORY
from kcode.messages import Reply
from tests.playing import Play, call, playing, say, scenario

SCRIPT = scenario(
    call("write", path="a.txt", text="alpha\n"), call("shell", command="true make test"), say("It is done.")
)


def do(*arguments: str) -> Result:
    return CliRunner().invoke(kcode, ["sessions", *arguments], catch_exceptions=False)


@pytest.fixture
async def played(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Play:
    monkeypatch.chdir(repository)
    with playing(SCRIPT, repository, max_budget_usd=Decimal(2)) as play:
        await play.session.prompt("write the alphabet")
    return play


def test_a_list_shows_age_mode_cost_outcome_and_title(played: Play) -> None:
    (line,) = do("list").output.splitlines()
    assert line.startswith(f"{played.session.id}  now  code  $0.0")
    assert line.endswith("done  write the alphabet")
    (told,) = json.loads(do("list", "--json").output)
    assert (told["mode"], told["outcome"], told["prompts"]) == ("code", "done", 1)


def test_words_are_searched_in_titles_and_messages(played: Play) -> None:
    assert "“It is done.”" in do("list", "--search", "DONE").output
    assert "Nothing was found" in do("list", "--search", "done nowhere-at-all").output


def test_a_session_is_renamed_and_forked_by_its_id(played: Play) -> None:
    assert do("rename", played.session.id, "The", "alphabet").output.endswith("is now called The alphabet.\n")
    copy, hint = do("fork", played.session.id).output.splitlines()
    assert hint == f"Go on with it: kcode -r {copy}"
    assert {line.split("  ")[-1] for line in do("list").output.splitlines()} == {"The alphabet"}


async def test_a_copy_is_gone_on_with_and_spends_of_the_same_budget(played: Play, repository: Path) -> None:
    copy = do("fork", played.session.id).output.splitlines()[0]
    with playing(scenario(say("More.")), repository, resume=copy) as play:
        assert await play.session.prompt("and now?") == "More."
        assert play.session.task.conversation.budgets.purse == played.session.id
        assert play.session.task.conversation.budget == 2_000_000


def test_a_session_is_exported_by_the_name_of_the_file(played: Play, tmp_path: Path) -> None:
    for name, begin in (("a.html", "<!doctype html>"), ("a.md", "# write the alphabet"), ("a.json", "[\n")):
        assert do("export", played.session.id, "-o", str(tmp_path / name)).exit_code == 0
        assert (tmp_path / name).read_text().startswith(begin)
    assert do("export", played.session.id, "--format", "html").output == (tmp_path / "a.html").read_text()
    with pytest.raises(BadInput, match="cannot be written"):
        do("export", played.session.id, "-o", str(tmp_path / "no" / "where.md"))


def test_the_receipt_is_a_table_for_a_pull_request(played: Play) -> None:
    table = do("receipt", played.session.id, "--markdown").output
    assert table.startswith("**write the alphabet** · worked on with kcode")
    assert "| files | `a.txt` +1 -0 |" in table and "3 steps" in table
    assert "3 steps" in do("receipt", played.session.id).output


def test_deleting_takes_checkpoints_and_long_results_with_it(played: Play, repository: Path) -> None:
    path = log.session_path(played.session.id)
    assert keeping.sessions_in(keeping.file_for(repository)) == [played.session.id]
    path.with_suffix("").mkdir(exist_ok=True)
    assert do("delete", played.session.id).output.startswith(
        f"Deleted {played.session.id}, with its long results, "
    )
    assert not path.exists() and not path.with_suffix("").exists()
    assert keeping.sessions_in(keeping.file_for(repository)) == []
    assert (repository / "a.txt").read_text() == "alpha\n"


def test_a_session_that_is_open_elsewhere_is_not_deleted(played: Play) -> None:
    held = log.SessionLog(log.session_path(played.session.id))
    with pytest.raises(BadInput, match="open in another kcode"):
        do("delete", played.session.id)
    held.close()


@pytest.fixture
def tasks(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "tasks" / "1770000000000"
    folder.mkdir(parents=True)
    said = [
        {"role": "user", "content": "<task>Say hello</task>"},
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "t1", "name": "read_file", "input": {"path": "x"}}],
        },
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "hello"}]},
        {"role": "assistant", "content": "I read hello."},
    ]
    (folder / HISTORY).write_text(json.dumps(said))
    (tmp_path / "tasks" / "broken").mkdir()
    (tmp_path / "tasks" / "broken" / HISTORY).write_text("{")
    before = {path: path.stat() for path in tmp_path.rglob("*")}
    yield tmp_path
    assert {p: (s.st_mtime_ns, s.st_size) for p, s in before.items()} == {
        p: (p.stat().st_mtime_ns, p.stat().st_size) for p in tmp_path.rglob("*") if p in before
    }


async def test_a_task_of_roo_is_taken_over_and_gone_on_with(tasks: Path, repository: Path) -> None:
    dry = do("import", str(tasks)).output
    assert (
        "+ 1770000000000  4 messages  Say hello" in dry and "! broken is skipped" in dry and "--write" in dry
    )
    assert not list(log.newest_first())
    do("import", str(tasks), "--write")
    (path,) = log.newest_first()
    assert "is there already" in do("import", str(tasks), "--write").output
    assert "I read hello." in do("export", path.stem).output
    with playing(scenario(say("Again: hello.")), repository, resume=path.stem) as play:
        assert await play.session.prompt("once more") == "Again: hello."
        assert [m.text for m in play.messages if isinstance(m, Reply)] == [
            "",
            "I read hello.",
            "Again: hello.",
        ]
    events, bad = log.load_events(path)
    assert bad == 0 and isinstance(events[-2], MessageAdded)


def test_what_other_programs_left_is_told_and_keys_are_not_read(
    tasks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    storage = home / ".config/Code/User/globalStorage/rooveterinaryinc.roo-cline"
    storage.mkdir(parents=True)
    (tasks / "tasks").rename(storage / "tasks")
    (home / ".codex").mkdir()
    (home / ".codex/auth.json").write_text("{")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(home)
    told = CliRunner().invoke(kcode, ["import"], catch_exceptions=False).output
    assert "tasks of Roo Code (Code): 2 in" in told and "keys of Codex" in told and "not read" in told
    assert not list(log.newest_first())
    (storage / "tasks").rename(tasks / "tasks")

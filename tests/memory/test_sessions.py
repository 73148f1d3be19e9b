import os
import time
from pathlib import Path

import pytest

from kcode.errors import BadInput
from kcode.events import (
    BudgetSet,
    Event,
    MessageAdded,
    ModeChanged,
    SessionNamed,
    SessionStarted,
    Spend,
    Spent,
    TaskEnded,
    TaskStarted,
)
from kcode.memory import log, sessions
from kcode.messages import Prompt, Reply, ToolCall, ToolResult, Usage

STARTED = SessionStarted(task="main", session="20260101-000000-aaaa", root="/here", version="0")
TASK = TaskStarted(task="main", parent=None, mode="code", model="a/b", project="")
ASKED = MessageAdded(task="main", message=Prompt(text="mend it\nplease", notes="Date: today"))
SAID = MessageAdded(task="main", message=Reply(text="The Straße is done 😀", usage=Usage(fresh=3, output=1)))
ENDED = TaskEnded(task="main", outcome="done", text="done")


def spent(money: int | None, task: str = "main") -> Spent:
    return Spent(
        task=task, request="r", purpose="chat", mode="code", model="a/b", spend=Spend(micro_dollars=money)
    )


def stored(id: str, *events: Event) -> Path:
    path = log.session_path(id)
    file = log.SessionLog(path)
    for event in events:
        file.append(event)
    file.close()
    return path


def info_of(*events: Event) -> sessions.SessionInfo:
    info = sessions.session_info(stored("20260101-000000-aaaa", *events))
    assert info is not None
    return info


def test_a_list_shows_the_first_prompt_and_the_name_when_it_has_one() -> None:
    info = info_of(STARTED, ASKED, SAID)
    assert (info.title, info.prompts, info.root) == ("mend it please", 1, "/here")
    assert info_of(SessionNamed(task="main", name="The mending")).title == "The mending"


def test_a_list_shows_mode_model_cost_and_outcome() -> None:
    changed = ModeChanged(task="main", mode="architect", model="c/d")
    child = TaskStarted(task="1", parent="main", mode="ask", model="e/f", project="")
    child_ended = TaskEnded(task="1", outcome="failed", text="")
    info = info_of(STARTED, TASK, ASKED, child, spent(7), spent(5, "1"), child_ended, changed, ENDED)
    assert (info.mode, info.model, info.total.micro_dollars, info.outcome) == ("architect", "c/d", 12, "done")


def test_what_kcode_says_in_the_users_place_is_no_prompt_and_a_new_one_opens_the_work_again() -> None:
    by_kcode = MessageAdded(task="main", message=Prompt(text="go on", by="kcode"))
    assert info_of(STARTED, by_kcode, ASKED, ENDED).title == "mend it please"
    assert info_of(ASKED).outcome == "open"


def test_an_unknown_price_makes_the_cost_a_lower_bound() -> None:
    assert str(info_of(STARTED, ASKED, spent(20_000), spent(None)).total) == "≥$0.0200"


def test_lines_that_cannot_be_read_are_passed_over() -> None:
    path = stored("20260101-000000-aaaa", STARTED, ASKED)
    with path.open("ab") as file:
        file.write(b'{"at": 1, "event": {"task": "main", "type": "spent", "spend": 7}}\n\xff\n{"at": 2, "ev')
    info = sessions.session_info(path)
    assert info is not None and info.title == "mend it please"


def test_a_file_without_a_session_has_no_info(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text("")
    assert sessions.session_info(tmp_path / "x.jsonl") is None
    assert sessions.session_info(tmp_path / "y.jsonl") is None


def test_sessions_are_listed_with_the_newest_first_of_one_folder_or_of_all() -> None:
    os.utime(stored("a", STARTED, ASKED), (1e9, 1e9))
    os.utime(stored("b", STARTED.model_copy(update={"root": "/there"}), ASKED), (2e9, 2e9))
    os.utime(stored("c", STARTED, ASKED), (3e9, 3e9))
    assert [info.id for info, _ in sessions.listed()] == ["c", "b", "a"]
    assert [info.id for info, _ in sessions.listed("/here")] == ["c", "a"]


@pytest.mark.parametrize(
    ("words", "place"),
    [
        (["MEND"], "mend it please"),
        (["straße"], "The Straße is done 😀"),
        (["STRASSE"], None),
        (['say "hi"'], 'echo say "hi"'),
        (["mend", "😀"], "mend it please"),
        (["mend", "nowhere"], None),
        (["message_added"], None),
        (["2 failed"], "in all: 2 failed"),
        (["christening"], "The Christening"),
    ],
)
def test_words_are_found_in_names_and_messages_whatever_their_case(
    words: list[str], place: str | None
) -> None:
    call = ToolCall(id="1", name="shell", arguments='echo say "hi"')
    more = (
        MessageAdded(task="1", message=Reply(calls=(call,))),
        MessageAdded(task="1", message=ToolResult(call_id="1", text="in all:\n2 failed")),
        SessionNamed(task="main", name="The Christening"),
    )
    stored("a", STARTED, ASKED, SAID, *more)
    assert [where for _, where in sessions.listed(words=words)] == ([place] if place else [])


def test_letters_that_become_longer_when_they_are_folded_are_found_too() -> None:
    stored("a", STARTED, MessageAdded(task="main", message=Prompt(text="İstanbul and more")))
    assert [where for _, where in sessions.listed(words=["more"])] == ["i̇stanbul and more"]


def test_a_copy_spends_of_the_same_budget() -> None:
    past = stored("old", STARTED, TASK, BudgetSet(task="main", micro_dollars=5, used=2), ASKED, SAID, ENDED)
    before = past.read_bytes()
    copy = sessions.fork(past)
    events, _ = log.load_events(copy)
    assert copy != past and past.read_bytes() == before and copy.stat().st_mode & 0o777 == 0o600
    assert events[-1] == BudgetSet(task="main", micro_dollars=5, used=2, purse="old")
    again, _ = log.load_events(sessions.fork(copy))
    assert again == events


def test_a_session_that_is_open_elsewhere_is_not_renamed() -> None:
    path = stored("a", STARTED)
    held = log.SessionLog(path)
    with pytest.raises(BadInput, match="open in another kcode"):
        sessions.rename(path, "mine")
    held.close()
    sessions.rename(path, "mine")
    info = sessions.session_info(path)
    assert info is not None and info.title == "mine"


def test_hundreds_of_sessions_are_listed_and_searched_in_no_time() -> None:
    result = MessageAdded(task="main", message=ToolResult(call_id="1", text="line of output\n" * 1_000))
    work: list[Event] = [spent(3), SAID, result] * 60
    first = stored("000", STARTED, TASK, ASKED, *work, ENDED)
    assert first.stat().st_size > 900_000
    for number in range(1, 40):
        os.link(first, first.with_stem(f"{number:03}"))
    began = time.process_time()
    assert len(list(sessions.listed("/here"))) == 40
    assert list(sessions.listed("/here", ["unheard-of"])) == []
    assert time.process_time() - began < 2.0

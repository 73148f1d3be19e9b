from pathlib import Path

import pytest

from kcode.events import (
    Answered,
    ApprovalAsked,
    Event,
    MessageAdded,
    Retrying,
    SessionNamed,
    Spend,
    Spent,
    TaskEnded,
    TaskStarted,
    TextArrived,
    ThinkingArrived,
    ToolStarted,
)
from kcode.messages import Reply, Usage
from kcode.modes.choice import Models
from kcode.modes.load import load_modes
from kcode.settings import Settings
from kcode.tui.engine.state import State
from kcode.tui.engine.words import Chosen, Opened, Queued, Working

ASKED = ApprovalAsked(
    task="main",
    id="q1",
    call_id="c",
    name="shell",
    title="Run x",
    preview="x",
    reason="commands need your yes",
)
SPENT = Spent(
    task="main",
    request="r",
    purpose="chat",
    mode="code",
    model="a/b",
    spend=Spend(usage=Usage(fresh=10), micro_dollars=500),
)


def opened(*past: Event, picks: dict[str, str] | None = None, **models: str) -> Opened:
    modes, _ = load_modes()
    settings = Settings(models=models)
    table = Models(settings, modes, picks or {}, first="first/one")
    return Opened("s1", Path("/x"), tuple(past), (), modes, settings, table)


def working(*events: Event) -> State:
    state = State()
    state.hear(opened())
    state.hear(Working(True))
    for event in events:
        state.hear(event)
    return state


def test_at_rest_nothing_goes_on() -> None:
    state = working(ToolStarted(task="main", call_id="c", name="read", title="Read a.py"))
    state.hear(Working(False))
    assert state.doing == ""


@pytest.mark.parametrize(
    ("event", "doing"),
    [
        (ThinkingArrived(task="main", text="hm"), "Thinking"),
        (TextArrived(task="main", text="a"), "Writing"),
        (ToolStarted(task="main", call_id="c", name="read", title="Read [b]\x1b[2Ja.py"), "Read [b]a.py"),
        (
            Retrying(task="main", attempt=1, wait=4, model="a/b", reason="overloaded"),
            "overloaded, again in 4 s",
        ),
        (ASKED, "Waiting for your word"),
    ],
)
def test_what_goes_on_is_said(event: Event, doing: str) -> None:
    assert working(event).doing == doing


def test_an_answer_ends_the_waiting() -> None:
    state = working(ASKED, Answered(task="main", id="q1", answer="once"))
    assert (state.asked, state.doing) == ({}, "Working")


def test_the_end_of_a_task_ends_its_questions_and_no_others() -> None:
    other = ASKED.model_copy(update={"id": "q2", "task": "child"})
    state = working(ASKED, other, TaskEnded(task="main", outcome="cancelled", text=""))
    assert list(state.asked) == ["q2"]


def test_a_subtask_is_known_by_its_title() -> None:
    child = TaskStarted(task="1", parent="main", mode="code", model="a/b", project="", title="fix the tests")
    state = working(child)
    assert state.title_of("1") == "task 1: fix the tests"
    assert (state.title_of("main"), state.doing) == ("", "1 task at work")
    state.hear(TaskEnded(task="1", outcome="done", text=""))
    assert state.doing == "Working"


def test_what_subtasks_do_is_not_what_the_main_task_does() -> None:
    state = working(ToolStarted(task="main", call_id="c", name="read", title="Read a.py"))
    state.hear(TextArrived(task="1", text="x"))
    assert state.doing == "Read a.py"


def test_what_happened_before_counts_but_is_not_asked_again() -> None:
    state = State()
    named = SessionNamed(task="main", name="the bug")
    state.hear(opened(MessageAdded(task="main", message=Reply(text="Done.")), SPENT, ASKED, named))
    assert (state.answer, state.name, state.asked) == ("Done.", "the bug", {})
    assert state.meter.session.micro_dollars == 500
    assert state.meter.reading().per_minute == 0


def test_another_session_begins_from_nothing() -> None:
    state = working(SPENT, MessageAdded(task="main", message=Reply(text="Done.")))
    state.hear(Queued(("x",)))
    state.hear(opened())
    assert (state.answer, state.queued, state.is_working, state.meter.session.requests) == ("", (), False, 0)


@pytest.mark.parametrize(
    ("flags", "settings", "mode", "model"),
    [
        ({"code": "f/code", "": "f/all"}, {"code": "s/code"}, "code", "f/code"),
        ({"": "f/all"}, {"code": "s/code"}, "code", "f/all"),
        ({}, {"code": "s/code", "default": "s/all"}, "code", "s/code"),
        ({}, {"code": "s/code", "default": "s/all"}, "ask", "s/all"),
        ({}, {}, "ask", "first/one"),
    ],
)
def test_the_model_of_a_mode(flags: dict[str, str], settings: dict[str, str], mode: str, model: str) -> None:
    state = State()
    state.hear(opened(picks=dict(flags), **settings))
    assert state.model_of(mode) == model


def test_what_a_mode_has_in_the_session_it_has_again_when_one_comes_back() -> None:
    state = State()
    state.hear(opened(code="s/code", ask="s/ask"))
    state.hear(Chosen("code", "kept/one", "high", None))
    state.hear(Chosen("ask", "s/ask", None, None))
    assert (state.model_of("code"), state.effort_of("code")) == ("kept/one", "high")
    assert (state.model_of("ask"), state.effort_of("ask")) == ("s/ask", None)


def test_a_new_session_knows_nothing_of_what_was_picked_in_the_one_before() -> None:
    state = State()
    state.hear(opened(code="s/code"))
    state.hear(Chosen("code", "picked/one", None, None))
    state.hear(opened(code="s/code"))
    assert state.model_of("code") == "s/code"


def test_what_is_waited_for_before_the_first_request_has_a_name() -> None:
    state = State()
    state.hear(opened())
    state.hear(Working(True, is_warming_up=True))
    assert state.doing == "Starting"
    state.hear(TextArrived(task="main", text="x"))
    assert state.doing == "Writing"

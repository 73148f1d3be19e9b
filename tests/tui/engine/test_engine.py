"""The engine without a screen: sessions in a thread."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from kcode.cli.screen import door_for
from kcode.errors import BadInput, NoKey
from kcode.events import USER, MessageAdded, Noticed, TaskEnded, TextArrived, ToolStarted
from kcode.scripted import ScriptedProvider
from kcode.tui.engine.engine import Engine
from kcode.tui.engine.words import (
    Broke,
    Chosen,
    Door,
    GivenBack,
    NotOpened,
    Opened,
    Queued,
    Told,
    Wish,
    Working,
)
from tests.tui.conftest import MODEL, OTHER, lane, scripted_options

HELLO = lane("hello", {"text": "Good day."})
SLOW = lane("slow", {"text": "word " * 200, "chunk": 5, "pace": 0.05})


class Heard(list[Told]):
    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self._engine = engine

    def until(self, condition: Callable[[list[Told]], object], seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while not condition(self):
            assert time.monotonic() < deadline, self
            time.sleep(0.01)
            self.extend(self._engine.take())

    def until_kind(self, kind: type) -> object:
        self.until(lambda told: any(isinstance(one, kind) for one in told))
        return next(one for one in self if isinstance(one, kind))


@contextmanager
def running(door: Door) -> Iterator[tuple[Engine, Heard]]:
    engine = Engine(door)
    engine.start(Wish())
    try:
        yield engine, Heard(engine)
    finally:
        engine.close()


@pytest.fixture
def door(play: Callable[..., ScriptedProvider], repository: Path) -> Door:
    return door_for(scripted_options(play(HELLO, SLOW).url, repository))


def texts(heard: Heard) -> str:
    return "".join(one.text for one in heard if isinstance(one, TextArrived))


def test_a_session_is_open_and_says_what_it_is(door: Door, repository: Path) -> None:
    with running(door) as (_, heard):
        opened = heard.until_kind(Opened)
        assert isinstance(opened, Opened)
        assert opened.root == repository
        assert [event.type for event in opened.past] == ["session_started", "task_started"]
        chosen = heard.until_kind(Chosen)
        assert isinstance(chosen, Chosen) and chosen.facts is not None
        assert (chosen.mode, chosen.model) == ("code", MODEL)
        assert chosen.facts.price is not None


def test_a_prompt_is_worked_on_in_the_engines_thread(door: Door) -> None:
    with running(door) as (engine, heard):
        heard.until_kind(Opened)
        engine.say("hello")
        heard.until(lambda told: Working(False) in told)
        assert texts(heard) == "Good day."
        assert [one.is_working for one in heard if isinstance(one, Working)] == [True, False]
        assert engine.look(lambda session: threading.current_thread().name).result(5) == "engine"


def test_a_cancel_stops_at_once_and_gives_back_what_was_queued(door: Door) -> None:
    with running(door) as (engine, heard):
        heard.until_kind(Opened)
        engine.say("slow")
        heard.until_kind(TextArrived)
        engine.say("one")
        engine.say("two")
        heard.until(lambda told: Queued(("one", "two")) in told)
        began = time.monotonic()
        engine.cancel()
        heard.until(lambda told: Working(False) in told)
        assert time.monotonic() - began < 1
        assert GivenBack("one\n\ntwo") in heard
        assert [one.outcome for one in heard if isinstance(one, TaskEnded)] == ["cancelled"]


def test_the_users_own_command_runs_beside_the_model_and_one_cancel_stops_both(door: Door) -> None:
    with running(door) as (engine, heard):
        heard.until_kind(Opened)
        engine.say("slow")
        heard.until_kind(TextArrived)
        engine.command("echo quick")
        heard.until(lambda told: any(isinstance(one, MessageAdded) and one.task == USER for one in told))
        assert Working(False) not in heard
        engine.say("queued meanwhile")
        engine.command("sleep 60")
        heard.until(lambda told: sum(isinstance(one, ToolStarted) for one in told) == 2)
        engine.cancel()
        heard.until(lambda told: Working(False) in told)
        assert GivenBack("queued meanwhile") in heard
        assert [one.is_working for one in heard if isinstance(one, Working)] == [True, False]


def test_the_newest_queued_message_is_taken_back_first(door: Door) -> None:
    with running(door) as (engine, heard):
        heard.until_kind(Opened)
        engine.say("slow")
        heard.until_kind(TextArrived)
        engine.say("one")
        engine.say("two")
        heard.until(lambda told: Queued(("one", "two")) in told)
        engine.take_back()
        heard.until(lambda told: GivenBack("two") in told)
        heard.until(lambda told: Queued(("one",)) in told[told.index(GivenBack("two")) :])


def test_another_model_comes_with_its_facts(door: Door) -> None:
    with running(door) as (engine, heard):
        heard.until_kind(Opened)
        engine.switch("ask", OTHER)
        heard.until(lambda told: any(isinstance(one, Chosen) and one.model == OTHER for one in told))


def test_a_verb_that_is_refused_becomes_a_notice(door: Door) -> None:
    with running(door) as (engine, heard):
        heard.until_kind(Opened)
        engine.switch("juggler", MODEL)
        notice = heard.until_kind(Noticed)
        assert isinstance(notice, Noticed) and "juggler" in notice.text


def test_a_bug_in_a_verb_becomes_a_notice_with_the_report_and_the_engine_lives_on(door: Door) -> None:
    reports: list[Exception] = []

    def report(error: Exception) -> str:
        reports.append(error)
        return "the report is in bug.txt"

    with running(replace(door, report=report)) as (engine, heard):
        heard.until_kind(Opened)
        engine.set_budget("lots")  # type: ignore[arg-type]
        notice = heard.until_kind(Noticed)
        assert isinstance(notice, Noticed) and "bug.txt" in notice.text
        assert len(reports) == 1
        engine.say("hello")
        heard.until(lambda told: Working(False) in told)
        assert texts(heard) == "Good day."


def test_a_session_that_cannot_be_opened_says_why(door: Door) -> None:
    def refuse(wish: Wish, listener: object) -> object:
        raise BadInput("There is no such session.")

    with running(replace(door, open=refuse)) as (_, heard):  # type: ignore[arg-type]
        assert heard.until_kind(NotOpened) == NotOpened("There is no such session.", 2)


def test_a_missing_key_is_told_apart(door: Door) -> None:
    def refuse(wish: Wish, listener: object) -> object:
        raise NoKey("No key was found.")

    with running(replace(door, open=refuse)) as (_, heard):  # type: ignore[arg-type]
        assert heard.until_kind(NotOpened) == NotOpened("No key was found.", 2, wants_key=True)


def test_a_bug_while_opening_is_reported_and_another_wish_works(door: Door) -> None:
    wishes: list[Wish] = []

    def once_broken(wish: Wish, listener: object) -> object:
        wishes.append(wish)
        if len(wishes) == 1:
            raise ZeroDivisionError
        return door.open(wish, listener)  # type: ignore[arg-type]

    broken = replace(door, open=once_broken, report=lambda error: "it is in bug.txt")  # type: ignore[arg-type]
    with running(broken) as (engine, heard):
        refused = heard.until_kind(NotOpened)
        assert isinstance(refused, NotOpened) and "bug.txt" in refused.text
        engine.open(Wish())
        heard.until_kind(Opened)


def test_another_session_ends_what_runs_in_this_one(door: Door) -> None:
    with running(door) as (engine, heard):
        heard.until_kind(Opened)
        engine.say("slow")
        heard.until_kind(TextArrived)
        engine.open(Wish("new"))
        heard.until(lambda told: sum(isinstance(one, Opened) for one in told) == 2)
        assert Working(False) in heard


def test_the_end_comes_quickly_while_something_runs(door: Door) -> None:
    with running(door) as (engine, heard):
        heard.until_kind(Opened)
        engine.say("slow")
        heard.until_kind(TextArrived)
        began = time.monotonic()
        engine.close()
        assert time.monotonic() - began < 2
        engine.say("too late")  # does nothing, and does not raise


def test_a_time_limit_stops_the_work(door: Door) -> None:
    with running(replace(door, max_time=0.3)) as (engine, heard):
        heard.until_kind(Opened)
        engine.say("slow")
        heard.until(lambda told: Working(False) in told)
        assert any(isinstance(one, Noticed) and "0.3 s, the limit" in one.text for one in heard)


def test_nothing_broke(door: Door) -> None:
    with running(door) as (engine, heard):
        heard.until_kind(Opened)
        engine.close()
        heard.extend(engine.take())
        assert not any(isinstance(one, Broke) for one in heard)

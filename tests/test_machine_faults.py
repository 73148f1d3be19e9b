"""What is wrong with the machine: stores that are damaged or closed, clocks that jump, two kcodes at once."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from kcode.scripted import ScriptedProvider
from kcode.spend.ledger import Ledger
from tests.playing import call, say, scenario
from tests.running import Forker, environment, until
from tests.test_bad_input import ANSWER, Machine, assert_answered

WRITES = (call("write", path="new.txt", text="one\n"), say(ANSWER))


@pytest.fixture
def machine(forker: Forker, repository: Path, tmp_path: Path) -> Iterator[Machine]:
    with ScriptedProvider(scenario(*WRITES, say(ANSWER), say(ANSWER))) as provider:
        yield Machine(forker, provider, repository, tmp_path / "home")


def checkpoints(machine: Machine) -> Path:
    (file,) = (machine.home / "data/checkpoints").glob("*.sqlite3")
    return file


def test_a_damaged_store_of_checkpoints_stops_no_work_and_is_told_once(machine: Machine) -> None:
    assert_answered(machine, machine.run("hi"))
    checkpoints(machine).write_bytes(b"nonsense" * 1000)
    (machine.folder / "new.txt").unlink()
    done = machine.run("hi")
    assert_answered(machine, done)
    assert (machine.folder / "new.txt").read_text() == "one\n"
    assert done.err.count("cannot be kept for undoing") <= 1 and "a bug" not in done.err
    undone = machine.plain("undo", "--yes")
    assert "Traceback" not in undone.err and "a bug" not in undone.err


def test_checkpoints_that_cannot_be_written_stop_no_work(machine: Machine) -> None:
    folder = machine.home / "data/checkpoints"
    folder.mkdir(parents=True)
    folder.chmod(0o555)
    done = machine.run("hi", plain_user=1)
    assert_answered(machine, done, "cannot be kept for undoing")
    assert (machine.folder / "new.txt").exists()


def test_a_clock_that_was_ahead_stops_nothing(machine: Machine) -> None:
    assert_answered(machine, machine.run("hi"))
    ahead = time.time() + 10 * 365 * 86_400
    with closing(sqlite3.connect(machine.home / "data/ledger.sqlite3")) as ledger:
        ledger.execute("UPDATE requests SET started = ?, ended = ?, first_token = ?", (ahead, ahead, ahead))
        ledger.commit()
    for file in machine.home.rglob("*"):
        os.utime(file, (ahead, ahead))
    assert_answered(machine, machine.run("-c", "and now?"))
    for command in (["spend"], ["sessions", "list"], ["checkpoints", "list"], ["undo", "--yes"]):
        done = machine.plain(*command)
        assert done.code == 0 and "Traceback" not in done.err, done.last_words
    assert not (machine.folder / "new.txt").exists()


def test_a_clock_that_was_behind_stops_nothing(machine: Machine) -> None:
    assert_answered(machine, machine.run("hi"))
    for file in machine.home.rglob("*"):
        os.utime(file, (1, 1))
    assert_answered(machine, machine.run("-c", "and now?"))
    assert "Traceback" not in machine.plain("sessions", "list").err


def test_two_kcodes_in_one_repository_do_not_disturb_each_other(machine: Machine) -> None:
    slow = [call("shell", command="sleep 0.3"), *WRITES]
    with ScriptedProvider(scenario(*slow)) as provider:
        both = Machine(machine.forker, provider, machine.folder, machine.home)
        arguments = ["run", "hi", *both.flags]
        running = [
            machine.forker.start(*arguments, cwd=both.folder, env=environment(both.home)) for _ in range(3)
        ]
        ended = [one.wait() for one in running]
        assert [(one.code, one.out) for one in ended] == [(0, ANSWER + "\n")] * 3, ended[0].last_words
        ledger = Ledger(both.home / "data/ledger.sqlite3")
        try:
            rows = ledger.rows()
        finally:
            ledger.close()
        assert len(rows) == len(provider.requests) == 9
        assert sum(row.charged or 0 for row in rows) == provider.total
        assert len(both.sessions) == 3


@pytest.mark.slow
def test_a_locked_ledger_is_named(machine: Machine) -> None:
    assert_answered(machine, machine.run("hi"))
    with closing(sqlite3.connect(machine.home / "data/ledger.sqlite3")) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        running = machine.forker.start(
            *("run", "hi", *machine.flags), cwd=machine.folder, env=environment(machine.home)
        )
        until(lambda: running.has_ended, 30)
    done = running.wait()
    assert done.code == 1 and "locked" in done.err and "Traceback" not in done.err, done.last_words

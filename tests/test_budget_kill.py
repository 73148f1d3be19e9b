"""kill -9 again and again while money is being spent: the provider's invoice stays within the budget."""

import random
import time
from pathlib import Path

import pytest

from kcode.scripted import ScriptedProvider
from kcode.spend.ledger import Ledger
from tests.playing import MODEL, WIRES, WireName, call, say, scenario, settings_for
from tests.running import Forker, environment

pytestmark = pytest.mark.slow

BUDGET = 60_000
"""Micro-dollars: about ten steps of the session, and less than it would take without a limit."""


@pytest.mark.parametrize("wire", WIRES)
def test_a_session_that_is_killed_and_gone_on_with_never_spends_more_than_its_budget(
    forker: Forker, repository: Path, tmp_path: Path, wire: WireName
) -> None:
    steps = [
        call("shell", command=f"echo {n}") | say(f"Step {n}. " * 20, pace=0.004, chunk=40) for n in range(40)
    ]
    chance = random.Random(7)
    home = tmp_path / "home"
    with ScriptedProvider(scenario(*steps, say("Done."))) as provider:
        settings = [part for one in settings_for(provider, wire) for part in ("--set", one)]
        settings += ["--set", "limits.guard=false", "--set", "budget.least_output=200", "--yolo", "-m", MODEL]
        codes = []
        for attempt in range(12):
            first = ["--budget", str(BUDGET / 1_000_000), "go"] if attempt == 0 else ["-c"]
            running = forker.start("run", *first, *settings, cwd=repository, env=environment(home))
            if attempt < 6:
                before = len(provider.requests)
                end = time.monotonic() + 10
                while len(provider.requests) <= before and not running.has_ended and time.monotonic() < end:
                    time.sleep(0.002)
                time.sleep(chance.uniform(0, 0.25))
                running.send(9)  # type: ignore[arg-type]
            codes.append(running.wait().code)
            if codes[-1] == 4:
                break
        assert codes[-1] == 4, codes
        for received in provider.requests:
            provider.wait_for_end(received.number)
        assert 0 < provider.total <= BUDGET
        book = Ledger(home / "data" / "ledger.sqlite3")
        rows = book.rows()
        assert {row.state for row in rows} <= {"settled", "estimated", "failed"}
        (session,) = {row.session for row in rows}
        assert provider.total <= book.used(session) <= BUDGET
        book.close()

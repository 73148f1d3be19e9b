"""The gate of the cache: sixty steps with switches of the mode, a subtask, and two that write in worktrees."""

from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import pytest

from kcode.events import ModeChanged, TaskStarted
from kcode.scripted import shared_prefix
from kcode.scripted.state import Received
from tests.playing import DOLLARS, MODEL, NAME, WIRES, WireName, call, calls, playing, say

STEPS = 60


def script() -> dict[str, object]:
    """Sixty steps of the user's own task; every tenth something that might change the prefix."""
    steps = [
        call("list", path=".") if n % 2 else call("shell", command=f"echo step {n}") for n in range(STEPS)
    ]
    steps[9] = call("switch_mode", mode="debug")
    steps[19] = call("delegate", mode="ask", message="LOOK: what is there")
    steps[29] = calls(
        call("delegate", mode="code", message="ALPHA: write a"),
        call("delegate", mode="debug", message="BETA: write b"),
    )
    steps[39] = call("switch_mode", mode="code")
    lanes = {
        "^MAIN": [*steps, say("Done.")],
        "^LOOK": [call("read", path="README.md"), say("A shop.")],
        "^ALPHA": [call("write", path="a.txt", text="a\n"), say("A.")],
        "^BETA": [call("write", path="b.txt", text="b\n"), say("B.")],
    }
    return {
        "lanes": [{"match": match, "steps": several} for match, several in lanes.items()],
        "prices": {NAME: DOLLARS},
    }


@pytest.mark.parametrize("wire", WIRES)
async def test_each_request_begins_with_the_one_before_or_with_what_its_parent_has_sent(
    repository: Path, wire: WireName
) -> None:
    (repository / "AGENTS.md").write_text("Money is whole cents, never a float.\n" * 80)
    with playing(script(), repository, wire, mode="code", set=("limits.guard=false",)) as play:
        await play.session.prompt("MAIN: begin")
        assert play.provider.mismatches == []
        assert [event.mode for event in play.told(ModeChanged)] == ["debug", "code"]
        assert {bool(event.folder) for event in play.told(TaskStarted)} == {True, False}
        by_task = defaultdict[int | None, list[Received]](list)
        for request in play.provider.requests:
            by_task[request.lane].append(request)
        assert len(by_task[0]) == STEPS + 1 and len(by_task) == 4
        for requests in by_task.values():
            assert all(shared_prefix(before, after) >= 0.99 for before, after in pairwise(requests))
        opening = by_task[0][0]
        for child in (1, 2, 3):
            first = by_task[child][0]
            assert first.body["tools"] == opening.body["tools"]
            assert first.usage.cached >= 0.9 * (opening.usage.input - 200), (
                "the shared prefix is read, not written"
            )
        rows = [request.usage for request in by_task[0][1:]]
        assert all(usage.cached > 0 for usage in rows)
        assert {row.model for row in play.started.ledger.rows(session=play.session.id)} == {MODEL}

"""Many steps with faults, cancels, subtasks, approvals, jobs: nothing grows or is left, the ledger is the invoice.

SOAK=N does N steps; without it a hundred or so.
"""

import asyncio
import gc
import os
import random
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from kcode import paths
from kcode.errors import KcodeError
from kcode.events import ApprovalAsked, Event, MessageAdded, QuestionAsked
from kcode.llm import transport
from kcode.messages import Reply
from tests.playing import DOLLARS, NAME, WIRES, Play, call, calls, playing, say
from tests.test_cancel_anywhere import UNHEARD, Holdings, nothing_is_left, seen

Json = dict[str, Any]
STEPS = int(os.environ.get("SOAK", "120"))
PROMPTS = 12
"""In one session."""
GROWTH = 40_000_000
"""Bytes of memory, from the time when everything was in use once; caches of LiteLLM's fill up."""
FAULTS = ("rate_limit", "overloaded", "server_error", "reset", "reset_mid", "eof_mid", "error_event", "malformed_sse",
          "truncated_json", "missing_ids", "duplicate_ids", "empty_reply", "max_tokens", "html", "not_json",
          "context_overflow")  # fmt: skip
SUMMARY = {"match_system": "You condense", "match": "", "steps": [say("They build a shop. " * 10)]}
LAST = [say("Done.")] * 60


def work(chance: random.Random, number: int) -> list[Json]:
    """What the model does for one prompt."""
    deeds: list[Json] = [
        calls(call("read", path="README.md"), call("search", pattern="cart"), call("list")) | {"text": "I look."},
        call("write", path=f"new{number % 5}.txt", text=f"{number}\n"),
        call("edit", path="README.md", edits=[{"old": "a", "new": "a", "all": True}]),
        call("shell", command="sleep 0.02 & echo begun; (setsid sleep 60 &); echo done"),
        call("shell", command="sleep 60", background=True),
        call("shell", command="yes | head -n 20000"),
        call("nothing", of="the kind"),
        call("read", path="nowhere.txt"),
        {"calls": [{"name": "read", "arguments": "{"}]},
        call("ask", question="Which?"),
        call("todo", todos=[{"text": "one", "state": "open"}]),
        calls(call("delegate", mode="code", message="CHILD: a"), call("delegate", mode="ask", message="OTHER: b")),
        calls(call("delegate", mode="code", message="CHILD: a"), call("delegate", mode="code", message="CHILD: c")),
    ]  # fmt: skip
    return [*chance.sample(deeds, chance.randrange(2, 5)), say("Done."), *LAST]


def script(chance: random.Random) -> Json:
    return {
        "lanes": [
            SUMMARY,
            {"match": "CHILD", "steps": [call("write", path="same.txt", text="x\n"), say("Child."), *LAST]},
            {"match": "OTHER", "steps": [call("read", path="README.md"), say("Other."), *LAST]},
            *({"match": f"PROMPT {n:02}", "steps": work(chance, n)} for n in reversed(range(PROMPTS))),
            {"match": "", "steps": LAST},
        ],
        "prices": {NAME: DOLLARS},
        "faults": [
            {"kind": chance.choice(FAULTS), "request": n, "after": chance.randrange(3)}
            for n in range(2, 400)
            if chance.random() < 0.12
        ],
    }


def answering(play: Play, chance: random.Random) -> None:
    """Somebody who answers in a moment, one way or another, or never."""

    def hear(event: Event) -> None:
        if isinstance(event, ApprovalAsked | QuestionAsked) and chance.random() < 0.9:
            answer = chance.choice(("once", "no", "always")) if isinstance(event, ApprovalAsked) else "Go on"
            asyncio.get_running_loop().call_later(0.001, play.session.answer, event.id, answer)

    play.session.listen(hear)


async def one_session(chance: random.Random, root: Path, number: int) -> int:
    """The steps that it had."""
    mode = chance.choice(("auto", "edits", "ask"))
    more: dict[str, Any] = {
        "permission_mode": mode,
        "someone_answers": True,
        "set": ("retry.attempts=3", "timeouts.silence=5"),
    }
    with playing(script(chance), root, WIRES[number % 2], **more) as play:
        answering(play, chance)
        for prompt in range(PROMPTS):
            working = asyncio.ensure_future(play.session.prompt(f"PROMPT {prompt:02}"))
            limit = chance.choice((0.02, 0.1, 0.3, 1.0, 8.0))
            while not (await asyncio.wait({working}, timeout=limit))[0]:
                play.session.cancel()
                limit = 3.0
            with suppress(KcodeError, asyncio.CancelledError):
                await working
            assert all(task.conversation.unanswered() == () for task in play.session.tree.tasks.values())
            if chance.random() < 0.2:
                with suppress(KcodeError):
                    await asyncio.wait_for(play.session.condense(), 5)
        await play.session.close()
        await seen(lambda: all(request.ended for request in play.provider.requests))
        rows = play.started.ledger.rows(session=play.session.id)
        assert "reserved" not in {row.state for row in rows}
        assert len(rows) - len(play.provider.requests) in range(PROMPTS + 1)
        cut = sum(row.state == "estimated" for row in rows)
        whole = sum(row.charged or 0 for row in rows if row.state == "settled")
        billed = sum(row.micro_dollars or 0 for row in play.provider.invoice if row.whole)
        assert whole <= billed, "what was settled is on the invoice"
        assert play.started.ledger.used(play.session.id) >= play.provider.total - cut * UNHEARD
        return sum(
            isinstance(event, MessageAdded) and isinstance(event.message, Reply) for event in play.events
        )


def leftovers(temp: Path) -> list[str]:
    """Temp folders, and what is left of worktrees."""
    home = paths.worktrees_dir()
    trash = home.glob("trash-*") if home.is_dir() else ()
    return [path.name for path in (*temp.iterdir(), *trash)]


@pytest.mark.slow
async def test_nothing_grows_and_nothing_is_left(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temp = tmp_path / "temp"
    temp.mkdir()
    monkeypatch.setenv("TMPDIR", str(temp))
    monkeypatch.setattr(tempfile, "tempdir", str(temp))
    await transport.ready()
    chance, me = random.Random(7), psutil.Process()
    steps, number, warm = 0, 0, 0
    before = Holdings.now()
    while steps < STEPS:
        steps += await one_session(chance, repository, number)
        await transport.close()
        await nothing_is_left(before)
        number += 1
        gc.collect()
        memory = me.memory_info().rss
        if number == 3:
            warm = memory
        print(
            f"{steps} steps, {number} sessions, {memory / 1e6:.0f} MB, {len(os.listdir('/proc/self/fd'))} descriptors",
            flush=True,
        )
    assert not warm or memory - warm < GROWTH * max(1, steps / 2000)
    await seen(lambda: not leftovers(temp))

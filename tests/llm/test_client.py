import asyncio
import time
from pathlib import Path

import pytest

from kcode.errors import ProviderError, Unavailable
from kcode.events import Retrying, Spent, TextArrived
from tests.playing import MODEL, NAME, Play, playing, say, scenario


def reasons(play: Play) -> list[tuple[int, str]]:
    return [(retry.attempt, retry.model) for retry in play.told(Retrying)]


async def test_each_attempt_is_a_row_and_the_next_one_names_the_one_before(repository: Path) -> None:
    script = scenario(say("Done.")) | {"faults": [{"request": [1, 2], "kind": "server_error"}]}
    with playing(script, repository) as play:
        assert await play.session.prompt("go") == "Done."
        assert reasons(play) == [(1, MODEL), (2, MODEL)]
        assert [spent.spend.state for spent in play.told(Spent)] == ["failed", "failed", "settled"]
        assert [spent.spend.micro_dollars for spent in play.told(Spent)][:2] == [0, 0]
        rows = play.started.ledger.rows()
        assert len(rows) == 3 and play.billed == play.provider.total


async def test_a_provider_is_given_as_long_as_it_asks_for(repository: Path) -> None:
    script = scenario(say("Done.")) | {
        "faults": [{"request": 1, "kind": "rate_limit", "retry_after_ms": 300}]
    }
    with playing(script, repository) as play:
        began = time.monotonic()
        await play.session.prompt("go")
        assert time.monotonic() - began >= 0.3
        assert play.told(Retrying)[0].wait == pytest.approx(0.3)


async def test_a_provider_that_asks_for_too_long_is_not_waited_for(repository: Path) -> None:
    script = scenario(say("Done.")) | {"faults": [{"request": 1, "kind": "rate_limit", "retry_after": 3600}]}
    with playing(script, repository) as play:
        with pytest.raises(Unavailable):
            await play.session.prompt("go")
        assert len(play.provider.requests) == 1


async def test_attempts_are_finite(repository: Path) -> None:
    script = scenario(say("never")) | {"faults": [{"request": list(range(1, 9)), "kind": "overloaded"}]}
    with playing(script, repository, set=("retry.attempts=3",)) as play:
        with pytest.raises(Unavailable, match="3 times"):
            await play.session.prompt("go")
        assert len(play.provider.requests) == 3


async def test_what_was_heard_of_a_cut_reply_is_void_and_said_once(repository: Path) -> None:
    script = scenario(say("one two three four five six")) | {
        "faults": [{"request": 1, "kind": "reset_mid", "after": 2}]
    }
    with playing(script, repository) as play:
        assert await play.session.prompt("go") == "one two three four five six"
        kinds = [type(event) for event in play.events if isinstance(event, TextArrived | Retrying)]
        assert kinds.index(Retrying) > 0
        cut, whole = play.told(Spent)
        assert (cut.spend.state, whole.spend.state) == ("estimated", "settled")


async def test_another_model_takes_over_when_one_has_no_credit(repository: Path) -> None:
    script = scenario(say("Done.")) | {"faults": [{"request": 1, "kind": "no_credit"}]}
    script["prices"]["model-2"] = script["prices"][NAME]
    with playing(script, repository, fallback_models=("scripted/model-2",)) as play:
        assert await play.session.prompt("go") == "Done."
        assert reasons(play) == [(1, "scripted/model-2")]
        assert [request.model for request in play.provider.requests] == [NAME, "model-2"]


async def test_a_wrong_request_is_not_sent_to_the_next_model(repository: Path) -> None:
    script = scenario(say("Done.", expect="nowhere to be found"))
    with playing(script, repository, fallback_models=("scripted/model-2",)) as play:
        with pytest.raises(ProviderError, match="400"):
            await play.session.prompt("go")
        assert len(play.provider.requests) == 1


async def test_a_cancel_ends_a_wait_between_attempts_at_once(repository: Path) -> None:
    script = scenario(say("Done.")) | {"faults": [{"request": 1, "kind": "rate_limit", "retry_after": 30}]}
    with playing(script, repository) as play:
        working = asyncio.ensure_future(play.session.prompt("go"))
        while not play.told(Retrying):
            await asyncio.sleep(0.01)
        began = time.monotonic()
        play.session.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working
        assert time.monotonic() - began < 0.3


async def test_a_model_without_a_price_is_counted_and_its_money_unknown(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_KEY", "abc")
    keyed = (
        'providers.scripted.key="env:SOME_KEY"'  # a server without a key on this machine would cost nothing
    )
    with playing(scenario(say("Done.")), repository, models=("scripted/model-3",), set=(keyed,)) as play:
        await play.session.prompt("go")
        (spent,) = play.told(Spent)
        assert spent.spend.micro_dollars is None and spent.spend.usage.input > 0
        assert play.started.ledger.total(play.session.id).unknown == 1

import asyncio
import time
from pathlib import Path

import pytest

from kcode import settings
from kcode.errors import ProviderError, Unavailable
from kcode.events import Retrying, Spent, TextArrived
from kcode.messages import Prompt
from tests.playing import MODEL, NAME, Play, playing, say, scenario, settings_for


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


KEYED = ('providers.scripted.keys=["env:FIRST_KEY", "env:SECOND_KEY"]', "retry.longest_wait=30")


@pytest.fixture
def two_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRST_KEY", "first-" + "1" * 20)
    monkeypatch.setenv("SECOND_KEY", "second-" + "2" * 20)


def used_keys(play: Play) -> list[str]:
    return [request.key.partition("-")[0] for request in play.provider.requests]


@pytest.mark.usefixtures("two_keys")
async def test_another_key_takes_over_at_once_and_the_first_one_rests(repository: Path) -> None:
    script = scenario(say("Done."), say("Again.")) | {
        "faults": [{"request": 1, "kind": "rate_limit", "retry_after": 20}]
    }
    with playing(script, repository, set=KEYED) as play:
        began = time.monotonic()
        assert await play.session.prompt("go") == "Done."
        assert await play.session.prompt("again") == "Done."
        assert time.monotonic() - began < 10
        assert used_keys(play) == ["first", "second", "second"]
        (retry,) = play.told(Retrying)
        assert (retry.wait, retry.key, retry.purpose) == (0, "environment SECOND_KEY …2222", "chat")
        assert retry.at_most is not None and retry.at_most > 0
        assert play.billed == play.provider.total


@pytest.mark.usefixtures("two_keys")
@pytest.mark.parametrize("kind", ["bad_key", "no_credit"])
async def test_a_key_that_is_refused_gives_way_to_the_next(repository: Path, kind: str) -> None:
    script = scenario(say("Done.")) | {"faults": [{"request": 1, "kind": kind}]}
    with playing(script, repository, set=KEYED) as play:
        assert await play.session.prompt("go") == "Done."
        assert used_keys(play) == ["first", "second"]


@pytest.mark.usefixtures("two_keys")
async def test_an_overload_is_the_providers_and_waited_for_with_the_same_key(repository: Path) -> None:
    script = scenario(say("Done.")) | {"faults": [{"request": 1, "kind": "overloaded", "retry_after_ms": 50}]}
    with playing(script, repository, set=KEYED) as play:
        assert await play.session.prompt("go") == "Done."
        assert used_keys(play) == ["first", "first"]


@pytest.mark.usefixtures("two_keys")
async def test_when_every_key_rests_the_next_model_is_asked_without_asking_them_again(
    repository: Path,
) -> None:
    limited = [{"request": n, "kind": "rate_limit", "retry_after": 600} for n in (1, 2)]
    script = scenario(say("Done.")) | {"faults": limited}
    with playing(script, repository, set=KEYED) as play:
        free = f'providers.free={{wire="anthropic", base_url="{play.provider.url}", key="none"}}'
        client = play.started.session.task.client
        client.settings = client.catalog.settings = settings.load(
            [], (*settings_for(play.provider), *KEYED, free, 'fallback.default=["free/model-2"]')
        )
        await play.session.prompt("go")
        await play.session.prompt("and again")
        assert used_keys(play) == ["first", "second", "none", "none"]
        reasons_told = [retry.reason for retry in play.told(Retrying)]
        assert "has to rest until" in reasons_told[-1]
        assert [retry.model for retry in play.told(Retrying)] == [MODEL, "free/model-2", "free/model-2"]


async def test_an_auxiliary_request_says_what_it_is_for_when_it_is_made_again(repository: Path) -> None:
    script = scenario(say("Summary.")) | {"faults": [{"request": 1, "kind": "server_error"}]}
    with playing(script, repository) as play:
        task = play.session.task
        request = task.request().model_copy(update={"purpose": "condense", "messages": (Prompt(text="go"),)})
        await task.client.ask(request, play.events.append)
        assert play.told(Retrying)[0].purpose == "condense"

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kcode.agent.keepalive import Keeper, keeper_of
from kcode.events import CacheKept, Spent
from kcode.spend.economics import MARGIN, Warmth
from tests.playing import Play, call, playing, say, scenario

LONG = "a sentence that is long enough to be cached. " * 150


async def begun(play: Play) -> None:
    play.session.task.system = LONG
    await play.session.prompt("go")


def quick(play: Play, most: int = 3, period: float = 0.05) -> Keeper:
    """As kcode makes it, but the cache lives for a moment."""
    keeper = keeper_of(play.session.task, ())
    assert keeper is not None and keeper.most > 0
    real = keeper.warmth
    keeper.warmth = Warmth(real.ping, real.miss, MARGIN + period)
    keeper.most = most
    return keeper


SCRIPT = scenario(call("read", path="README.md"), say("done"), match="go")


async def until(holds: Callable[[], object]) -> None:
    end = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < end, "waited in vain"
        await asyncio.sleep(0.01)


async def test_a_ping_reads_the_same_prefix_has_a_row_and_costs_what_the_policy_thought(
    repository: Path,
) -> None:
    with playing(SCRIPT, repository) as play:
        await begun(play)
        keeper = quick(play)
        await keeper.run()
        pings = [spent for spent in play.told(Spent) if spent.purpose == "keepalive"]
        assert len(pings) == keeper.sent == 3
        for ping in pings:
            usage = ping.spend.usage
            assert usage.cached > 1_500 and usage.stored + usage.fresh < 60 and usage.output <= 1
            assert ping.spend.micro_dollars == pytest.approx(keeper.warmth.ping, rel=0.35)
        assert play.provider.requests[-1].body["max_tokens"] == 1
        assert play.billed == play.provider.total


async def test_pings_let_the_cache_outlive_its_own_time(repository: Path) -> None:
    with playing(SCRIPT, repository) as play:
        await begun(play)
        keeper = quick(play, most=10**6)
        pinging = asyncio.ensure_future(keeper.run())
        for _ in range(4):
            sent = keeper.sent
            play.provider.clock.advance(200)
            await until(lambda sent=sent: keeper.sent > sent)  # type: ignore[misc]
        pinging.cancel()
        await asyncio.wait([pinging])
        await play.session.prompt("go")
        first_after = [spent for spent in play.told(Spent) if spent.purpose == "chat"][-2]
        assert first_after.spend.usage.cached > 1_500
        assert keeper.micro_dollars < keeper.warmth.miss


async def test_pings_end_when_there_is_nothing_left_to_keep(repository: Path) -> None:
    with playing(SCRIPT, repository) as play:
        await begun(play)
        play.provider.clock.advance(400)
        keeper = quick(play, most=5)
        await keeper.run()
        assert keeper.sent == 0
        assert len([spent for spent in play.told(Spent) if spent.purpose == "keepalive"]) == 1


async def test_pings_are_never_sent_where_a_budget_has_no_room(repository: Path) -> None:
    with playing(SCRIPT, repository) as play:
        await begun(play)
        play.session.set_budget(play.billed + 1)
        requests = len(play.provider.requests)
        keeper = quick(play)
        await keeper.run()
        assert keeper.sent == 0 and len(play.provider.requests) == requests


async def test_what_was_saved_is_told_once_with_its_price(repository: Path) -> None:
    with playing(SCRIPT, repository) as play:
        await begun(play)
        keeper = quick(play, most=1)
        await keeper.run()
        keeper.tell_of(lasted=keeper.warmth.life + 1)
        keeper.tell_of(lasted=1.0)
        needed, in_vain = play.told(CacheKept)
        assert needed.saved == round(keeper.warmth.miss) > needed.micro_dollars > 0
        assert "1 ping " in needed.text and in_vain.saved == 0 and "in vain" in in_vain.text


async def test_nothing_is_kept_for_automatic_caches_by_wish_or_for_models_that_think(
    repository: Path,
) -> None:
    with playing(SCRIPT, repository, "openai") as play:
        await begun(play)
        assert keeper_of(play.session.task, ()) is None
    with playing(SCRIPT, repository, set=('cache.keep_alive="off"',)) as play:
        await begun(play)
        assert keeper_of(play.session.task, ()) is None
    with playing(SCRIPT, repository) as play:
        await begun(play)
        said = play.session.task.conversation
        play.session.switch(said.mode, said.model, "high")
        assert keeper_of(play.session.task, ()) is None


async def test_how_long_calls_were_waited_for_is_remembered_by_what_they_are(repository: Path) -> None:
    script = scenario(
        call("shell", command="sleep 0.2"), call("read", path="README.md"), say("done"), match="go"
    )
    with playing(script, repository) as play:
        await play.session.prompt("go")
        waits = play.session.task.client.watch.waits
        assert waits["shell"][0] > 0.2 > waits["read"][0]
        assert play.told(CacheKept) == []

from pathlib import Path

from kcode.messages import Prompt
from tests.llm.test_misses import WORDS, Bench, bench, wait_out


def lives(of: Bench) -> list[str]:
    """The lifetimes that the marks of each request ask for."""
    return ["1h" if b'"ttl":"1h"' in r.raw.replace(b" ", b"") else "5m" for r in of.play.provider.requests]


async def test_after_long_pauses_what_is_new_is_stored_for_an_hour_and_billed_as_such(tmp_path: Path) -> None:
    with bench(tmp_path) as of:
        await of.ask()
        assert lives(of) == ["5m"]
        for n in range(3):
            await wait_out(of)
            await of.ask(Prompt(text=f"back again {n}, with {WORDS}"))
        assert lives(of) == ["5m", "5m", "1h", "1h"]
        assert len(of.misses) == 2, "the pause after the first request for an hour was no miss"
        assert of.play.provider.requests[-1].usage.stored_1h > 0
        assert of.play.billed == of.play.provider.total > 0


async def test_a_busy_session_is_stored_for_five_minutes(tmp_path: Path) -> None:
    with bench(tmp_path) as of:
        for n in range(5):
            await of.ask(Prompt(text=f"next {n}"))
        assert set(lives(of)) == {"5m"}


async def test_only_the_end_of_a_ping_moves_when_the_cache_was_last_touched(tmp_path: Path) -> None:
    with bench(tmp_path) as of:
        await of.ask()
        who = (of.play.session.id, "main")
        before = of.client.watch.before(who)
        assert before is not None
        of.client.watch.touched(who, before.ended + 250)
        after = of.client.watch.before(who)
        assert after is not None and after.ended == before.ended + 250
        assert after.model_copy(update={"ended": before.ended}) == before

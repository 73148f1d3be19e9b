import asyncio
from pathlib import Path

import pytest

from kcode.errors import BadInput
from kcode.events import Spent, TextArrived
from tests.playing import DOLLARS, playing, say, scenario


async def test_a_draft_is_rewritten_with_what_it_names_as_context(repository: Path) -> None:
    (repository / "AGENTS.md").write_text("# Money is cents\nNever floats.\n## Tests first\n")
    (repository / ".env").write_text("KEY=secret\n")
    with playing(scenario(say("```\nMend the rounding in shop/prices.py.\n```")), repository) as play:
        name = next(path.name for path in repository.rglob("*.py") if path.stat().st_size > 99)
        assert (
            await play.session.enhance(f"fix {name} and .env pls") == "Mend the rounding in shop/prices.py."
        )
        (request,) = play.provider.requests
        for words in (b"# Money is cents", b"## Tests first", b"<file path=", b"Folders", b"fix "):
            assert words in request.raw
        assert b"KEY=secret" not in request.raw and b"Never floats" not in request.raw
        assert "tools" not in request.body


async def test_it_costs_a_row_of_its_own_and_leaves_the_conversation_alone(repository: Path) -> None:
    with playing(scenario(say("Better.")), repository) as play:
        await play.session.enhance("make it better")
        (row,) = play.started.ledger.rows(session=play.session.id)
        assert row.purpose == "enhance" and play.billed == play.provider.invoice[0].micro_dollars
        assert [event.purpose for event in play.told(Spent)] == ["enhance"]
        assert play.messages == [] and play.told(TextArrived) == []


async def test_the_small_model_does_it(repository: Path) -> None:
    script = scenario(say("Better."))
    script["prices"]["tiny"] = DOLLARS
    with playing(script, repository, set=('models.small="scripted/tiny"',)) as play:
        await play.session.enhance("make it better")
        assert play.provider.requests[0].body["model"] == "tiny"


async def test_it_can_be_stopped(repository: Path) -> None:
    with playing(scenario(say("word " * 500, pace=0.05)), repository) as play:
        work = asyncio.ensure_future(play.session.enhance("make it better"))
        while not play.provider.requests:
            await asyncio.sleep(0.01)
        assert play.session.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        assert not play.session.is_working


@pytest.mark.parametrize("draft", ["", "  \n", "x" * 20_001])
async def test_nothing_and_too_much_are_refused(repository: Path, draft: str) -> None:
    with playing(scenario(), repository) as play:
        with pytest.raises(BadInput):
            await play.session.enhance(draft)
        assert play.provider.requests == []

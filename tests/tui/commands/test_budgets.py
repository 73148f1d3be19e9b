from tests.tui.conftest import Start, lane

HELLO = lane("hello", {"text": "Good day."})


async def test_a_budget_of_every_scope_is_set_and_shown(start: Start) -> None:
    async with start(HELLO) as run:
        await run.ready()
        await run.type("/budget day 0.001")
        await run.sees("For this session: $0.0010 for each day")
        await run.type("/budget")
        screen = await run.sees("Said in this session: $0.0010 for each day")
        assert "This session: no budget" in screen and "each repository, for good" in screen
        await run.press("escape")
        await run.type("say hello")
        await run.sees("of today's $0.0010")
        await run.press("escape")
        await run.rests()
        assert run.provider.requests == []
        await run.type("/budget day off")
        await run.sees("For this session: no limit for each day")
        await run.type("say hello")
        await run.sees("Good day.")


async def test_what_is_no_scope_and_no_amount_is_said(start: Start) -> None:
    async with start(HELLO) as run:
        await run.ready()
        await run.type("/budget week 5")
        await run.sees("Say /budget 2.50, or of one of request, task")
        await run.type("/budget day lots")
        await run.sees("'lots' is no amount of dollars")

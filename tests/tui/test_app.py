from tests.tui.conftest import Start, lane

HELLO = lane("hello", {"text": "Good **day**. All is well."})


async def test_a_whole_turn_from_the_prompt_to_the_receipt(start: Start) -> None:
    async with start(HELLO) as run:
        await run.type("say hello")
        await run.sees("Good day. All is well.")
        await run.rests()
        screen = await run.sees("1 step")
        assert "❯ say hello" in screen
        assert "demo-model" in screen
        assert run.provider.mismatches == []

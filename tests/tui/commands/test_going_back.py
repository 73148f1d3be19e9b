from pathlib import Path

from tests.playing import call
from tests.tui.conftest import Run, Start, lane

WRITES = lane(
    "write", call("write", path="new.txt", text="new\n"), {"text": "Written."}, {"text": "And again."}
)
HELLO = lane("hello", {"text": "Good day."})
ALL = {"permission_mode": "auto"}


async def written(run: Run) -> Path:
    await run.type("write it")
    await run.sees("2 steps")
    return run.root / "new.txt"


async def test_what_was_done_to_files_is_undone_and_redone(start: Start) -> None:
    async with start(WRITES, **ALL) as run:
        file = await written(run)
        await run.type("/undo")
        screen = await run.sees("Yes: 1 file")
        assert "new.txt" in screen and "is deleted" in screen
        await run.press("enter")
        await run.sees("Undone: write it")
        assert not file.exists()
        await run.type("/redo")
        await run.sees("comes back")
        await run.press("enter")
        await run.sees("Done again")
        assert file.read_text() == "new\n"


async def test_nothing_to_undo_is_said(start: Start) -> None:
    async with start(HELLO) as run:
        await run.ready()
        await run.type("/undo")
        await run.sees("There is nothing to undo.")


async def test_escape_twice_goes_back_to_a_message_with_its_files(start: Start) -> None:
    async with start(HELLO, WRITES, **ALL) as run:
        await run.type("say hello")
        await run.sees("1 step")
        file = await written(run)
        await run.press("escape")
        await run.sees("Esc again goes back")
        await run.press("escape")
        screen = await run.sees("Go back before")
        assert screen.index("write it", screen.index("Go back before")) < screen.rindex("say hello")
        await run.press("enter")
        await run.sees("Files and talk")
        await run.press("enter")
        await run.sees("Back before: write it")
        await run.until(lambda: run.app.talk.draft() == "write it")
        assert not file.exists()
        assert "Written." not in run.screen and "Good day." in run.screen


async def test_the_talk_alone_goes_back(start: Start) -> None:
    async with start(WRITES, **ALL) as run:
        file = await written(run)
        await run.type("/rewind")
        await run.sees("Go back before")
        await run.press("enter")
        await run.sees("The talk alone")
        await run.press("down", "enter")
        await run.sees("Back before")
        assert file.exists()


async def test_a_talk_that_went_back_is_the_same_when_it_is_resumed(start: Start) -> None:
    async with start(HELLO, WRITES, **ALL) as run:
        await run.type("say hello")
        await run.sees("1 step")
        await written(run)
        await run.type("/rewind")
        await run.sees("Go back before")
        await run.press("enter")
        await run.sees("Files and talk")
        await run.press("enter")
        await run.sees("Back before: write it")
        plain, opened = run.app.talk.plain(), run.app.talk.state.opened
        assert "Good day." in plain and "Written." not in plain
    assert opened is not None
    async with start(HELLO, WRITES, resume=opened.session, models=(), **ALL) as again:
        await again.sees("Back before: write it")
        assert again.app.talk.plain() == plain


async def test_what_the_user_changed_since_goes_back_only_when_that_is_said(start: Start) -> None:
    async with start(HELLO, WRITES, **ALL) as run:
        file = await written(run)
        file.write_text("mine\n")
        await run.type("/rewind")
        await run.sees("Go back before")
        await run.press("enter")
        screen = await run.sees("and what somebody else has changed")
        assert "Files and talk  " not in screen
        await run.press("down", "enter")
        await run.sees("Back before: write it")
        await run.until(lambda: not file.exists())

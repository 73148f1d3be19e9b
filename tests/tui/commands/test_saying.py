from pathlib import Path

from kcode import trust
from tests.tui.conftest import OTHER, Run, Start, lane

HELLO = lane("hello", {"text": "Good day."})
SLOW = lane("slow", {"text": "word " * 200, "chunk": 5, "pace": 0.05})


async def test_the_users_own_command_becomes_a_prompt_in_its_mode_with_its_model(
    start: Start, repository: Path
) -> None:
    folder = repository / ".claude" / "commands"
    folder.mkdir(parents=True)
    (folder / "greet.md").write_text(
        f"---\ndescription: Greets\nmode: ask\nmodel: {OTHER}\n---\nSay hello to $1 and $2.\n"
    )
    trust.trust(repository)
    async with start(lane("hello to Ann and Bo", {"text": "Good day, both."})) as run:
        await run.ready()
        await run.press(*"/gree")
        await run.sees("Greets")
        await run.press("tab")
        await run.until(lambda: run.app.talk.draft() == "/greet ")
        await run.type("Ann Bo")
        await run.sees("Good day, both.")
        assert "ask" in run.screen.split("\n")[0] and "small-model" in run.screen.split("\n")[0]


async def test_a_command_of_a_folder_without_trust_is_none(start: Start, repository: Path) -> None:
    folder = repository / ".kcode" / "commands"
    folder.mkdir(parents=True)
    (folder / "greet.md").write_text("hello\n")
    async with start(HELLO) as run:
        await run.sees("This folder brings")
        await run.press("escape")
        await run.type("/greet")
        await run.sees("There is no command /greet")


async def test_what_is_queued_is_seen_and_taken_back(start: Start) -> None:
    async with start(SLOW) as run:
        await run.type("be slow")
        await run.sees("word word")
        await run.type("first")
        await run.type("second")
        await run.sees("queued: second")
        await run.type("/queue")
        await run.sees("Enter takes it back")
        await run.press("down", "enter")
        await run.until(lambda: run.app.talk.draft() == "second")
        assert run.app.talk.state.queued == ("first",)


async def test_a_review_is_a_task_of_kcodes_own_words(start: Start) -> None:
    async with start(lane("Review the changes", {"text": "All is well."})) as run:
        await run.ready()
        await run.type("/review the parser")
        await run.sees("All is well.")
        assert any(b"The user adds: the parser" in request.raw for request in run.provider.requests)


async def test_what_begins_with_a_hash_is_remembered(start: Start) -> None:
    async with start(HELLO) as run:
        await run.ready()
        (run.root / "kcode.py").write_text("raise SystemExit('the repository ran')")  # is not imported
        await run.type("# the tests need redis")
        await run.sees("Remembered:", 40)
        notes = "".join(file.read_text() for file in (run.root / ".kcode" / "memory").rglob("*.md"))
        assert "the tests need redis" in notes
        assert run.provider.requests == []


CLEAR = lane("<draft>", {"text": "Mend the rounding in shop/prices.py.\n\nCheck it with the tests."})


async def offered(run: Run) -> str:
    return await run.sees("Your draft, made clear")


async def test_a_draft_is_made_clear_and_taken_and_brought_back(start: Start) -> None:
    async with start(CLEAR) as run:
        await run.ready()
        await run.type("fix rounding pls", "ctrl+e")
        screen = await offered(run)
        assert "- fix rounding pls" in screen and "+ Mend the rounding in shop/prices.py." in screen
        await run.press("enter")
        await run.until(lambda: run.app.talk.draft().startswith("Mend the rounding"))
        await run.sees("Alt+Z brings your own draft back")
        assert "Your draft, made clear" not in run.screen
        await run.press("alt+z")
        await run.until(lambda: run.app.talk.draft() == "fix rounding pls")
        assert run.app.talk.meter.reading().session.micro_dollars > 0


async def test_a_draft_that_was_made_clear_is_left(start: Start) -> None:
    async with start(CLEAR) as run:
        await run.ready()
        await run.type("/enhance fix rounding pls")
        await offered(run)
        await run.press("escape")
        await run.until(lambda: "Your draft, made clear" not in run.screen)
        assert run.app.talk.draft() == "fix rounding pls"
        await run.type(" now", "x")  # the prompt has the focus again
        await run.until(lambda: run.app.talk.draft() == "fix rounding pls nowx")


async def test_escape_stops_what_rewrites_the_draft_and_nothing_else(start: Start) -> None:
    slow = lane("<draft>", {"text": "better " * 400, "chunk": 5, "pace": 0.05})
    async with start(slow, lane("slow", {"text": "word " * 4_000, "chunk": 5, "pace": 0.05})) as run:
        await run.type("be slow")
        await run.sees("word word")
        await run.type("fix it", "ctrl+e")
        await run.sees("a small model rewrites the draft")
        await run.until(lambda: len(run.provider.requests) == 2)
        await run.press("ctrl+e")
        await run.sees("is at it already")
        await run.press("escape")
        await run.until(lambda: "a small model rewrites" not in run.screen)
        run.provider.wait_for_hang_up(2)
        assert run.app.talk.state.is_working and run.app.talk.draft() == "fix it"
        await run.press("escape")
        await run.rests()


async def test_a_draft_is_made_clear_while_the_model_works(start: Start) -> None:
    slow = lane("slow", {"text": "word " * 4_000, "chunk": 5, "pace": 0.05})
    async with start(CLEAR, slow) as run:
        await run.type("be slow")
        await run.sees("word word")
        await run.type("fix rounding pls", "ctrl+e")
        await offered(run)
        await run.press("1")
        await run.until(lambda: run.app.talk.draft().startswith("Mend the rounding"))
        await run.press("enter")
        await run.sees("queued: Mend the rounding")
        await run.press("escape")
        await run.rests()


async def test_what_is_sent_while_its_draft_is_rewritten_is_heard_at_once(start: Start) -> None:
    slow = lane("<draft>", {"text": "better " * 400, "chunk": 5, "pace": 0.05})
    async with start(slow, HELLO) as run:
        await run.ready()
        await run.type("say hello", "ctrl+e")
        await run.until(lambda: run.provider.requests)
        await run.press("enter")
        await run.sees("Good day.")
        assert "a small model rewrites" not in run.screen


async def test_what_was_pasted_and_files_stay_in_the_draft(start: Start) -> None:
    async with start(CLEAR) as run:
        await run.ready()
        lines = "\n".join(f"line {n}" for n in range(50))
        await run.type("fix @shop/prices.py so that ", "x")
        await run.type(lines, "ctrl+e")
        await offered(run)
        await run.press("enter")
        await run.until(lambda: "Mend the rounding" in run.app.talk.draft())
        assert "@shop/prices.py" in run.app.talk.draft() and lines in run.app.talk.draft()
        (request,) = run.provider.requests
        assert b"[pasted 50 lines #1]" in request.raw and b"line 49" in request.raw
        assert "[pasted 50 lines #1]" in run.screen

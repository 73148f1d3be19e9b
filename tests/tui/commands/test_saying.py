from pathlib import Path

from kcode import trust
from tests.tui.conftest import OTHER, Start, lane

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

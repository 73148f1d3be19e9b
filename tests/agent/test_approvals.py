import asyncio
from pathlib import Path
from typing import Any

from kcode.events import ApprovalAsked, Event
from kcode.messages import ToolResult
from tests.playing import Play, call, calls, playing, say, scenario

LINES = "".join(f"line {number}\n" for number in range(1, 41))
EDITS = [{"old": f"line {number}\n", "new": f"LINE {number}\n"} for number in (5, 20, 35)]


def answering(play: Play, **answer: Any) -> list[ApprovalAsked]:
    """Each question of the session gets this answer; what was asked."""
    asked: list[ApprovalAsked] = []

    def hear(event: Event) -> None:
        if isinstance(event, ApprovalAsked):
            asked.append(event)
            asyncio.get_running_loop().call_soon(lambda: play.session.answer(event.id, **answer))

    play.session.listen(hear)
    return asked


def results(play: Play) -> list[str]:
    return [message.text for message in play.messages if isinstance(message, ToolResult)]


async def test_of_an_edit_only_the_hunks_are_made_that_were_accepted(repository: Path) -> None:
    (repository / "long.txt").write_text(LINES)
    script = scenario(call("edit", path="long.txt", edits=EDITS), say("Done."))
    with playing(script, repository, someone_answers=True, permission_mode="ask") as play:
        asked = answering(play, answer="once", hunks=(0, 2))
        await play.session.prompt("shout")
        text = (repository / "long.txt").read_text()
        assert asked[0].hunks == 3
        assert "LINE 5\n" in text and "line 20\n" in text and "LINE 35\n" in text
        assert (
            "The user declined the changes from line 17 (of the old file): they were not made."
            in results(play)[0]
        )
        assert "+2 -2" in results(play)[0]


async def test_of_a_rewritten_file_hunks_may_be_declined_too(repository: Path) -> None:
    (repository / "long.txt").write_text(LINES)
    new = LINES.replace("line 5\n", "five\n").replace("line 30\n", "thirty\n")
    script = scenario(call("read", path="long.txt"), call("write", path="long.txt", text=new), say("Done."))
    with playing(script, repository, someone_answers=True, permission_mode="ask") as play:
        answering(play, answer="once", hunks=(1,))
        await play.session.prompt("shout")
        assert (repository / "long.txt").read_text() == LINES.replace("line 30\n", "thirty\n")


async def test_a_new_file_is_all_or_nothing(repository: Path) -> None:
    script = scenario(call("write", path="new.txt", text="a\n"), say("Done."))
    with playing(script, repository, someone_answers=True, permission_mode="ask") as play:
        asked = answering(play, answer="once")
        await play.session.prompt("write")
        assert asked[0].hunks == 0
        assert (repository / "new.txt").read_text() == "a\n"


async def test_a_command_is_shown_with_what_is_thought_of_its_parts(repository: Path) -> None:
    script = scenario(call("shell", command="echo a && touch b | cat"), say("Done."))
    with playing(script, repository, someone_answers=True, permission_mode="ask") as play:
        asked = answering(play, answer="once")
        await play.session.prompt("go")
        verdicts = [(part.text, part.verdict) for part in asked[0].parts]
        assert ("echo a", "allow") in verdicts and ("touch b", "ask") in verdicts


async def test_the_like_of_a_command_is_allowed_by_a_pattern(repository: Path) -> None:
    script = scenario(
        calls(call("shell", command="touch one"), call("shell", command="touch two")),
        call("shell", command="mkdir three"),
        say("Done."),
    )
    with playing(script, repository, someone_answers=True, permission_mode="ask") as play:
        asked = answering(play, answer="like")
        await play.session.prompt("go")
        assert [(one.preview, one.like) for one in asked] == [
            ("touch one", "shell(touch *)"),
            ("mkdir three", "shell(mkdir *)"),
        ]
        assert (repository / "two").exists()


async def test_the_like_of_an_edit_is_its_folder(repository: Path) -> None:
    script = scenario(
        calls(call("write", path="docs/a.md", text="a"), call("write", path="docs/b.md", text="b")),
        call("write", path="other/c.md", text="c"),
        say("Done."),
    )
    with playing(script, repository, someone_answers=True, permission_mode="ask") as play:
        asked = answering(play, answer="like")
        await play.session.prompt("go")
        assert [one.like for one in asked] == ["edit(docs/**)", "edit(other/**)"]


async def test_no_pattern_is_offered_where_a_rule_wants_it_asked(repository: Path) -> None:
    script = scenario(call("shell", command="touch one"), say("Done."))
    rules = ('permissions.ask=["shell(touch *)"]',)
    with playing(script, repository, someone_answers=True, permission_mode="ask", set=rules) as play:
        asked = answering(play, answer="like")
        await play.session.prompt("go")
        assert asked[0].like == ""

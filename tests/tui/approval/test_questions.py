import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from textual.pilot import Pilot

from kcode.events import ApprovalAsked, CommandPart, QuestionAsked
from kcode.tui.approval.ask import Ask, Asked
from kcode.tui.approval.questions import Questions
from kcode.tui.input.history import History
from kcode.tui.input.prompt import Prompt
from tests.tui.screen import Frame, shown, until


def command(
    id: str = "q1", preview: str = "rm -rf build", always: str = "exactly this call"
) -> ApprovalAsked:
    return ApprovalAsked(
        task="main",
        id=id,
        call_id="c",
        name="shell",
        title=f"Run {preview}",
        preview=preview,
        reason="commands need your yes",
        always=always,
    )


DIFF = "@@ -1,2 +1,2 @@\n same\n-old line\n+new line\n"
QUESTION = QuestionAsked(task="main", id="q9", text="Which database?", choices=("SQLite", "Postgres"))


@dataclass
class Stage:
    pilot: Pilot[None]
    frame: Frame
    questions: Questions
    prompt: Prompt
    idle: list[float] = field(default_factory=lambda: [60.0])

    def ask(self, asked: Asked) -> None:
        self.questions.show([(asked, "")])

    def hunks(self) -> list[tuple[int, ...] | None]:
        return [message.hunks for message in self.frame.heard_of(Ask.Answered)]

    def answers(self) -> list[tuple[str, str, str]]:
        return [(m.id, m.answer, m.words) for m in self.frame.heard_of(Ask.Answered)]

    def screen(self) -> str:
        return shown(self.frame)

    async def armed(self) -> None:
        await until(self.pilot, lambda: self.questions.bar and self.questions.bar.is_armed)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with staged(tmp_path, grace=0.0) as stage:
        yield stage


@asynccontextmanager
async def staged(folder: Path, **grace: float) -> AsyncIterator[Stage]:
    idle = [60.0]
    questions = Questions(lambda: idle[0], **grace)
    prompt = Prompt(History(folder / "history"))
    prompt.cursor_blink = False
    frame = Frame(questions, prompt)
    async with frame.run_test(size=(100, 30)) as pilot:
        prompt.focus()
        yield Stage(pilot, frame, questions, prompt, idle)


@pytest.mark.parametrize(("key", "answer"), [("1", "once"), ("y", "once"), ("2", "always"), ("a", "always")])
async def test_one_key_answers(stage: Stage, key: str, answer: str) -> None:
    stage.ask(command())
    await stage.armed()
    await stage.pilot.press(key)
    assert stage.answers() == [("q1", answer, "")]


async def test_no_comes_with_words_for_the_model(stage: Stage) -> None:
    stage.ask(command())
    await stage.armed()
    await stage.pilot.press("n", *"only 1 folder", "enter")
    assert stage.answers() == [("q1", "no", "only 1 folder")]


async def test_no_needs_no_words(stage: Stage) -> None:
    stage.ask(command())
    await stage.armed()
    await stage.pilot.press("3", "enter")
    assert stage.answers() == [("q1", "no", "")]


async def test_escape_leads_back_from_the_words_to_the_choice(stage: Stage) -> None:
    stage.ask(command())
    await stage.armed()
    await stage.pilot.press("n", "x", "escape", "y")
    assert stage.answers() == [("q1", "once", "")]


async def test_keys_count_for_nothing_in_the_first_half_second(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.ask(command())
        await stage.pilot.press("y", "1", "a")
        assert stage.answers() == []
        assert stage.prompt.text == "y1a"  # they went where they were meant to


async def test_who_is_typing_is_not_interrupted(stage: Stage) -> None:
    stage.idle[0] = 0.2
    stage.ask(command())
    await asyncio.sleep(0.3)
    await stage.pilot.press("y")
    assert (stage.answers(), stage.prompt.text) == ([], "y")
    stage.idle[0] = 1.1
    await stage.armed()
    await stage.pilot.press("y")
    assert stage.answers() == [("q1", "once", "")]


async def test_a_key_without_a_meaning_does_nothing(stage: Stage) -> None:
    stage.ask(command())
    await stage.armed()
    await stage.pilot.press("x", "enter", "z")
    assert (stage.answers(), stage.prompt.text) == ([], "")


async def test_one_may_go_back_to_the_prompt_and_say_something_else_first(stage: Stage) -> None:
    stage.ask(command())
    await stage.armed()
    await stage.pilot.press("tab", "y", "enter")
    assert stage.answers() == []
    assert [message.text for message in stage.frame.heard_of(Prompt.Said)] == ["y"]


async def test_the_whole_command_is_shown_with_what_hides_in_it(stage: Stage) -> None:
    stage.ask(command(preview="rm -rf /tmp/x # \u202ecod\u202c [bold]oo[/bold]\nsecond line"))
    await stage.pilot.pause()
    screen = stage.screen()
    assert "$ rm -rf /tmp/x # ⟨U+202E⟩cod⟨U+202C⟩ [bold]oo[/bold]" in screen
    assert "second line" in screen
    assert "Why: commands need your yes" in screen
    assert "always: exactly this call" in screen


async def test_a_long_command_can_be_scrolled_to_its_end(stage: Stage) -> None:
    stage.ask(command(preview="\n".join(f"step {n}" for n in range(100))))
    await stage.armed()
    assert "step 99" not in stage.screen()
    await stage.pilot.press(*["pagedown"] * 12)
    await stage.pilot.pause()
    assert "step 99" in stage.screen()


async def test_a_diff_is_shown_as_one(stage: Stage) -> None:
    stage.ask(command(preview=DIFF))
    await stage.pilot.pause()
    assert "-old line" in stage.screen() and "+new line" in stage.screen()


async def test_several_wait_their_turn_with_the_names_of_their_tasks(stage: Stage) -> None:
    two = (command("q2", "two"), "write the docs")
    stage.questions.show([(command("q1", "one"), "fix the tests"), two])
    await stage.armed()
    assert "fix the tests · 1 more behind it" in stage.screen()
    stage.questions.show([two])
    await stage.armed()
    assert "write the docs" in stage.screen() and "$ two" in stage.screen()
    await stage.pilot.press("y")
    assert stage.answers() == [("q2", "once", "")]


async def test_when_the_task_is_stopped_nothing_is_asked_any_more(stage: Stage) -> None:
    stage.ask(command())
    await stage.armed()
    stage.questions.show([])
    await stage.pilot.pause()
    assert stage.questions.bar is None
    assert "Allow this?" not in stage.screen()


async def test_a_digit_takes_a_suggestion(stage: Stage) -> None:
    stage.ask(QUESTION)
    await stage.armed()
    await stage.pilot.press("2")
    assert stage.answers() == [("q9", "Postgres", "")]


async def test_a_question_may_be_answered_in_words(stage: Stage) -> None:
    stage.ask(QUESTION)
    await stage.armed()
    await stage.pilot.press(*"DuckDB 2", "enter")
    assert stage.answers() == [("q9", "DuckDB 2", "")]


async def test_a_question_without_suggestions_is_written_at_once(stage: Stage) -> None:
    stage.ask(QUESTION.model_copy(update={"choices": ()}))
    await stage.armed()
    await stage.pilot.press(*"42", "enter")
    assert stage.answers() == [("q9", "42", "")]


# A diff, hunk by hunk

THREE = "".join(f"@@ -{n},1 +{n},1 @@\n-old {n}\n+new {n}\n" for n in (10, 20, 30))


def edit(diff: str = THREE, hunks: int = 3) -> ApprovalAsked:
    return ApprovalAsked(
        task="main",
        id="q1",
        call_id="c",
        name="edit",
        title="Edit a.txt",
        preview=diff,
        reason="edits need your yes",
        always="all edits in the workspace",
        hunks=hunks,
    )


async def test_all_hunks_are_taken_unless_one_is_left(stage: Stage) -> None:
    stage.ask(edit())
    await stage.armed()
    await stage.pilot.pause()
    assert stage.screen().count("[x]") == 3
    await stage.pilot.press("y")
    assert (stage.answers(), stage.hunks()) == ([("q1", "once", "")], [None])


async def test_a_hunk_is_left_out_and_the_card_says_so(stage: Stage) -> None:
    stage.ask(edit())
    await stage.armed()
    await stage.pilot.press("right", "right", "space", "right")
    await stage.pilot.pause()
    screen = stage.screen()
    assert "[ ] 2 of 3  left out" in screen and "yes, 2 of the 3 hunks" in screen
    assert "new 20" not in screen and "new 30" in screen
    await stage.pilot.press("1")
    assert stage.hunks() == [(0, 2)]


async def test_a_hunk_that_was_left_out_can_be_taken_again(stage: Stage) -> None:
    stage.ask(edit())
    await stage.armed()
    await stage.pilot.press("right", "space", "space", "y")
    assert stage.hunks() == [None]


async def test_no_hunk_at_all_is_a_no(stage: Stage) -> None:
    stage.ask(edit())
    await stage.armed()
    await stage.pilot.press("right", "space", "right", "space", "right", "space", "y", *"not now", "enter")
    assert stage.answers() == [("q1", "no", "not now")]


async def test_nothing_is_left_out_before_keys_count(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.ask(edit())
        await stage.pilot.press("right", "space")
        await stage.pilot.pause()
        assert "[ ]" not in stage.screen()


async def test_one_hunk_is_all_or_nothing(stage: Stage) -> None:
    stage.ask(edit(DIFF, hunks=0))
    await stage.armed()
    await stage.pilot.press("right", "space", "y")
    assert stage.hunks() == [None]
    assert "[x]" not in stage.screen()


# A command, part by part


async def test_each_part_of_a_command_is_shown_with_what_is_thought_of_it(stage: Stage) -> None:
    parts = (
        CommandPart(text="cd src", verdict="allow", reason="it changes nothing"),
        CommandPart(text="rm -rf [b]x", verdict="ask", reason="commands need your yes"),
    )
    stage.ask(command(preview="cd src && rm -rf [b]x").model_copy(update={"parts": parts}))
    await stage.pilot.pause()
    screen = stage.screen()
    assert "✓ cd src  it changes nothing" in screen
    assert "? rm -rf [b]x  commands need your yes" in screen


async def test_the_like_of_it_is_the_fourth_answer_and_only_where_it_is_offered(stage: Stage) -> None:
    stage.ask(command())
    await stage.armed()
    await stage.pilot.press("4", "p")
    assert stage.answers() == []
    stage.ask(command("q2").model_copy(update={"like": "shell(git diff *)"}))
    await stage.armed()
    await stage.pilot.pause()
    assert "always the like of it: shell(git diff *)" in stage.screen()
    await stage.pilot.press("4")
    assert stage.answers() == [("q2", "like", "")]


async def test_who_asks_is_said(stage: Stage) -> None:
    stage.ask(QUESTION.model_copy(update={"by": "kcode"}))
    await stage.armed()
    assert "kcode has stopped, and asks" in stage.screen()
    await stage.pilot.press("1")
    assert stage.answers() == [("q9", "SQLite", "")]

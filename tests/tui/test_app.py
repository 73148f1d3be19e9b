import asyncio
from decimal import Decimal
from pathlib import Path

import psutil
import pytest

from kcode.events import ModeChanged, Spent
from kcode.memory import log, sessions
from kcode.paths import data_dir
from kcode.tui.approval.ask import GRACE, PAUSE
from tests.playing import call
from tests.tui.conftest import MODEL, OTHER, Run, Start, lane

HELLO = lane("hello", {"text": "Good **day**. All is well."})
SLOW = lane("slow", {"text": "word " * 200, "chunk": 5, "pace": 0.05})
COMMAND = lane(
    "list", call("shell", command="echo made > made.txt") | {"text": "I make it."}, {"text": "It is there."}
)
EDIT = lane(
    "edit",
    call("edit", path="shop/discount.py", edits=[{"old": "percent // 100", "new": "percent / 100"}]),
    {"text": "Changed."},
)
SLEEPS = lane("sleep", call("shell", command="echo begun; sleep 60"), {"text": "woke"})


async def approve(run: Run, key: str = "y") -> None:
    await run.sees("Allow this?")
    await asyncio.sleep(max(GRACE, PAUSE) + 0.2)
    await run.press(key)


async def test_a_whole_turn_from_the_prompt_to_the_receipt(start: Start) -> None:
    async with start(HELLO) as run:
        await run.type("say hello")
        await run.sees("Good day. All is well.")
        screen = await run.sees("1 step")
        assert "❯ say hello" in screen
        assert "demo-model" in screen
        assert run.provider.mismatches == []


async def test_what_the_command_line_says_is_said_first(start: Start) -> None:
    async with start(HELLO, said="say hello") as run:
        await run.sees("Good day.")


async def test_what_is_said_before_the_session_is_open_is_not_lost(start: Start) -> None:
    async with start(HELLO) as run:
        run.app.talk._say("say hello")
        await run.sees("Good day.")


# Approvals


async def test_a_command_runs_after_the_user_said_yes(start: Start) -> None:
    async with start(COMMAND) as run:
        await run.type("list it")
        await run.sees("$ echo made > made.txt")
        assert not (run.root / "made.txt").exists()
        await approve(run)
        await run.sees("It is there.")
        assert (run.root / "made.txt").read_text() == "made\n"


async def test_no_tells_the_model_what_to_do_instead(start: Start) -> None:
    steps = [call("shell", command="rm -rf build"), {"expect": "use git clean", "text": "As you wish."}]
    async with start(lane("clean", *steps)) as run:
        await run.type("clean up")
        await approve(run, "n")
        await run.type("use git clean")
        await run.sees("As you wish.")
        assert run.provider.mismatches == []


async def test_an_edit_is_shown_as_a_diff_and_always_allows_the_next(start: Start) -> None:
    async with start(EDIT) as run:
        await run.type("edit it")
        screen = await run.sees("Allow this?")
        assert "always: all edits in the workspace" in screen
        await approve(run, "a")
        await run.sees("Changed.")
        assert "percent / 100" in (run.root / "shop/discount.py").read_text()


async def test_of_an_edit_a_hunk_is_left_out(start: Start) -> None:
    edits = [{"old": f"line {n}\n", "new": f"LINE {n}\n"} for n in (5, 30)]
    steps = [
        call("edit", path="long.txt", edits=edits),
        {"expect": "declined the changes from line 27", "text": "Half of it."},
    ]
    async with start(lane("shout", *steps)) as run:
        (run.root / "long.txt").write_text("".join(f"line {n}\n" for n in range(1, 41)))
        await run.type("shout")
        await run.sees("[x] 2 of 2")
        await asyncio.sleep(max(GRACE, PAUSE) + 0.2)
        await run.press("left", "space")
        await run.sees("yes, 1 of the 2 hunks")
        await run.press("y")
        await run.sees("Half of it.")
        text = (run.root / "long.txt").read_text()
        assert "LINE 5\n" in text and "line 30\n" in text
        assert run.provider.mismatches == []


async def test_the_like_of_a_command_is_not_asked_again(start: Start) -> None:
    steps = [call("shell", command="touch one"), call("shell", command="touch two"), {"text": "Both there."}]
    async with start(lane("make", *steps)) as run:
        await run.type("make")
        await approve(run, "4")
        await run.sees("Both there.")
        assert (run.root / "two").exists()


async def test_a_message_that_is_typed_while_something_is_asked_answers_nothing(start: Start) -> None:
    async with start(COMMAND) as run:
        await run.type("list it")
        await run.sees("Allow this?")
        await run.type("yes 1 y")
        await run.sees("queued: yes 1 y")
        await asyncio.sleep(0.3)
        assert not (run.root / "made.txt").exists()
        assert "Allow this?" in run.screen


async def test_escape_at_an_approval_stops_the_task(start: Start) -> None:
    async with start(COMMAND) as run:
        await run.type("list it")
        await approve(run, "escape")
        await run.sees("Cancelled.")
        assert "Allow this?" not in run.screen
        assert not (run.root / "made.txt").exists()


async def test_a_question_of_the_model_is_answered(start: Start) -> None:
    steps = [
        call("ask", question="Which one?", choices=["red", "blue"]),
        {"expect": "blue", "text": "Blue it is."},
    ]
    async with start(lane("choose", *steps)) as run:
        await run.type("choose")
        await run.sees("Which one?")
        await asyncio.sleep(PAUSE + 0.2)
        await run.press("2")
        await run.sees("Blue it is.")
        assert run.provider.mismatches == []


# Stopping and queueing


async def test_escape_stops_a_stream_and_keeps_what_was_heard(start: Start) -> None:
    async with start(SLOW) as run:
        await run.type("be slow")
        await run.sees("word word word")
        await run.press("escape")
        await run.rests()
        screen = await run.sees("Cancelled.")
        assert "~$" in screen  # a receipt, estimated
        run.provider.wait_for_hang_up(1)


async def test_escape_stops_a_command_with_its_processes(start: Start) -> None:
    async with start(SLEEPS, permission_mode="auto") as run:
        await run.type("sleep")
        await run.sees("begun")
        await run.press("escape")
        await run.rests()
        await run.sees("Cancelled.")
        left = [p for p in psutil.Process().children(recursive=True) if p.name() == "sleep"]
        assert left == []


async def test_a_message_is_queued_while_the_model_works_and_heard_before_its_next_step(start: Start) -> None:
    steps = [call("shell", command="sleep 1; echo done"), {"expect": "also this", "text": "Both."}]
    async with start(lane("work", *steps), permission_mode="auto") as run:
        await run.type("work")
        await run.sees("Enter queues")
        await run.type("also this")
        await run.sees("queued: also this")
        await run.sees("Both.")
        assert "queued:" not in run.screen
        assert run.provider.mismatches == []


async def test_a_queued_message_is_taken_back_with_up(start: Start) -> None:
    async with start(SLOW) as run:
        await run.type("be slow")
        await run.sees("word word")
        await run.type("on second thought")
        await run.sees("queued: on second thought")
        await run.press("up")
        await run.until(lambda: run.app.talk.draft() == "on second thought")
        assert "queued:" not in run.screen
        await run.press("escape")
        await run.rests()


async def test_what_was_queued_comes_back_when_the_work_is_stopped(start: Start) -> None:
    async with start(SLOW) as run:
        await run.type("be slow")
        await run.sees("word word")
        await run.type("one")
        await run.type("two")
        await run.sees("queued: two")
        await run.press("escape")
        await run.until(lambda: run.app.talk.draft() == "one\n\ntwo")
        assert len(run.provider.requests) == 1


async def test_ctrl_c_clears_then_stops_then_ends(start: Start) -> None:
    async with start(SLOW) as run:
        await run.type("be slow")
        await run.sees("word word")
        await run.pilot.press(*"draft", "ctrl+c")
        assert run.app.talk.draft() == ""
        assert run.app.talk.state.is_working
        await run.press("ctrl+c")
        await run.rests()
        await asyncio.sleep(2.1)
        await run.press("ctrl+c")
        assert "Ctrl+C again ends kcode." in run.screen
        await run.press("ctrl+c")
        assert run.app.return_code == 0


# Mode, model, permissions, money


async def test_shift_tab_goes_on_to_the_next_mode(start: Start) -> None:
    async with start(HELLO, mode="architect") as run:
        await run.sees("architect")
        await run.press("shift+tab")
        await run.sees("code  demo-model")
        await run.sees("Code, $3/$15 per million tokens in and out")
        await run.type("say hello")
        await run.sees("Good day.")
        assert "Mode: Code" in run.provider.requests[0].raw.decode()


async def test_a_model_is_picked_and_the_list_says_what_the_switch_costs(start: Start) -> None:
    async with start(HELLO, lane("again", {"text": "Here."})) as run:
        await run.type("say hello")
        await run.sees("1 step")
        await run.press("alt+p")
        await run.sees("The model of Code")
        await run.pilot.press(*"small")
        screen = await run.sees("are read anew ≈ $")
        assert "$1 in" in screen
        await run.press("enter")
        await run.sees("code  small-model")
        await run.type("and again")
        await run.sees("Here.")
        assert run.provider.requests[-1].body["model"] == OTHER.rpartition("/")[2]


async def test_a_mode_keeps_the_model_that_was_picked_for_it(start: Start) -> None:
    async with start(HELLO) as run:
        await run.ready()
        await run.type(f"/model {OTHER}")
        await run.sees("code  small-model")
        await run.type("/mode architect")
        await run.sees("architect  demo-model")
        await run.type("/mode code")
        await run.sees("code  small-model")


async def test_permissions_are_changed_in_mid_session(start: Start) -> None:
    async with start(COMMAND) as run:
        await run.ready()
        await run.type("/permissions auto")
        await run.sees("! asks nothing")
        await run.type("list it")
        await run.sees("It is there.")


async def test_a_budget_stops_the_work_and_says_so(start: Start) -> None:
    async with start(HELLO, max_budget_usd=Decimal("0.01")) as run:
        await run.sees("$0.0100 left")
        await run.type("say hello")
        await run.sees("kcode has stopped, and asks")
        await asyncio.sleep(max(GRACE, PAUSE) + 0.2)
        await run.press("4")
        await run.rests()
        assert run.provider.requests == []
        await run.type("/budget 5")
        await run.sees("$5.000 left")
        await run.type("say hello")
        await run.sees("Good day.")


async def test_the_meter_is_what_the_ledger_says(start: Start) -> None:
    async with start(HELLO) as run:
        await run.type("say hello")
        await run.sees("1 step")
        assert run.app.talk.meter.reading().session.micro_dollars == run.provider.total


# Sessions


async def test_a_resumed_talk_looks_as_it_did_live(start: Start) -> None:
    async with start(EDIT, permission_mode="edits") as run:
        await run.type("edit it")
        await run.sees("2 steps")
        await run.rests()
        live, plain = run.screen, run.app.talk.plain()
        session = run.app.talk.state.opened
    assert session is not None
    async with start(EDIT, resume=session.session, models=()) as again:
        await again.sees("2 steps")
        assert again.app.talk.plain() == plain
        assert talk_of(again.screen) == talk_of(live)


def talk_of(screen: str) -> list[str]:
    """What stands above the prompt, without the time that a call took: the screen's clock is not stored."""
    return [line for line in screen.splitlines() if line][1:-4]


async def test_new_keeps_the_old_session_and_resume_finds_it(start: Start) -> None:
    async with start(HELLO) as run:
        await run.type("say hello")
        await run.sees("1 step")
        first = run.app.talk.state.opened
        await run.type("/new")
        await run.until(lambda: run.app.talk.state.opened is not first)
        assert "Good day." not in run.screen
        await run.type("/resume")
        await run.sees("Sessions of this folder")
        await run.sees("say hello")
        await run.press("enter")
        await run.sees("Good day. All is well.")
        assert first is not None and run.app.talk.state.opened is not None
        assert run.app.talk.state.opened.session == first.session


async def test_a_fork_goes_on_in_a_copy(start: Start) -> None:
    async with start(HELLO) as run:
        await run.type("say hello")
        await run.sees("1 step")
        first = run.app.talk.state.opened
        await run.type("/fork")
        await run.until(lambda: run.app.talk.state.opened is not first)
        await run.sees("Good day. All is well.")
        assert len(list((data_dir() / "sessions").glob("*.jsonl"))) == 2


async def test_what_is_left_of_a_budget_goes_on_in_a_new_session(start: Start) -> None:
    async with start(HELLO, max_budget_usd=Decimal(2)) as run:
        await run.type("say hello")
        await run.sees("1 step")
        left = run.app.talk.meter.reading().left
        await run.type("/new")
        await run.until(lambda: run.app.talk.meter.session.requests == 0)
        assert run.app.talk.meter.reading().left == left


async def test_a_name_is_kept_with_the_session(start: Start) -> None:
    async with start(HELLO) as run:
        await run.type("say hello")
        await run.sees("1 step")
        await run.type("/rename the greeting")
        await run.until(lambda: run.app.talk.state.name == "the greeting")
        assert run.app.talk.state.opened is not None
        info = sessions.session_info(log.session_path(run.app.talk.state.opened.session))
        assert info is not None and info.title == "the greeting"


async def test_a_session_that_cannot_be_opened_leaves_one_where_one_is(start: Start) -> None:
    async with start(HELLO) as run:
        await run.type("say hello")
        await run.sees("1 step")
        await run.type("/resume nonsense")
        await run.sees("nonsense")
        assert "Good day." in run.screen


# Commands of the user's own, files, mistakes


async def test_an_exclamation_mark_runs_a_command_and_the_model_hears_of_it(start: Start) -> None:
    async with start(lane("look", {"expect": "seen-it", "text": "I see."})) as run:
        await run.ready()
        await run.type("!echo seen-it")
        await run.sees("! echo seen-it")
        await run.rests()
        await run.type("look")
        await run.sees("I see.")
        assert run.provider.mismatches == []


async def test_files_are_offered_after_an_at_sign(start: Start) -> None:
    async with start(HELLO) as run:
        await run.ready()
        await run.pilot.press(*"read ", "at", *"disc")
        await run.sees("❯ shop/discount.py")
        await run.press("enter")
        assert run.app.talk.draft() == "read @shop/discount.py "


async def test_commands_are_offered_after_a_slash_and_enter_runs_them(start: Start) -> None:
    async with start(HELLO) as run:
        await run.ready()
        await run.pilot.press("slash", *"stat")
        await run.sees("❯ /status")
        await run.press("enter")
        await run.sees("permissions")
        await run.press("escape")
        assert run.app.talk.draft() == ""


async def test_escape_closes_the_list_before_it_stops_anything(start: Start) -> None:
    async with start(SLOW) as run:
        await run.type("be slow")
        await run.sees("word word")
        await run.pilot.press("slash")
        await run.sees("/mode")
        await run.press("escape")
        assert run.app.talk.state.is_working
        await run.press("escape")
        await run.rests()


async def test_a_mistyped_command_costs_nothing_and_names_the_nearest(start: Start) -> None:
    async with start(HELLO) as run:
        await run.ready()
        await run.type("/modle")
        await run.sees("Did you mean /model?")
        assert run.provider.requests == []


async def test_a_path_at_the_beginning_is_no_command(start: Start) -> None:
    async with start(lane("/etc/hosts", {"text": "A file."})) as run:
        await run.ready()
        await run.type("/etc/hosts is what?")
        await run.sees("A file.")


@pytest.mark.parametrize(
    ("command", "seen"),
    [
        ("/cost", "By purpose"),
        ("/context", "system prompt"),
        ("/help", "/model [NAME]"),
        ("/keys", "Shift+Tab"),
        ("/status", "session"),
    ],
)
async def test_a_page_opens_and_closes(start: Start, command: str, seen: str) -> None:
    async with start(HELLO) as run:
        await run.type("say hello")
        await run.sees("1 step")
        await run.type(command)
        await run.sees(seen)
        await run.press("escape")
        assert "Good day." in run.screen and "Esc closes" not in run.screen


async def test_the_diff_shows_what_changed_and_what_is_new(start: Start) -> None:
    async with start(EDIT, permission_mode="edits") as run:
        await run.type("edit it")
        await run.sees("2 steps")
        (run.root / "new.txt").write_text("x")
        await run.type("/diff")
        screen = await run.sees("Changes since the last commit")
        assert "new  new.txt" in screen and "percent / 100" in screen


async def test_the_talk_is_searched(start: Start) -> None:
    async with start(HELLO) as run:
        await run.type("say hello")
        await run.sees("1 step")
        await run.press("ctrl+f")
        await run.pilot.press(*"well")
        await run.sees("1 place")
        await run.press("escape")
        assert run.app.focused is run.app.talk.bottom.prompt


async def test_the_talk_is_exported_but_never_over_a_file(start: Start) -> None:
    async with start(HELLO) as run:
        await run.type("say hello")
        await run.sees("1 step")
        await run.type("/export talk.md")
        await run.sees("Written")
        assert "Good **day**" in (run.root / "talk.md").read_text()
        await run.type("/export talk.md")
        await run.sees("is there already")


# Trouble


async def test_a_provider_that_is_overloaded_is_waited_for_and_said(start: Start) -> None:
    faults = [{"request": 1, "kind": "overloaded"}]
    async with start(HELLO, scenario={"faults": faults}) as run:
        await run.type("say hello")
        await run.sees("Good day.")
        assert "attempt 2" in run.app.talk.plain()


async def test_a_task_that_fails_says_why_and_the_next_one_works(start: Start) -> None:
    faults = [{"request": 1, "kind": "no_credit"}]
    async with start(HELLO, scenario={"faults": faults}) as run:
        await run.type("say hello")
        await run.rests()
        await run.sees("credit")
        await run.type("say hello")
        await run.sees("Good day.")


async def test_text_of_the_model_cannot_play_tricks(start: Start) -> None:
    evil = "[red]not red[/red] \x1b[2J\u202eback \x1b]0;title\x07 [/] [@click=app.exit]x[/]"
    async with start(lane("evil", {"text": evil})) as run:
        await run.type("evil")
        screen = await run.sees("[red]not red[/red]")
        assert "⟨U+202E⟩" in screen and "\x1b" not in screen


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (200, 60)])
async def test_it_works_at_every_size(start: Start, size: tuple[int, int]) -> None:
    async with start(EDIT, size=size) as run:
        await run.type("edit it")
        await run.sees("Allow this?")
        screen = run.screen
        assert all(len(line) <= size[0] for line in screen.splitlines())
        assert "yes, once" in screen
        await approve(run)
        await run.sees("Changed.")
        assert "$0." in run.screen.splitlines()[-1]


async def test_a_resize_in_the_middle_of_a_stream_loses_nothing(start: Start) -> None:
    async with start(
        lane("count", {"text": " ".join(map(str, range(300))), "chunk": 40, "pace": 0.02})
    ) as run:
        await run.type("count")
        await run.sees("20 21 22")
        await run.pilot.resize_terminal(70, 24)
        await run.rests()
        await run.pilot.resize_terminal(120, 40)
        await run.sees("299")


def events_of(run: Run, kind: type[Spent] | type[ModeChanged]) -> list[object]:
    opened = run.app.talk.state.opened
    assert opened is not None
    return [
        event for event in log.load_events(log.session_path(opened.session))[0] if isinstance(event, kind)
    ]


async def test_switching_through_all_modes_ends_where_it_began(start: Start) -> None:
    async with start(HELLO) as run:
        await run.ready()
        modes = len(run.app.talk.state.opened.modes) if run.app.talk.state.opened else 0
        for _ in range(modes):
            await run.press("shift+tab")
        await run.until(lambda: len(events_of(run, ModeChanged)) == modes)
        assert run.app.talk.state.chosen is not None
        assert (run.app.talk.state.chosen.mode, run.app.talk.state.chosen.model) == ("code", MODEL)


async def test_an_image_that_is_named_goes_with_the_message(start: Start) -> None:
    async with start(lane("see", {"text": "A picture."})) as run:
        await run.ready()
        Path(run.root / "shot.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"0" * 64)
        await run.type("see @shot.png ", "enter")
        await run.sees("A picture.")
        assert "image/png" in run.provider.requests[0].raw.decode()


async def test_page_up_scrolls_the_talk_and_not_the_prompt(start: Start) -> None:
    text = "\n\n".join(f"paragraph {n}" for n in range(60))
    async with start(lane("long", {"text": text})) as run:
        await run.type("be long")
        await run.sees("1 step")
        assert "paragraph 10\n" not in run.screen
        await run.press(*["pageup"] * 4)
        await run.sees("❯ be long")
        await run.press(*["pagedown"] * 5)
        await run.sees("paragraph 59")


async def test_a_block_is_pointed_at_and_opened(start: Start) -> None:
    async with start(EDIT, permission_mode="edits") as run:
        await run.type("edit it")
        await run.sees("2 steps")
        await run.press("alt+o")
        await run.sees("Esc close")
        await run.press("escape")
        assert "Esc close" not in run.screen


async def test_an_idle_screen_rests_and_wakes_with_the_next_event(start: Start) -> None:
    async with start(HELLO) as run:
        await run.ready()
        await run.until(lambda: run.app._ticking is not None and not run.app._ticking._active.is_set())
        await run.type("say hello")
        await run.sees("Good day.")


async def test_a_word_on_what_was_done_fades(start: Start) -> None:
    async with start(HELLO) as run:
        await run.ready()
        await run.type("/undo")
        await run.sees("There is nothing to undo.")
        await run.until(lambda: "There is nothing to undo." not in run.screen)


# Keys


async def test_a_key_of_the_settings_does_what_it_is_given_to(start: Start) -> None:
    said = ('keys.model="f2"', 'keys.recall="ctrl+a"', 'keys.newline="ctrl+n"', 'keys.copy="ctrl+g"')
    async with start(HELLO, set=said) as run:
        await run.ready()
        await run.sees("keys.copy: Ctrl+G is taken by editor")
        await run.press("f2")
        await run.sees("The model of Code")
        await run.press("escape", "ctrl+a")
        await run.sees("What you said before")
        await run.press("escape", "a", "ctrl+n", "b")
        assert run.app.talk.draft() == "a\nb"
        run.app.talk.write("")
        await run.press("question_mark")
        await run.sees("F2 ")


async def test_a_pasted_image_reaches_the_model(start: Start) -> None:
    async with start(lane("what is", {"text": "A dot."})) as run:
        await run.ready()
        await run.type("data:image/png;base64,aGVsbG8=", "w")
        await run.press(*"hat is it", "enter")
        await run.sees("A dot.")
        assert b"aGVsbG8=" in run.provider.requests[0].raw
        assert "[1 image]" in run.screen

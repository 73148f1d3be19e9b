import os
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.geometry import Offset
from textual.pilot import Pilot
from textual.widget import Widget

from kcode.events import (
    CallArrived,
    Event,
    MessageAdded,
    Noticed,
    OutputArrived,
    TaskEnded,
    TaskStarted,
    TextArrived,
    ThinkingArrived,
    ToolStarted,
)
from kcode.messages import Change, Message, Prompt, Reply, Todo, ToolCall, ToolResult
from kcode.tui.transcript.blocks import BlockView, ReplyBlock, ToolBlock
from kcode.tui.transcript.shelf import FEW, MOST
from kcode.tui.transcript.transcript import Transcript
from kcode.tui.transcript.viewer import Viewer
from tests.tui.screen import Frame, shown, until

MAIN = "main"
PICTURES = Path(__file__).parent / "pictures"
DIFF = "@@ -1,2 +1,2 @@\n def total(cart):\n-    return 0\n+    return sum(cart)\n"


def added(message: Message, task: str = MAIN) -> MessageAdded:
    return MessageAdded(task=task, message=message)


def text(words: str) -> TextArrived:
    return TextArrived(task=MAIN, text=words)


def said(number: int) -> Event:
    return added(Prompt(text=f"prompt {number}"))


def calls(*names: str) -> MessageAdded:
    return added(Reply(calls=tuple(ToolCall(id=name, name=name) for name in names), stop="calls"))


def started(name: str, title: str) -> ToolStarted:
    return ToolStarted(task=MAIN, call_id=name, name=name, title=title)


def result(name: str, words: str, **more: Any) -> MessageAdded:
    return added(ToolResult(call_id=name, text=words, **more))


def output(name: str, words: str) -> OutputArrived:
    return OutputArrived(task=MAIN, call_id=name, text=words)


class Hosted:
    """A transcript on a screen of its own."""

    def __init__(self, pilot: Pilot[None], transcript: Transcript) -> None:
        self.pilot = pilot
        self.transcript = transcript

    async def show(self, *events: Event) -> str:
        self.transcript.show(events)
        return await self.text()

    async def text(self) -> str:
        # A layout, what it brings into view, and the layout of that.
        for _ in range(4):
            await self.pilot.pause(0)
        return "\n".join(
            re.sub(r"[▁▂▃▄▅▆▇█▔]+$", "", row).strip() for row in shown(self.pilot.app).split("\n")
        ).strip()

    async def rows(self) -> list[str]:
        return [row for row in (await self.text()).split("\n") if row]

    @property
    def views(self) -> list[BlockView]:
        return list(self.transcript.query(BlockView))


@asynccontextmanager
async def hosted(width: int = 60, height: int = 20) -> AsyncIterator[Hosted]:
    transcript = Transcript(Path("/work"))
    async with Frame(transcript).run_test(size=(width, height)) as pilot:
        yield Hosted(pilot, transcript)


@pytest.fixture
async def host() -> AsyncIterator[Hosted]:
    async with hosted() as host:
        yield host


async def test_a_conversation_at_a_glance(host: Hosted) -> None:
    assert await host.show(
        added(Prompt(text="Fix [b]total[/b]")),
        added(
            Reply(
                text="I'll **look**.",
                calls=(ToolCall(id="read", name="read"), ToolCall(id="edit", name="edit")),
            )
        ),
        started("read", "Read cart.py"),
        result("read", "1\tdef total(cart):\n2\t    return 0"),
        started("edit", "Edit cart.py"),
        result("edit", "Edited.", changes=(Change(path="cart.py", diff=DIFF, added=1, removed=1),)),
        added(Reply(text="Done: `total` adds up.")),
    ) == "\n".join(
        [
            "❯ Fix [b]total[/b]",
            "",
            "I'll look.",
            "",
            "✓ Read cart.py  2 lines",
            "✓ Edit cart.py  +1 -1",
            "1   def total(cart):",
            "2 -     return 0",
            "2 +     return sum(cart)",
            "",
            "Done: total adds up.",
        ]
    )


async def test_an_answer_is_seen_while_it_arrives(host: Hosted) -> None:
    assert await host.show(text("# Ti")) == "Ti"
    assert await host.show(text("tle\n\nand **mo")) == "Title\n\nand **mo"
    assert await host.show(text("re**"), added(Reply(text="# Title\n\nand **more**"))) == "Title\n\nand more"


async def test_the_widget_of_an_answer_stays_when_the_answer_is_whole(host: Hosted) -> None:
    await host.show(text("Hi"))
    (view,) = host.views
    await host.show(added(Reply(text="Hi there.")))
    assert host.views == [view]


async def test_what_a_retry_voids_goes_away(host: Hosted) -> None:
    await host.show(
        ThinkingArrived(task=MAIN, text="hm"), text("Hi"), CallArrived(task=MAIN, index=0, name="x", text="{")
    )
    assert len(host.views) == 3
    assert await host.show(TaskEnded(task=MAIN, outcome="cancelled", text="Cancelled.")) == "! Cancelled."


async def test_a_running_call_shows_its_last_lines_and_then_its_result(host: Hosted) -> None:
    await host.show(
        calls("shell"), started("shell", "Run make"), output("shell", "".join(f"{n}\n" for n in range(99)))
    )
    assert await host.rows() == ["● Run make  running", *(f"│ {n}" for n in range(91, 99))]
    await host.show(result("shell", "\n".join(str(n) for n in range(99)) + "\n[exit code 2]", ok=False))
    assert await host.rows() == [
        "✗ Run make  failed",
        "│ … 96 more lines",
        "│ 96",
        "│ 97",
        "│ 98",
        "│ [exit code 2]",
    ]


async def test_the_seconds_of_a_running_call_tick(host: Hosted) -> None:
    host.transcript.show([calls("shell"), started("shell", "Run make")], at=[0, 1])
    first = await host.text()
    await until(host.pilot, lambda: " s" in shown(host.pilot.app) and shown(host.pilot.app).strip() != first)


async def test_unfolding_shows_all_and_folding_hides_it_again(host: Hosted) -> None:
    await host.show(calls("read"), started("read", "Read a.py"), result("read", "one\ntwo"))
    folded = await host.text()
    host.transcript.toggle_expanded()
    assert await host.rows() == ["✓ Read a.py  2 lines", "│ one", "│ two"]
    host.transcript.toggle_expanded()
    assert await host.text() == folded


async def test_a_click_unfolds_one_block(host: Hosted) -> None:
    await host.show(
        calls("a", "b"), started("a", "A"), started("b", "B"), result("a", "1\n2"), result("b", "3\n4")
    )
    await host.pilot.click(ToolBlock)
    assert await host.rows() == ["✓ A  2 lines", "│ 1", "│ 2", "✓ B  2 lines"]


async def test_the_list_of_todos_is_shown_at_its_call(host: Hosted) -> None:
    todos = (Todo(text="find", state="done"), Todo(text="fix", state="doing"), Todo(text="test"))
    await host.show(calls("todo"), started("todo", "Todo"), result("todo", "ok", todos=todos))
    assert await host.rows() == ["✓ Todo", "☑ find", "◐ fix", "☐ test"]


async def test_only_a_part_of_a_long_story_is_mounted(host: Hosted) -> None:
    await host.show(*map(said, range(1_000)))
    assert len(host.views) <= MOST
    assert (await host.rows())[-1] == "❯ prompt 999"
    for number in range(1_000, 1_000 + MOST):
        host.transcript.show([said(number)])
    assert (await host.rows())[-1] == f"❯ prompt {999 + MOST}"
    assert FEW <= len(host.views) <= MOST


async def test_a_high_screen_is_full_even_of_small_blocks() -> None:
    async with hosted(60, 60) as host:
        notes = [Noticed(task=MAIN, text=f"note {number}") for number in range(300)]
        await host.show(*notes)
        for _ in range(12):
            assert len((await host.show(*notes[:9])).split("\n")) >= 59


async def test_older_blocks_come_back_on_scrolling_and_none_is_left_out(host: Hosted) -> None:
    await host.show(*map(said, range(150)))
    seen: set[str] = set()
    for _ in range(22):
        rows = await host.rows()
        assert any(row.startswith("❯") for row in rows), rows
        seen.update(row for row in rows if row.startswith("❯"))
        host.transcript.page(-1)
    assert seen == {f"❯ prompt {number}" for number in range(150)}
    assert len(host.views) <= MOST
    for _ in range(22):
        host.transcript.page(1)
        await host.text()
    assert (await host.rows())[-1] == "❯ prompt 149"


async def test_home_and_end(host: Hosted) -> None:
    await host.show(*map(said, range(500)))
    host.transcript.home()
    assert (await host.rows())[0] == "❯ prompt 0"
    host.transcript.end()
    assert (await host.rows())[-1] == "❯ prompt 499"


async def test_who_has_scrolled_up_stays_there_and_hears_of_what_is_new(host: Hosted) -> None:
    await host.show(*map(said, range(50)))
    host.transcript.page(-1)
    *before, hint = await host.rows()
    assert hint == "↓ there is more below"
    *after, hint = (await host.show(*map(said, range(50, 53)))).split("\n")
    assert hint == "↓ 3 new below"
    assert [row for row in after if row] == before
    host.transcript.end()
    assert (await host.rows())[-1] == "❯ prompt 52"


async def test_what_grows_above_does_not_move_what_is_looked_at(host: Hosted) -> None:
    await host.show(calls("shell"), started("shell", "Run make"), *map(said, range(50)))
    host.transcript.page(-1)
    before = (await host.rows())[:-1]
    await host.show(output("shell", "".join(f"{n}\n" for n in range(9))))
    assert (await host.rows())[:-1] == before


async def test_scrolling_back_to_the_end_follows_again(host: Hosted) -> None:
    await host.show(*map(said, range(50)))
    host.transcript.page(-1)
    await host.text()
    host.transcript.page(1)
    await host.text()
    assert (await host.show(said(50))).split("\n")[-1] == "❯ prompt 50"


@pytest.mark.parametrize(("width", "height"), [(60, 20), (120, 30), (200, 60)])
async def test_the_same_story_at_every_size(width: int, height: int) -> None:
    async with hosted(width, height) as host:
        await host.show(*map(said, range(200)), added(Reply(text="word " * 100)))
        assert (await host.rows())[-1].endswith("word")
        await host.pilot.resize_terminal(width // 2, height)
        assert (await host.rows())[-1].endswith("word")
        assert all(len(row) <= width // 2 for row in await host.rows())


async def test_a_search_jumps_to_the_newest_and_then_to_older_ones(host: Hosted) -> None:
    await host.show(*map(said, range(500)))
    assert host.transcript.search("PROMPT 12") == 11
    assert "❯ prompt 129" in await host.rows()
    host.transcript.find_next()
    assert "❯ prompt 128" in await host.rows()
    for _ in range(10):
        host.transcript.find_next()
    assert "❯ prompt 129" in await host.rows()
    assert host.transcript.search("nowhere") == 0


async def test_what_was_found_or_looked_at_may_vanish(host: Hosted) -> None:
    await host.show(*map(said, range(150)), text("needle\n\n" * 60))
    assert host.transcript.search("needle") == 1
    await host.text()
    host.transcript.point(-1)
    await host.show(TaskEnded(task=MAIN, outcome="cancelled", text="Cancelled."))
    host.transcript.find_next()
    host.transcript.page(1)
    assert (await host.rows())[-1] == "! Cancelled."


async def test_a_search_unfolds_what_it_finds_and_marks_it(host: Hosted) -> None:
    await host.show(calls("read"), started("read", "Read a.py"), result("read", "one\nneedle\ntwo"))
    assert host.transcript.search("needle") == 1
    assert "│ needle" in await host.rows()
    (view,) = host.views
    marked = [segment.text for segment in view.render_line(2) if segment.style and "needle" in segment.text]
    assert marked == ["needle"]


async def test_what_is_selected_with_the_mouse_is_copied_without_bars_and_breaks(host: Hosted) -> None:
    await host.show(calls("shell"), started("shell", "Run"), result("shell", "first\nsecond " + "word " * 12))
    host.transcript.toggle_expanded()
    await host.text()
    await host.pilot.mouse_down(offset=Offset(5, 1))
    await host.pilot.hover(offset=Offset(20, 3))
    await host.pilot.mouse_up(offset=Offset(20, 3))
    assert host.transcript.copy_text() == "first\nsecond " + "word " * 12


async def test_a_selection_goes_over_many_blocks(host: Hosted) -> None:
    await host.show(
        said(1), added(Reply(text="An **answer**\n\nin two parts")), Noticed(task=MAIN, text="note")
    )
    await host.pilot.mouse_down(offset=Offset(3, 1))
    await host.pilot.hover(offset=Offset(20, 7))
    await host.pilot.mouse_up(offset=Offset(20, 7))
    assert host.transcript.copy_text().split() == [
        "prompt",
        "1",
        "An",
        "answer",
        "in",
        "two",
        "parts",
        "note",
    ]


async def test_without_a_selection_the_last_answer_is_copied(host: Hosted) -> None:
    await host.show(added(Reply(text="**one**")), added(Reply(text="# two")), said(1))
    assert host.transcript.copy_text() == "# two"


async def test_pointing_at_a_block_copies_and_unfolds_just_that_one(host: Hosted) -> None:
    await host.show(
        calls("a", "b"), started("a", "A"), started("b", "B"), result("a", "1\n2"), result("b", "3\n4")
    )
    host.transcript.point(-1)
    host.transcript.point(-1)
    assert host.transcript.copy_text() == "A\n1\n2"
    host.transcript.toggle_expanded()
    assert await host.rows() == ["▌✓ A  2 lines", "▌  │ 1", "▌  │ 2", "✓ B  2 lines"]
    host.transcript.point(1)
    assert host.transcript.copy_text() == "B\n3\n4"
    host.transcript.point(1)
    assert await host.rows() == ["✓ A  2 lines", "│ 1", "│ 2", "✓ B  2 lines"]


async def test_a_block_is_looked_at_on_the_full_screen(host: Hosted) -> None:
    change = Change(
        path="cart.py",
        diff="@@ -0,0 +1,99 @@\n" + "".join(f"+line {n}\n" for n in range(99)),
        added=99,
        removed=0,
    )
    await host.show(
        calls("edit"), started("edit", "Edit cart.py"), result("edit", "Edited.", changes=(change,))
    )
    host.transcript.open_block()
    rows = await host.rows()
    assert isinstance(host.pilot.app.screen, Viewer)
    assert rows[:3] == ["✓ Edit cart.py  +99 -0", "cart.py  +99 -0", "1 + line 0"]
    await host.pilot.press("G")
    assert "99 + line 98" in await host.rows()
    await host.pilot.press("escape")
    assert "… 79 more rows" in await host.rows()


async def test_a_subtask_is_looked_into_and_left_again(host: Hosted) -> None:
    child = TaskStarted(task="t1", parent=MAIN, mode="ask", model="a/b", project="")
    await host.show(child, added(Prompt(text="Find it"), "t1"), added(Reply(text="Found."), "t1"))
    assert await host.text() == "● t1 ask: Find it  running · b"
    host.transcript.look_into("t1")
    told, _, answer = (await host.text()).split("\n")
    assert (told[:9], told[9:].strip(), answer) == ("❯ Find it", "ask · b", "Found.")
    host.transcript.look_into()
    assert await host.text() == "● t1 ask: Find it  running · b"


async def test_all_of_it_as_text(host: Hosted) -> None:
    await host.show(said(1), added(Reply(text="**bold**")), Noticed(task=MAIN, text="\x1b[2Jnote"))
    assert host.transcript.plain() == "❯ prompt 1\n\n**bold**\n\n· note\n"


async def test_a_cleared_transcript_is_empty_and_takes_a_new_story(host: Hosted) -> None:
    await host.show(*map(said, range(200)))
    host.transcript.clear()
    assert await host.text() == ""
    assert await host.show(said(1)) == "❯ prompt 1"


async def test_a_reply_that_is_overtaken_by_a_notice_stands_where_it_is_stored(host: Hosted) -> None:
    await host.show(text("Hi"), Noticed(task=MAIN, text="Note."))
    assert await host.show(added(Reply(text="Hi."))) == "· Note.\n\nHi."


NASTY = (
    "\x1b]0;pwned\x07\x1b[2J[bold red]x[/] [link=https://e]y[/link] \u202eevil\u200b\x9b31m\x7f "
    + "long" * 300_000
)


@pytest.mark.parametrize(
    "tell",
    [
        lambda t: [added(Prompt(text=t))],
        lambda t: [text(t)],
        lambda t: [ThinkingArrived(task=MAIN, text=t)],
        lambda t: [added(Reply(text=f"```{t}\n{t}\n```\n\n| {t} |\n|---|\n| {t} |"))],
        lambda t: [calls("shell"), started("shell", t), output("shell", t)],
        lambda t: [calls("shell"), started("shell", t), result("shell", t)],
        lambda t: [
            calls("e"),
            result("e", t, changes=(Change(path=t, diff=f"@@ -1 +1 @@\n-{t}\n+{t}", added=1, removed=1),)),
        ],
        lambda t: [calls("todo"), result("todo", t, todos=(Todo(text=t),))],
        lambda t: [Noticed(task=MAIN, text=t)],
    ],
)
async def test_what_comes_from_outside_cannot_deceive_or_break_the_screen(
    host: Hosted, tell: Callable[[str], list[Event]]
) -> None:
    await host.show(*tell(NASTY))
    host.transcript.toggle_expanded()
    host.transcript.page(-10)
    screen = await host.text()
    assert screen.replace("\n", "").isprintable()
    assert "pwned" not in screen
    assert host.transcript.plain().replace("\n", "").isprintable()


async def test_growing_in_place_paints_only_the_line_that_grew(host: Hosted) -> None:
    await host.show(text("one\n\ntwo\n\nthree"))
    (view,) = host.transcript.query(ReplyBlock)
    painted: list[int] = []
    render = view.render_line

    def listening(y: int) -> Any:
        painted.append(y)
        return render(y)

    view.render_line = listening  # type: ignore[method-assign]
    await host.show(text(" more"))
    assert set(painted) == {4}


async def test_another_theme_is_another_set_of_colours(host: Hosted) -> None:
    await host.show(added(Reply(text="```python\nreturn 1\n```")))
    (view,) = host.views

    def colours() -> list[Any]:
        return [(s.style.color, s.style.bgcolor) for s in view.render_line(0) if s.style]

    host.pilot.app.theme = "textual-dark"
    await host.text()
    dark = colours()
    host.pilot.app.theme = "textual-light"
    await host.text()
    assert not set(dark) & set(colours())


@pytest.mark.parametrize("name", ["answer", "tools"])
async def test_it_looks_as_in_the_picture(host: Hosted, name: str) -> None:
    stories: dict[str, list[Event]] = {
        "answer": [
            said(1),
            added(Reply(text="# Title\n\nSome **bold** `code`:\n\n```python\nreturn 'x'\n```")),
        ],
        "tools": [
            calls("shell", "edit"),
            started("shell", "Run make"),
            result("shell", "one\ntwo", ok=False),
            started("edit", "Edit cart.py"),
            result("edit", "ok", changes=(Change(path="cart.py", diff=DIFF, added=1, removed=1),)),
        ],
    }
    await host.show(*stories[name])
    file = PICTURES / f"transcript_{name}.svg"
    seen = re.sub(r"terminal-\d+", "terminal", host.pilot.app.export_screenshot(title="kcode"))
    if os.environ.get("NEW_PICTURES"):
        file.write_text(seen)
    assert seen == file.read_text(), "Look at it; if it is right, run the tests with NEW_PICTURES=1."


async def test_few_widgets_whatever_happens(host: Hosted) -> None:
    for number in range(150):
        host.transcript.show([said(number), added(Reply(text=f"answer {number}\n\n- a\n- b"))])
    host.transcript.home()
    await host.text()
    host.transcript.end()
    await host.text()
    widgets = [node for node in host.pilot.app.screen.walk_children() if isinstance(node, Widget)]
    assert len(widgets) < 150


async def test_what_a_call_has_said_is_set_apart_from_the_next_call(host: Hosted) -> None:
    screen = await host.show(
        calls("shell", "read", "list"),
        started("shell", "Run make"),
        result("shell", "made"),
        started("read", "Read a.py"),
        result("read", "text"),
        started("list", "List src"),
        result("list", "text"),
    )
    lines = [line.strip() for line in screen.split("\n")]
    assert lines == ["✓ Run make", "│ made", "", "✓ Read a.py", "✓ List src"]


async def test_the_first_line_keeps_away_from_what_is_above(host: Hosted) -> None:
    await host.show(Noticed(task=MAIN, text="One thing first."))
    assert shown(host.pilot.app).split("\n")[:2] == ["", " · One thing first."]


async def test_prose_stays_readable_on_a_wide_screen() -> None:
    async with hosted(width=200, height=20) as host:
        await host.show(added(Prompt(text="word " * 100)), added(Reply(text="word " * 100)))
        assert max(map(len, await host.rows())) <= 112

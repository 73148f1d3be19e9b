from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from textual import events
from textual.pilot import Pilot

from kcode.tui.input.history import History
from kcode.tui.input.prompt import Prompt, Wanted
from tests.tui.screen import Frame, shown


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "history")


@pytest.fixture
def prompt(history: History) -> Prompt:
    prompt = Prompt(history)
    prompt.cursor_blink = False
    return prompt


@pytest.fixture
async def pilot(prompt: Prompt) -> AsyncIterator[Pilot[None]]:
    async with Frame(prompt).run_test(size=(60, 20)) as pilot:
        yield pilot


def heard(pilot: Pilot[None]) -> Frame:
    assert isinstance(pilot.app, Frame)
    return pilot.app


def said(pilot: Pilot[None]) -> list[str]:
    return [message.text for message in heard(pilot).heard_of(Prompt.Said)]


def wanted(pilot: Pilot[None]) -> Wanted | None:
    return heard(pilot).heard_of(Prompt.Completing)[-1].wanted


async def paste(pilot: Pilot[None], text: str) -> None:
    pilot.app.screen.query_one(Prompt).post_message(events.Paste(text))
    await pilot.pause()


async def test_enter_sends_and_empties(pilot: Pilot[None], prompt: Prompt) -> None:
    await pilot.press(*"fix it", "enter")
    assert said(pilot) == ["fix it"]
    assert prompt.text == ""


async def test_nothing_is_not_sent(pilot: Pilot[None]) -> None:
    await pilot.press("space", "enter")
    assert said(pilot) == []


@pytest.mark.parametrize("key", ["alt+enter", "shift+enter", "ctrl+j"])
async def test_three_keys_begin_a_new_line(pilot: Pilot[None], prompt: Prompt, key: str) -> None:
    await pilot.press("a", key, "b")
    assert prompt.text == "a\nb"
    assert said(pilot) == []


async def test_a_backslash_at_the_end_begins_a_new_line_too(pilot: Pilot[None], prompt: Prompt) -> None:
    await pilot.press("a", "backslash", "enter", "b")
    assert prompt.text == "a\nb"


async def test_it_grows_with_the_text_up_to_ten_lines(pilot: Pilot[None], prompt: Prompt) -> None:
    assert prompt.content_size.height == 1
    await pilot.press("a", *["ctrl+j", "b"] * 4)
    assert prompt.content_size.height == 5
    await pilot.press(*["ctrl+j"] * 30)
    assert prompt.content_size.height == 10


async def test_up_at_the_edge_walks_the_history_and_down_comes_back(
    pilot: Pilot[None], prompt: Prompt
) -> None:
    await pilot.press(*"one", "enter", *"two", "enter", *"draft")
    await pilot.press("up")
    assert prompt.text == "two"
    await pilot.press("up")
    assert prompt.text == "one"
    await pilot.press("down", "down")
    assert prompt.text == "draft"


async def test_up_within_a_text_moves_the_cursor(pilot: Pilot[None], prompt: Prompt) -> None:
    await pilot.press(*"one", "enter", "a", "ctrl+j", "b", "up")
    assert prompt.text == "a\nb"
    assert prompt.cursor_location[0] == 0


async def test_up_in_an_empty_prompt_takes_a_queued_message_back(pilot: Pilot[None], prompt: Prompt) -> None:
    prompt.has_queue = True
    await pilot.press("up")
    assert len(heard(pilot).heard_of(Prompt.TakenBack)) == 1


async def test_a_long_paste_is_a_chip_on_the_screen_and_whole_when_sent(
    pilot: Pilot[None], prompt: Prompt
) -> None:
    text = "\n".join(f"line {n}" for n in range(2_000))
    await pilot.press(*"see ")
    await paste(pilot, text)
    assert prompt.text == "see [pasted 2,000 lines #1]"
    await pilot.press("enter")
    assert said(pilot) == [f"see {text}"]


async def test_two_pastes_are_two_chips(pilot: Pilot[None], prompt: Prompt) -> None:
    await paste(pilot, "a" * 5_000)
    await paste(pilot, "b" * 5_000)
    assert prompt.text == "[pasted 5,000 characters #1][pasted 5,000 characters #2]"
    await pilot.press("enter")
    assert said(pilot) == ["a" * 5_000 + "b" * 5_000]


async def test_backspace_removes_a_chip_as_a_whole(pilot: Pilot[None], prompt: Prompt) -> None:
    await paste(pilot, "a" * 5_000)
    await pilot.press("backspace")
    assert prompt.text == ""


async def test_a_short_paste_stays_as_it_is_without_control_characters(
    pilot: Pilot[None], prompt: Prompt
) -> None:
    await paste(pilot, "a\x1b[31mb\r\nc\x00")
    assert prompt.text == "a[31mb\nc"


async def test_what_can_be_completed_is_told(pilot: Pilot[None]) -> None:
    await pilot.press("slash", "m")
    assert wanted(pilot) == Wanted("command", "m")
    await pilot.press("space")
    assert wanted(pilot) is None
    await pilot.press("at", "s", "r", "c")
    assert wanted(pilot) == Wanted("file", "src")


async def test_an_address_is_no_file(pilot: Pilot[None]) -> None:
    await pilot.press(*"me@home")
    assert heard(pilot).heard_of(Prompt.Completing) == []


async def test_a_completion_takes_the_place_of_the_word(pilot: Pilot[None], prompt: Prompt) -> None:
    await pilot.press(*"read ", "at", *"ap")
    prompt.complete("@src/app.py ")
    await pilot.press(*"please")
    assert prompt.text == "read @src/app.py please"


async def test_an_open_list_gets_the_keys_that_steer_it(pilot: Pilot[None], prompt: Prompt) -> None:
    prompt.has_choices = True
    await pilot.press("a", "down", "enter", "escape")
    assert [message.key for message in heard(pilot).heard_of(Prompt.Steered)] == ["down", "enter", "escape"]
    assert prompt.text == "a"


async def test_square_brackets_and_colours_of_a_theme_are_text(pilot: Pilot[None]) -> None:
    await pilot.press(*"[red]x[/red]")
    assert "[red]x[/red]" in shown(pilot.app)


async def test_a_pasted_image_becomes_a_chip_and_goes_along(pilot: Pilot[None], prompt: Prompt) -> None:
    await paste(pilot, "data:image/png;base64,aGVsbG8=")
    assert prompt.text == "[image png #1] "
    await pilot.press(*"what?", "enter")
    (message,) = heard(pilot).heard_of(Prompt.Said)
    assert message.text == "[image png #1] what?"
    assert [image.data for image in message.images] == ["aGVsbG8="]


async def test_an_image_whose_chip_was_deleted_stays_here(pilot: Pilot[None]) -> None:
    await paste(pilot, "data:image/png;base64,aGVsbG8=")
    await pilot.press("backspace", "backspace", *"hi", "enter")
    (message,) = heard(pilot).heard_of(Prompt.Said)
    assert (message.text, message.images) == ("hi", ())


async def test_a_pasted_path_of_an_image_is_named(pilot: Pilot[None], prompt: Prompt, tmp_path: Path) -> None:
    (tmp_path / "shot.png").write_bytes(b"x")
    prompt.root = tmp_path
    await paste(pilot, f"{tmp_path}/shot.png")
    assert prompt.text == "@shot.png "


async def test_an_image_that_cannot_be_taken_is_refused(pilot: Pilot[None], prompt: Prompt) -> None:
    await paste(pilot, "data:image/png;base64,=====")
    assert prompt.text == "" and "damaged" in heard(pilot).heard_of(Prompt.Refused)[0].why

from collections.abc import AsyncIterator

import pytest
from textual.pilot import Pilot

from kcode.tui.lists.choices import Choice, Choices
from kcode.tui.lists.picker import Picker, narrowed
from tests.tui.screen import Frame, shown

ROWS = [Choice(f"id{n}", f"row {n}", f"hint {n}", detail=f"about {n}", is_current=n == 3) for n in range(30)]


@pytest.fixture
async def pilot() -> AsyncIterator[Pilot[None]]:
    async with Frame(Picker("Rows", ROWS)).run_test(size=(60, 24)) as pilot:
        await pilot.pause()
        yield pilot


def closed(pilot: Pilot[None]) -> list[str | None]:
    assert isinstance(pilot.app, Frame)
    return [m.choice.id if m.choice else None for m in pilot.app.heard_of(Picker.Closed)]


async def test_it_opens_at_the_current_row_and_tells_about_it(pilot: Pilot[None]) -> None:
    screen = shown(pilot.app)
    assert "❯ row 3 ✓" in screen and "about 3" in screen


async def test_arrows_move_and_enter_takes(pilot: Pilot[None]) -> None:
    await pilot.press("down", "down", "up", "enter")
    assert closed(pilot) == ["id4"]


async def test_what_is_typed_narrows(pilot: Pilot[None]) -> None:
    await pilot.press(*"hint 29", "enter")
    assert closed(pilot) == ["id29"]


async def test_nothing_that_fits_takes_nothing(pilot: Pilot[None]) -> None:
    await pilot.press(*"zebra", "enter")
    assert closed(pilot) == []
    assert "nothing like that" in shown(pilot.app)


async def test_escape_leaves(pilot: Pilot[None]) -> None:
    await pilot.press("escape")
    assert closed(pilot) == [None]


async def test_the_chosen_row_is_always_in_sight(pilot: Pilot[None]) -> None:
    await pilot.press(*["pagedown"] * 5)
    assert "❯ row 29" in shown(pilot.app)
    await pilot.press("down")
    assert "❯ row 0" in shown(pilot.app)


async def test_a_click_takes(pilot: Pilot[None]) -> None:
    await pilot.click(Choices, offset=(5, 1))
    assert closed(pilot) == ["id1"]


async def test_a_row_wider_than_the_list_is_cut() -> None:
    choices = Choices()
    async with Frame(choices).run_test(size=(30, 5)) as pilot:
        choices.show([Choice("a", "x" * 50, "hint")])
        await pilot.pause()
        assert shown(pilot.app).splitlines()[0].endswith("…")


async def test_where_there_is_little_room_the_name_gives_way_to_its_brief_hint() -> None:
    choices = Choices()
    async with Frame(choices).run_test(size=(30, 5)) as pilot:
        choices.show(
            [Choice("a", "provider/" + "x" * 50, "a long hint", brief="$3/$15"), Choice("b", "y", "z")]
        )
        await pilot.pause()
        lines = shown(pilot.app).splitlines()
        assert lines[0].endswith("…  $3/$15") and "provider/xx" in lines[0]


def test_every_word_has_to_be_there_in_any_order() -> None:
    rows = [Choice("a", "claude opus", "no key"), Choice("b", "claude haiku"), Choice("c", "opus local")]
    assert [row.id for row in narrowed("opus CLAUDE", rows)] == ["a"]

from decimal import Decimal
from pathlib import Path

import pytest

from kcode import settings
from kcode.tui.commands.setting import allowed, kind_of, shown
from tests.tui.conftest import Start, lane

HELLO = lane("hello", {"text": "Good day."})


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("permissions.mode", "ask | edits | auto | plan"),
        ("budget.session", "a number"),
        ("limits.turns", "a number"),
        ("models.code", "text"),
        ("permissions.allow", 'a list: ["one", "another"]'),
        ("effort.code", "low | medium | high | max"),
    ],
)
def test_what_may_be_said_follows_from_the_type(name: str, words: str) -> None:
    assert allowed(kind_of(name.split("."))) == words


def test_values_are_shown_as_they_are_written() -> None:
    values = (None, "a", 3, Decimal("2.5"), ("x",), True)
    assert [shown(value) for value in values] == ["", "a", "3", "2.5", '["x"]', "true"]


async def test_a_setting_is_found_changed_and_kept(start: Start) -> None:
    settings.user_file().parent.mkdir(parents=True)
    settings.user_file().write_text("# mine\n[limits]\nturns = 7\n")
    async with start(HELLO) as run:
        await run.ready()
        await run.type("/settings")
        await run.sees("Enter changes it")
        await run.press(*"limits.turns")
        screen = await run.sees("a number")
        assert "yours" in screen
        await run.press("enter")
        await run.sees("Enter keeps it")
        await run.press("backspace", "9", "enter")
        await run.sees("Kept: limits.turns = 9")
    assert settings.user_file().read_text() == "# mine\n[limits]\nturns = 9\n"


async def test_a_wrong_value_is_refused_with_the_reason(start: Start) -> None:
    async with start(HELLO) as run:
        await run.ready()
        await run.type("/settings limits.turns")
        await run.sees("Enter keeps it")
        await run.press(*"many", "enter")
        await run.sees("limits.turns: Input should be a valid integer")
    assert not settings.user_file().exists()


async def test_permissions_hold_at_once(start: Start) -> None:
    async with start(HELLO) as run:
        await run.ready()
        await run.type("/config permissions.mode")
        await run.sees("edits")
        await run.press("down", "enter")
        await run.sees("edits without asking")


async def test_a_model_is_kept_for_all_sessions(start: Start, kcode_home: Path) -> None:
    async with start(HELLO) as run:
        await run.ready()
        await run.type("/default")
        await run.sees("From now on code begins with scripted/demo-model")
    assert settings.load([settings.user_file()]).models == {"code": "scripted/demo-model"}

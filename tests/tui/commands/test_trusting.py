from pathlib import Path

import pytest

from kcode import trust
from kcode.tui.commands import trusting
from tests.tui.conftest import Start, lane

HELLO = lane("hello", {"text": "Good day."})


@pytest.fixture
def brought(repository: Path) -> Path:
    """The repository, with settings of its own."""
    (repository / ".kcode" / "modes").mkdir(parents=True)
    (repository / ".kcode" / "settings.toml").write_text("[limits]\nturns = 3\n")
    (repository / ".kcode" / "modes" / "poet.md").write_text(
        "---\ntitle: Poet\ngroups: [read]\n---\nIn verse.\n"
    )
    return repository


async def test_a_folder_that_brings_nothing_is_not_asked_about(start: Start) -> None:
    async with start(HELLO) as run:
        await run.ready()
        await run.pilot.pause(0.3)
        assert "brings settings" not in run.screen


async def test_what_the_folder_brings_waits_for_a_word(start: Start, brought: Path) -> None:
    async with start(HELLO) as run:
        screen = await run.sees("This folder brings settings of its own")
        assert ".kcode/settings.toml, .kcode/modes/poet.md" in screen
        opened = run.app.talk.state.opened
        assert opened is not None and "poet" not in opened.modes


async def test_it_can_be_read_before_it_is_trusted(start: Start, brought: Path) -> None:
    async with start(HELLO) as run:
        await run.sees("This folder brings settings of its own")
        await run.press("enter")
        screen = await run.sees("What this folder brings")
        assert "turns = 3" in screen and "In verse." in screen
        await run.press("escape")
        assert "Trust this folder" in run.screen
        assert not trust.is_trusted(brought)


async def test_once_trusted_it_takes_effect_at_once_and_is_not_asked_again(
    start: Start, brought: Path
) -> None:
    async with start(HELLO) as run:
        await run.sees("This folder brings settings of its own")
        await run.press("down", "enter")
        await run.until(lambda: run.app.talk.state.opened and "poet" in run.app.talk.state.opened.modes)
        assert trust.is_trusted(brought)
        assert "brings settings" not in run.screen


async def test_not_now_is_remembered_and_nothing_is_used(start: Start, brought: Path) -> None:
    async with start(HELLO) as run:
        await run.sees("This folder brings settings of its own")
        await run.press("up", "enter")
        await run.type("say hello")
        await run.sees("Good day.")
        opened = run.app.talk.state.opened
        assert opened is not None and opened.settings.limits.turns is None
    assert not trust.is_trusted(brought)
    assert not trusting.is_to_be_asked(brought)


async def test_safe_mode_asks_nothing(start: Start, brought: Path) -> None:
    async with start(HELLO, safe_mode=True) as run:
        await run.ready()
        await run.pilot.pause(0.3)
        assert "brings settings" not in run.screen

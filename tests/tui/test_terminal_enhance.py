"""A draft made clear, in a real terminal."""

from collections.abc import Callable

from kcode.scripted import ScriptedProvider
from tests.tui.conftest import lane
from tests.tui.test_terminal import Terminal, env, open_terminal, provided, pytestmark, terminal

__all__ = ["env", "open_terminal", "provided", "pytestmark", "terminal"]

CLEAR = lane("<draft>", {"text": "Mend the rounding in shop/prices.py."})


def test_a_draft_is_made_clear_taken_and_brought_back(
    terminal: Terminal,
    provided: Callable[..., ScriptedProvider],
) -> None:
    provided(CLEAR)
    terminal.starts()
    terminal.type("fix rounding pls")
    terminal.sees("│ fix rounding pls")
    terminal.press("C-e")
    screen = terminal.sees("Your draft, made clear")
    assert "- fix rounding pls" in screen and "+ Mend the rounding in shop/prices.py." in screen
    terminal.press("Enter")
    terminal.sees("│ Mend the rounding in shop/prices.py.")
    terminal.press("M-z")
    terminal.sees("│ fix rounding pls")

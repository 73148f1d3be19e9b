import os
import subprocess
from pathlib import Path

import pytest

from kcode.tui import terminal
from kcode.tui.run import farewell
from tests.running import program
from tests.tui.conftest import Start, lane


async def test_the_farewell_holds_answer_receipt_and_the_way_back(start: Start) -> None:
    async with start(lane("hello", {"text": "Good **day**.\x1b[2J"})) as run:
        await run.type("say hello")
        await run.sees("1 step")
        words = farewell(run.app)
        opened = run.app.talk.state.opened
    assert opened is not None
    assert words.splitlines()[0] == "Good **day**."
    assert "── $0.0" in words and words.endswith(f"   go on: kcode -r {opened.session}\n")


async def test_of_a_long_answer_the_end_is_printed(start: Start) -> None:
    text = "\n\n".join(f"paragraph {n}" for n in range(100))
    async with start(lane("hello", {"text": text})) as run:
        await run.type("say hello")
        await run.sees("1 step")
        words = farewell(run.app)
    assert words.startswith("… 159 lines above\n") and "paragraph 99" in words


async def test_when_nothing_was_said_nothing_is_printed(start: Start) -> None:
    async with start() as run:
        await run.ready()
        assert farewell(run.app) == ""


def test_what_native_code_writes_to_fd_2_goes_to_a_log_and_the_screen_keeps_the_terminal(
    kcode_home: Path,
) -> None:
    script = (
        "import os; from kcode.tui.terminal import stderr_in_a_log\n"
        "with stderr_in_a_log():\n"
        "    os.write(2, b'noise'); print('frame', file=sys.__stderr__)\n"
        "os.write(2, b'after')"
    )
    done = subprocess.run(program(script), capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "frame\nafter")
    log = kcode_home / "state" / "screen.log"
    assert log.read_text() == "noise"
    assert log.stat().st_mode & 0o777 == 0o600


def test_without_a_terminal_there_is_a_reason() -> None:
    done = subprocess.run(
        program("from kcode.tui.terminal import trouble; print(trouble())"),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert done.stdout == "there is no terminal\n"


@pytest.mark.parametrize(
    ("inside_tmux", "sequence"), [(False, "\x1b]9;done\x07"), (True, "\x1bPtmux;\x1b\x1b]9;done")]
)
def test_a_notification_rings_and_passes_through_tmux(
    inside_tmux: bool, sequence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TMUX", raising=False)
    if inside_tmux:
        monkeypatch.setenv("TMUX", "/tmp/tmux,1,0")
    assert terminal.notification("done").startswith("\x07")
    assert sequence in terminal.notification("done")


def test_no_colour_is_heeded_and_children_hear_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    from kcode.tui.fixes import FixedApp

    app: FixedApp[None] = FixedApp()
    assert app.no_color
    assert os.environ["NO_COLOR"] == "1"

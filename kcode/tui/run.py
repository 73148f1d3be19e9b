"""From a door to an exit code: the screen, and the terminal as it was found."""

import sys
from contextlib import ExitStack

from kcode.tui import terminal
from kcode.tui.app import KcodeApp
from kcode.tui.engine.engine import Engine
from kcode.tui.engine.words import Door
from kcode.tui.fixes import mend_input
from kcode.tui.text.safe import safe
from kcode.tui.transcript.receipts import line

LONGEST_ANSWER = 40
"""Lines of the last answer that are printed at the end."""
BROKEN = 1


def run_screen(door: Door) -> int:
    """Until the user leaves; the exit code. What was last said, what it cost and how to go on is then printed."""
    mend_input()
    engine = Engine(door)
    app = KcodeApp(door, engine)
    app.hold_keys()
    with ExitStack() as cleanup:
        cleanup.enter_context(terminal.restored())
        cleanup.enter_context(terminal.stderr_in_a_log())
        cleanup.callback(engine.close)
        cleanup.enter_context(terminal.ended_by_signals(app.end_soon))
        app.run()
    error = app._exception
    if error is not None:
        print(
            f"kcode: this is a bug in kcode ({type(error).__name__}); {door.report(error)}", file=sys.stderr
        )
    print(farewell(app), end="", flush=True)
    if app.wants_demo and door.demo is not None:
        return door.demo()
    return BROKEN if error is not None else app.return_code or 0


def farewell(app: KcodeApp) -> str:
    """For the normal screen."""
    state = app.talk.state
    lines = [f"kcode: {app.last_words}"] if app.last_words else []
    if state.answer:
        lines += [_shortened(safe(state.answer)), ""]
    if state.receipt.total.requests:
        lines.append(f"── {line(state.receipt)}")
    if state.opened is not None and state.has_talked and app.door.keeps_sessions:
        lines.append(f"   go on: kcode -r {state.opened.session}")
    return "\n".join(lines) + "\n" if lines else ""


def _shortened(text: str) -> str:
    lines = text.strip().splitlines()
    more = len(lines) - LONGEST_ANSWER
    return "\n".join([*([f"… {more} lines above"] if more > 0 else []), *lines[-LONGEST_ANSWER:]])

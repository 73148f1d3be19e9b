"""What `kcode …` prints, as a page: what the command line can do, the screen need not do again."""

import asyncio
import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

from textual.content import Content

import kcode
from kcode.errors import KcodeError
from kcode.tui.desk import Desk
from kcode.tui.text.safe import safe

LIMIT = 30
"""Seconds."""


def show_program(*arguments: str, otherwise: tuple[str, ...] = ()) -> Callable[[Desk, str], None]:
    """What `kcode ARGUMENTS` prints, with the words behind the command, or `otherwise` where there are none."""

    def show(desk: Desk, words: str) -> None:
        desk.work(_show(desk, (*arguments, *(shlex.split(words) if words else otherwise))))

    return show


async def _show(desk: Desk, arguments: tuple[str, ...]) -> None:
    output = await output_of(desk, arguments)
    desk.view(f"kcode {shlex.join(arguments)}", Content(safe(output)))


async def output_of(desk: Desk, arguments: tuple[str, ...], well: tuple[int, ...] = (0, 1)) -> str:
    """KcodeError, with what was said, when it ends with another code than those."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",  # nothing is imported from the folder that is worked in
        "-m",
        "kcode",
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=desk.root,
        env=_environment(),
        start_new_session=True,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), timeout=LIMIT)
    except TimeoutError:
        raise KcodeError(f"kcode {arguments[0]} said nothing for {LIMIT} s.") from None
    finally:
        if process.returncode is None:
            process.kill()
    text = output.decode(errors="replace").strip()
    if process.returncode not in well:
        raise KcodeError(text or f"kcode {arguments[0]} ended with {process.returncode}.")
    return text


def _environment() -> dict[str, str]:
    """With this very kcode where Python looks for it."""
    home = str(Path(kcode.__file__).parents[1])
    return {
        **os.environ,
        "NO_COLOR": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, [home, os.environ.get("PYTHONPATH")])),
    }

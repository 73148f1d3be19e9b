"""What it is worth that modes are told by messages: the same work, with the prompts and tools of each mode of its own.

Two real sessions are played: one conversation that goes through four modes, and an orchestrator with three tasks for
others. What arrived is billed as it was sent, and once more as if each mode had its own system prompt and only the
tools that it may use, which is how others do it.
"""

import json
import subprocess
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.bill_count import Encode, billed_blocks, said
from kcode.modes.mode import Mode
from kcode.scripted import Received
from kcode.scripted.blocks import Block
from kcode.tools.tool import installed_tools
from tests.playing import MODEL, NAME, Play, call, calls, playing, say

Json = dict[str, Any]
PRINT = "printf 'line %s of what the program says, with a number\\n' $(seq 1 {})"


def look(*names: str) -> Json:
    return calls(*(call("read", path=name) for name in names))


def change(number: int) -> Json:
    path = f"src/part_{number:02}.py"
    return call("edit", path=path, edits=[{"old": f"LIMIT = {number}00", "new": f"LIMIT = {number}50"}])


SWITCHING: dict[str, list[Json]] = {
    "DESIGN": [
        look("src/part_01.py", "src/part_02.py"), look("src/part_03.py", "src/part_04.py"),
        call("shell", command=PRINT.format(120)), say("The plan is made: each limit becomes a setting."),
    ],
    "BUILD": [change(1), change(2), call("shell", command=PRINT.format(80)), change(3), say("Three are done.")],
    "BROKEN": [call("shell", command=PRINT.format(100)), look("src/part_05.py"), say("The cause is the fourth.")],
    "GO ON": [change(4), call("shell", command=PRINT.format(60)), say("All four hold.")],
    "EXPLAIN": [say("Each part asks the settings for its limit now.")],
}  # fmt: skip
MODES = ("architect", "code", "debug", "code", "ask")
ORCHESTRATED: dict[str, list[Json]] = {
    "PLAN": [
        look("src/part_01.py", "src/part_02.py", "src/part_03.py"),
        calls(
            call("delegate", mode="code", message="FIRST: parts 1 and 2", files=["src/part_01.py"]),
            call("delegate", mode="code", message="SECOND: parts 3 and 4", files=["src/part_03.py"]),
        ),
        call("delegate", mode="debug", message="THIRD: find why part 5 is late"),
        say("Everything is in place."),
    ],
    "FIRST": [look("src/part_02.py"), change(1), change(2), call("shell", command=PRINT.format(60)), say("Done.")],
    "SECOND": [look("src/part_04.py"), change(3), change(4), call("shell", command=PRINT.format(60)), say("Done.")],
    "THIRD": [look("src/part_05.py"), call("shell", command=PRINT.format(90)), say("It waits for part 4.")],
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Difference:
    title: str
    requests: int
    neutral: float
    """Dollars, as it is sent."""
    own: float
    """With prompts and tools of each mode's own."""


async def switching(play: Play) -> None:
    for prompt, mode in zip(SWITCHING, MODES, strict=True):
        play.session.switch(mode, MODEL)
        await play.session.prompt(prompt)


async def orchestrated(play: Play) -> None:
    play.session.switch("orchestrator", MODEL)
    await play.session.prompt("PLAN")


async def measured(files: Callable[[Path], None], encode: Encode) -> list[Difference]:
    """At the Sonnet-class prices."""
    return [
        await difference("one conversation through five modes", SWITCHING, switching, files, encode),
        await difference("an orchestrator and three tasks", ORCHESTRATED, orchestrated, files, encode),
    ]


async def difference(
    title: str,
    lanes: dict[str, list[Json]],
    work: Callable[[Play], Awaitable[None]],
    files: Callable[[Path], None],
    encode: Encode,
) -> Difference:
    script = {
        "lanes": [{"match": word, "steps": steps} for word, steps in lanes.items()],
        "prices": {NAME: {"input": "3", "output": "15"}},
    }
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "plant"
        root.mkdir()
        files(root)
        for command in (
            ["init", "-q"],
            ["add", "-A"],
            ["-c", "user.name=b", "-c", "user.email=b@localhost", "commit", "-qm", "x"],
        ):
            subprocess.run(["git", *command], cwd=root, check=True)
        with playing(script, root) as play:
            await work(play)
            assert play.provider.mismatches == [], play.provider.mismatches
            received, modes = play.provider.requests, play.session.modes
    written = [said(list(lanes.values())[r.lane or 0][r.step or 0]) for r in received]
    own = [list(with_own_prompts(request, modes)) for request in received]
    return Difference(
        title,
        len(received),
        billed_blocks([request.prefix_blocks for request in received], written, "sonnet", encode).dollars,
        billed_blocks(own, written, "sonnet", encode).dollars,
    )


def with_own_prompts(request: Received, modes: dict[str, Mode]) -> Sequence[Block]:
    """The blocks of the request as if its mode had a system prompt and tools of its own, and no message told of it."""
    mode = mode_of(request, modes)
    blocks = []
    for block in request.prefix_blocks:
        value = json.loads(block.data)
        name = value.get("name") if "input_schema" in value else None
        if name is not None and installed_tools()[name].group not in mode.groups:
            continue
        text = block.data.decode()
        if value.get("role") == "system":
            text = text.replace('"}}', f'\\n\\n{json.dumps(mode.prompt)[1:-1]}"}}}}', 1)
        for other in modes.values():
            text = text.replace(
                json.dumps(f"Mode: {other.title}. {other.prompt}", ensure_ascii=False)[1:-1], ""
            )
        blocks.append(Block(text.encode(), block.mark))
    return blocks


def mode_of(request: Received, modes: dict[str, Mode]) -> Mode:
    """The one that was told last."""
    text = request.raw.decode()
    return max(modes.values(), key=lambda mode: text.rfind(f"Mode: {mode.title}."))

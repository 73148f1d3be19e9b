"""What the main screens look like: as text, and as SVG, both in `looks/`. Digits are all 0 there, since
prices and sizes change with every word of a prompt. After a look at what changed: NEW_PICTURES=1."""

import asyncio
import os
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.widgets import Input

from tests.playing import call
from tests.tui.conftest import Run, Start, lane
from tests.tui.screen import shown

LOOKS = Path(__file__).parent / "looks"
ANSWER = """Both are **fixed**. The total was rounded too early:

| file | change |
|---|---|
| `shop/cart.py` | rounds once |
| `shop/discount.py` | exact division |

```python
def total(prices: list[int]) -> int:
    return round(sum(prices))
```
"""
EDITS = [
    {"old": "line 3\n", "new": "line three\n"},
    {"old": "line 20\n", "new": "line twenty\n"},
]
LANES = [
    lane(
        "total",
        {
            "text": "I look at the **cart**.",
            "calls": [{"name": "read", "arguments": {"path": "shop/cart.py"}}],
        },
        {"text": ANSWER},
    ),
    lane("edit", call("edit", path="long.txt", edits=EDITS), {"text": "Changed."}),
    lane("command", call("shell", command="cd shop && rm -rf build; ls"), {"text": "Run."}),
    lane(
        "PLAN",
        {
            "text": "Two parts.",
            "calls": [
                {"name": "delegate", "arguments": {"mode": "ask", "message": f"CHILD{n}: look at it"}}
                for n in (1, 2)
            ],
        },
        {"text": "Both came back."},
    ),
    lane("CHILD", {"text": "There is nothing."}),
]
Scene = Callable[[Run], Awaitable[object]]


async def conversation(run: Run) -> None:
    await run.type("mend the total")
    await run.sees("2 steps")


async def approval_of_a_diff(run: Run) -> None:
    (run.root / "long.txt").write_text("".join(f"line {n}\n" for n in range(1, 31)))
    await run.type("edit it")
    await run.sees("hunk · Space")


async def approval_of_a_command(run: Run) -> None:
    await run.type("a command")
    await run.sees("Esc stops the task")


async def model_list(run: Run) -> None:
    await conversation(run)
    await run.press("alt+p")
    await run.sees("The model of Code")
    await run.press(*"scripted")


async def palette(run: Run) -> None:
    await run.ready()
    await run.press("ctrl+p")
    await run.sees("Commands")


async def completions(run: Run) -> None:
    await run.ready()
    await run.press(*"/mo")
    await run.sees("the models of all modes")


async def cost(run: Run) -> None:
    await conversation(run)
    await run.type("/cost")
    await run.sees("By purpose")


async def settings_view(run: Run) -> None:
    await run.ready()
    await run.type("/settings permissions")
    await run.sees("Enter changes it")


async def keys(run: Run) -> None:
    await run.ready()
    await run.press("question_mark")
    await run.sees("Esc closes")


async def light(run: Run) -> None:
    await conversation(run)
    run.app.theme = "light"


async def high_contrast(run: Run) -> None:
    await conversation(run)
    run.app.theme = "contrast"


async def first_run(run: Run) -> None:
    await run.sees("Which model shall work for you?")


SCENES: dict[str, tuple[Scene, tuple[int, int]]] = {
    "first_run": (first_run, (100, 30)),
    "first_run_narrow": (first_run, (60, 20)),
    "conversation": (conversation, (100, 30)),
    "conversation_narrow": (conversation, (60, 20)),
    "conversation_wide": (conversation, (200, 60)),
    "conversation_light": (light, (100, 30)),
    "conversation_high_contrast": (high_contrast, (100, 30)),
    "conversation_no_color": (conversation, (100, 30)),
    "approval_of_a_diff": (approval_of_a_diff, (100, 30)),
    "approval_of_a_diff_narrow": (approval_of_a_diff, (60, 20)),
    "approval_of_a_command": (approval_of_a_command, (100, 30)),
    "model_list": (model_list, (100, 30)),
    "model_list_narrow": (model_list, (60, 20)),
    "palette": (palette, (100, 30)),
    "completions": (completions, (100, 30)),
    "cost": (cost, (100, 36)),
    "settings": (settings_view, (100, 30)),
    "keys": (keys, (100, 40)),
}


@pytest.mark.parametrize("name", SCENES)
async def test_a_screen_looks_as_in_its_picture(
    start: Start, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene, size = SCENES[name]
    monkeypatch.setenv("HOME", str(tmp_path))  # the folder is shown as ~/shop
    if name.endswith("no_color"):
        monkeypatch.setenv("NO_COLOR", "1")
    options = {"models": ()} if name.startswith("first_run") else {}
    async with start(*LANES, size=size, **options) as run:
        await scene(run)
        for box in run.app.screen.query(Input):
            box.cursor_blink = False
        await asyncio.sleep(0.3)
        await run.pilot.pause()
        text, svg = plain(shown(run.app)), plain_svg(run.app.export_screenshot(title="kcode"))
    expect(LOOKS / f"{name}.txt", text + "\n")
    expect(LOOKS / f"{name}.svg", svg)


def plain(text: str) -> str:
    """Without what differs each time: digits, the spinner, the length of a sparkline."""
    text = re.sub("[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]", "⠋", text)
    text = re.sub("[▁▂▃▄▅▆▇█]", "█", text)
    return re.sub(r"\d", "0", text)


def plain_svg(svg: str) -> str:
    svg = re.sub(r"terminal-\d+", "terminal", svg)
    return re.sub(r"(<text [^>]*>)([^<]*)", lambda found: found[1] + plain(found[2]), svg)


def expect(file: Path, seen: str) -> None:
    if os.environ.get("NEW_PICTURES"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(seen)
    assert seen == file.read_text(), (
        f"Look at {file.name}; if it is right, run the tests with NEW_PICTURES=1."
    )

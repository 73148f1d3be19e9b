"""Whatever is typed after a slash, the screen lives and says something."""

import random
import string

import pytest

from kcode.tui.commands.commands import COMMANDS
from tests.playing import say
from tests.tui.conftest import Start

WORDS = (
    *(
        "",
        "1",
        "-1",
        "0",
        "all",
        "x y",
        "$5",
        "+0.5",
        "nan",
        "1e999",
        "../..",
        "a" * 300,
        "“quotes”",
        "[red]",
        "\\",
    ),
    *(
        "%s",
        "--help",
        "main",
        "code",
        "on",
        "off",
        "model-9/x",
        "scripted/demo-model",
        "٣",
        "\x1b[2J",
        "@README.md",
    ),
)
QUITS = frozenset({"quit", "editor"})


@pytest.mark.slow
@pytest.mark.parametrize("part", range(3))
async def test_whatever_is_typed_after_a_slash_the_screen_lives(part: int, start: Start) -> None:
    chance = random.Random(part)
    names = [command.name for command in COMMANDS if command.name not in QUITS]
    chance.shuffle(names)
    async with start({"match": "", "steps": [say("Here.")] * 99}) as run:
        await run.ready()
        lines = [f"/{name} {chance.choice(WORDS)}" for name in names]
        lines += [
            "/" + "".join(chance.choices(string.printable, k=chance.randrange(1, 30))) for _ in range(10)
        ]
        for line in lines:
            await run.type(line)
            for _ in range(2):
                await run.press("escape")
            assert "bug in kcode" not in run.screen, line
        await run.rests()

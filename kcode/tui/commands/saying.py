"""Commands about what is said: ready-made tasks, a draft made better, something to remember, what is queued."""

import asyncio

from kcode.errors import BadInput
from kcode.tui.desk import Desk
from kcode.tui.input.prompt import with_pieces
from kcode.tui.lists.choices import Choice
from kcode.tui.pages.program import output_of
from kcode.tui.text.safe import one_line, safe


def init(desk: Desk, words: str = "") -> None:
    if (desk.root / "AGENTS.md").exists():
        raise BadInput("AGENTS.md is there already. Say what to change in it.")
    _say_task(desk, "init", words)


def review(desk: Desk, words: str = "") -> None:
    _say_task(desk, "review", words)


def _say_task(desk: Desk, name: str, words: str) -> None:
    text = desk.door.worded(name)
    desk.say(f"{text}\n\nThe user adds: {words}" if words else text)


def enhance(desk: Desk, draft: str = "") -> None:
    """The draft, made into a clear task by a small model; what comes of it is shown beside it, and taken or left."""
    if desk.bottom.is_enhancing:
        raise BadInput("A small model is at it already; Esc stops it.")
    if draft:
        desk.write(draft)
    if not desk.draft().strip():
        raise BadInput("There is nothing to enhance yet: write a draft first.")
    desk.work(_enhance(desk))


async def _enhance(desk: Desk) -> None:
    prompt = desk.bottom.prompt
    draft = prompt.text.strip()
    asked = desk.engine.enhance(draft, prompt.pasted)
    with desk.bottom.enhancing(asked.cancel):
        better = with_pieces(draft, await asyncio.wrap_future(asked))
    if better == draft:
        desk.notice("The draft is clear as it is.")
        return
    await desk.bottom.at_leisure()
    desk.bottom.compare(prompt.text, better, lambda: _take(desk, better))


def _take(desk: Desk, better: str) -> None:
    desk.bottom.prompt.rewrite(better)
    desk.notice("Enhanced. Alt+Z brings your own draft back.")


def remember(desk: Desk, text: str) -> None:
    if not text:
        raise BadInput("Say what to remember: # the tests need redis")
    desk.work(_remember(desk, text))


async def _remember(desk: Desk, text: str) -> None:
    said = await output_of(desk, ("memory", "remember", "--", text), well=(0,))
    desk.notice(f"Remembered: {safe(said).splitlines()[0] if said else text}")


def show_queue(desk: Desk, _: str = "") -> None:
    """What waits to be heard; one that is picked comes back, with those behind it."""
    queued = desk.state.queued
    if not queued:
        desk.notice("Nothing is queued.")
        return
    rows = [Choice(str(place), one_line(text)) for place, text in enumerate(queued)]

    def take_back(row: Choice) -> None:
        for _ in range(len(queued) - int(row.id)):
            desk.engine.take_back()

    desk.pick("Queued", rows, take_back, "Enter takes it back, with those behind it · Esc leaves")

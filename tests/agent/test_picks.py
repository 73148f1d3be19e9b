from pathlib import Path
from typing import Any

from tests.playing import DOLLARS, playing, say, scenario

OTHER, THIRD = "scripted/other", "scripted/third"


def script() -> dict[str, Any]:
    made = scenario(say("Well."), say("Well."), say("Well."))
    made["prices"] |= {"other": DOLLARS, "third": DOLLARS}
    return made


async def test_a_model_picked_for_a_mode_holds_when_the_session_is_gone_on_with(repository: Path) -> None:
    with playing(script(), repository, mode="code") as play:
        play.session.pick("ask", OTHER, "high")
        await play.session.prompt("hello")
        begun, first = play.session.id, play.session.task.conversation.model
    with playing(script(), repository, resume=begun, models=()) as again:
        models = again.session.task.models
        assert (models.for_mode("ask").model, models.for_mode("ask").effort) == (OTHER, "high")
        assert models.for_mode("code").model == first


async def test_a_mode_that_was_left_keeps_its_model_when_the_session_is_gone_on_with(
    repository: Path,
) -> None:
    with playing(script(), repository, mode="code") as play:
        play.session.switch("code", OTHER)
        play.session.switch("ask", THIRD)
        await play.session.prompt("hello")
        begun = play.session.id
    with playing(script(), repository, resume=begun, models=()) as again:
        models = again.session.task.models
        assert (models.named("code"), models.named("ask")) == (OTHER, THIRD)


async def test_the_command_line_goes_before_what_was_picked(repository: Path) -> None:
    with playing(script(), repository, mode="code") as play:
        play.session.pick("ask", OTHER)
        await play.session.prompt("hello")
        begun = play.session.id
    with playing(script(), repository, resume=begun, models=(f"ask={THIRD}",)) as again:
        assert again.session.task.models.named("ask") == THIRD

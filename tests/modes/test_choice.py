import json
from pathlib import Path

import pytest

from kcode.errors import NoKey
from kcode.modes.choice import EVERY, Choice, Models
from kcode.modes.mode import Mode
from kcode.settings import Settings
from tests.playing import playing, say, scenario

DEAR, CHEAP, THIRD = "anthropic/claude-opus-4-5", "openrouter/qwen/qwen3-coder", "deepseek/deepseek-chat"


def mode(name: str, **fields: object) -> Mode:
    return Mode.model_validate(
        {"name": name, "title": name, "prompt": "Do.", "groups": frozenset({"read"}), **fields}
    )


MODES = {name: mode(name) for name in ("orchestrator", "architect", "code", "ask")}
SETTINGS = Settings(
    models={"architect": DEAR, "code": CHEAP, "default": THIRD},
    effort={"architect": "high", "default": "low"},
)


def test_each_mode_has_the_model_and_effort_that_the_settings_name() -> None:
    models = Models(SETTINGS, MODES)
    assert models.for_mode("architect") == Choice(DEAR, "high")
    assert models.for_mode("code") == Choice(CHEAP, "low")
    assert models.for_mode("ask") == Choice(THIRD, "low")


def test_going_from_plan_to_code_does_not_keep_the_dear_model() -> None:
    models = Models(SETTINGS, MODES, first=DEAR)
    assert models.for_mode("architect").model == DEAR
    assert models.for_mode("code").model == CHEAP
    assert models.for_mode("architect").model == DEAR


def test_a_pick_holds_for_its_mode_alone() -> None:
    models = Models(SETTINGS, MODES)
    models.picks["code"] = DEAR
    models.efforts["code"] = "max"
    assert models.for_mode("code") == Choice(DEAR, "max")
    assert models.for_mode("ask") == Choice(THIRD, "low")
    assert models.for_mode("architect") == Choice(DEAR, "high")


def test_a_pick_is_no_saved_default() -> None:
    Models(SETTINGS, MODES).picks["code"] = DEAR
    assert SETTINGS.models["code"] == CHEAP
    assert Models(SETTINGS, MODES).for_mode("code").model == CHEAP


def test_what_is_named_does_not_lock_the_picker() -> None:
    models = Models(SETTINGS, {"code": mode("code", model=THIRD)}, {"code": THIRD})
    models.picks["code"] = DEAR
    assert models.for_mode("code").model == DEAR


def test_the_next_request_sees_a_pick_at_once() -> None:
    models = Models(SETTINGS, MODES)
    before = models.for_mode("code")
    models.picks["code"] = THIRD
    assert (before.model, models.for_mode("code").model) == (CHEAP, THIRD)


def test_a_subtask_has_its_own_modes_entry_whatever_its_parent_talks_to() -> None:
    models = Models(SETTINGS, MODES, {"orchestrator": DEAR}, first=DEAR)
    assert models.for_mode("orchestrator").model == DEAR
    assert models.for_mode("code").model == CHEAP


def test_the_word_for_every_mode_yields_to_the_word_for_one() -> None:
    models = Models(SETTINGS, MODES, {EVERY: THIRD, "code": DEAR}, {EVERY: "medium"})
    assert models.for_mode("architect") == Choice(THIRD, "medium")
    assert models.for_mode("code") == Choice(DEAR, "medium")


def test_a_modes_own_file_counts_below_its_entry_in_the_settings_and_above_their_default() -> None:
    modes = {name: mode(name, model="openai/gpt-5", effort="max") for name in ("architect", "review")}
    models = Models(SETTINGS, modes)
    assert models.for_mode("architect") == Choice(DEAR, "high")
    assert models.for_mode("review") == Choice("openai/gpt-5", "max")


def test_modes_that_nobody_spoke_of_go_on_with_the_model_that_the_session_began_with() -> None:
    models = Models(Settings(), MODES, {"code": CHEAP})
    assert models.begin("code").model == CHEAP
    assert models.for_mode("ask").model == CHEAP


def test_where_nobody_named_a_model_a_key_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NoKey):
        Models(Settings(), MODES).for_mode("code")
    monkeypatch.setenv("OPENAI_API_KEY", "sk")
    assert Models(Settings(), MODES).for_mode("code").model.startswith("openai/")


async def test_the_wire_names_the_model_of_each_mode_there_and_back(repository: Path) -> None:
    models = ("architect=scripted/dear", "code=scripted/cheap")
    script = scenario(*(say(f"Reply {n}.") for n in range(3)))
    with playing(script, repository, mode="architect", models=models, effort=None) as play:
        table = play.session.task.models
        for name in ("architect", "code", "architect"):
            choice = table.for_mode(name)
            play.session.switch(name, choice.model, choice.effort)
            await play.session.prompt("Go on.")
        asked = [json.loads(request.raw)["model"] for request in play.provider.requests]
        assert asked == ["dear", "cheap", "dear"]


async def test_a_session_that_is_gone_on_with_keeps_its_model_in_its_mode_alone(repository: Path) -> None:
    script = scenario(say("One."))
    with playing(script, repository, mode="architect", models=("scripted/dear",)) as play:
        await play.session.prompt("Plan.")
        id = play.session.id
    settings = ('models={architect="scripted/new", code="scripted/cheap"}',)
    with playing(script, repository, resume=id, models=(), set=settings) as play:
        table = play.session.task.models
        assert table.for_mode("architect").model == "scripted/dear"
        assert table.for_mode("code").model == "scripted/cheap"

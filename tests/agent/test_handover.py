import asyncio
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from kcode.events import Condensed, ModeChanged, QuestionAsked
from kcode.messages import Prompt, ToolResult
from kcode.scripted import shared_prefix
from tests.playing import MODEL, Play, call, playing, say, scenario

PLAN = [
    call("write", path="PLAN.md", text="1. Mend cents.\n"),
    call("switch_mode", mode="code", plan="PLAN.md"),
]


async def answered(play: Play, words: str) -> str:
    """What comes of a prompt whose one question is answered by the choice that begins so."""
    work = asyncio.ensure_future(play.session.prompt("go"))
    while not play.told(QuestionAsked):
        assert not work.done(), await work
        await asyncio.sleep(0.01)
    (asked,) = play.told(QuestionAsked)
    assert asked.by == "kcode"
    answer = next((choice for choice in asked.choices if choice.startswith(words)), words)
    play.session.answer(asked.id, answer)
    return await work


def results(play: Play) -> list[ToolResult]:
    return [message for message in play.messages if isinstance(message, ToolResult)]


def options(**more: Any) -> dict[str, Any]:
    return {"mode": "architect", "someone_answers": True, "permission_mode": "edits"} | more


async def test_the_user_sees_model_and_price_of_each_way(repository: Path) -> None:
    with playing(scenario(*PLAN, say("Coded.")), repository, **options()) as play:
        await answered(play, "All that was said")
        (asked,) = play.told(QuestionAsked)
        assert "Code mode" in asked.text and MODEL in asked.text
        whole, plan, stay = asked.choices
        assert "tokens ≈ $0." in whole and "the cache holds" in whole
        assert plan.startswith("Only PLAN.md (") and "≈ $0." in plan and stay == "Stay in Architect"


async def test_all_that_was_said_goes_over_without_a_lost_cache(repository: Path) -> None:
    with playing(scenario(*PLAN, say("Coded."), match="^go"), repository, **options()) as play:
        assert await answered(play, "All that was said") == "Coded."
        assert [event.mode for event in play.told(ModeChanged)] == ["code"]
        second, third = play.provider.requests[-2:]
        assert shared_prefix(second, third) >= 0.99
        assert play.provider.invoice[-1].usage.cached > 0
        told = play.messages[-2]
        assert isinstance(told, Prompt) and told.mode == "code" and "Mode: Code" in told.notes


async def test_from_the_plan_alone_the_code_mode_begins_anew(repository: Path) -> None:
    script = scenario(*PLAN, match="^go")
    script["lanes"].append({"match": "plan to carry out", "steps": [say("Coded.")]})
    with playing(script, repository, **options()) as play:
        assert await answered(play, "Only PLAN.md") == "Coded."
        (condensed,) = play.told(Condensed)
        assert "1. Mend cents." in condensed.summary and condensed.after < condensed.before
        brief, reply = play.messages
        assert "Mode: Code" in getattr(brief, "text", "") and reply.role == "assistant"
        assert play.provider.mismatches == []


async def test_who_stays_is_told_in_the_users_words(repository: Path) -> None:
    with playing(scenario(*PLAN, say("Then I stop.")), repository, **options()) as play:
        await answered(play, "not before tests are planned")
        assert "not before tests are planned" in results(play)[-1].text
        assert play.told(ModeChanged) == [] and not results(play)[-1].ok


async def test_where_nobody_answers_it_stays_unless_everything_is_allowed(repository: Path) -> None:
    with playing(scenario(*PLAN, say("Stopped.")), repository, **options(someone_answers=False)) as play:
        await play.session.prompt("go")
        assert "Nobody is there" in results(play)[-1].text and play.told(ModeChanged) == []
    more = options(someone_answers=False, permission_mode="auto")
    with playing(scenario(*PLAN, say("Coded."), match="^go"), repository, **more) as play:
        await play.session.prompt("go")
        assert [event.mode for event in play.told(ModeChanged)] == ["code"]


async def test_a_switch_to_the_same_or_no_mode_is_refused(repository: Path) -> None:
    same, none = call("switch_mode", mode="architect"), call("switch_mode", mode="wizard")
    with playing(scenario(same, none, say("Well.")), repository, **options()) as play:
        await play.session.prompt("go")
        assert "already" in results(play)[0].text and "no mode 'wizard'" in results(play)[1].text


async def test_another_model_is_cold(repository: Path) -> None:
    more = options(models=(MODEL, "code=scripted/other"))
    script = scenario(*PLAN, say("Coded."), match="^go")
    script["prices"]["other"] = script["prices"]["model-1"]
    with playing(script, repository, **more) as play:
        await answered(play, "All that was said")
        (asked,) = play.told(QuestionAsked)
        assert "scripted/other" in asked.text and "cold" in asked.choices[0]
        assert play.provider.requests[-1].body["model"] == "other"


async def test_the_user_switches_modes_back_and_forth_without_a_cache_miss(repository: Path) -> None:
    with playing(scenario(say("A."), say("B."), say("C.")), repository, mode="code") as play:
        await play.session.prompt("one")
        for mode in ("architect", "code"):
            play.session.switch(mode, MODEL)
            await play.session.prompt(mode)
        first, second, third = play.provider.requests
        assert shared_prefix(first, second) >= 0.99 and shared_prefix(second, third) >= 0.99
        rows = play.provider.invoice
        assert all(later.usage.cached >= before.usage.input for before, later in pairwise(rows))


async def test_a_switch_in_mid_task_is_told_before_the_next_step(repository: Path) -> None:
    script = scenario(call("shell", command="sleep 0.4"), say("Done."), match="^go")
    with playing(script, repository, mode="code") as play:
        work = asyncio.ensure_future(play.session.prompt("go"))
        while not play.provider.requests:
            await asyncio.sleep(0.01)
        play.session.switch("debug", MODEL)
        await work
        told = play.messages[-2]
        assert isinstance(told, Prompt) and told.by == "kcode" and "Mode: Debug" in told.notes


@pytest.mark.parametrize("plan", [".env", "link.md", "../outside.md"])
async def test_a_plan_that_may_not_be_read_is_not_handed_over(repository: Path, plan: str) -> None:
    (repository / ".env").write_text("TOKEN=hidden\n")
    (repository / "link.md").symlink_to(".env")
    (repository.parent / "outside.md").write_text("hidden\n")
    script = scenario(call("switch_mode", mode="code", plan=plan), say("Stayed."))
    with playing(script, repository, mode="architect") as play:
        assert await play.session.prompt("go") == "Stayed."
        assert not any(b"hidden" in request.raw for request in play.provider.requests)
        assert not results(play)[-1].ok and "may not be handed over" in results(play)[-1].text

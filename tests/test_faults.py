"""Every fault of a provider ends as docs/faults.md says: its table is what these tests have seen."""

import asyncio
import email.utils
import re
import time
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any, get_args

import pytest

from kcode.errors import KcodeError, ProviderError, ProviderTrouble, Unavailable
from kcode.events import Condensed, Retrying, TaskEnded, TextArrived
from kcode.llm import transport
from kcode.memory.log import load_events, session_path
from kcode.messages import Reply, ToolResult
from kcode.scripted import ScriptedProvider
from kcode.scripted.scenario import FaultKind
from kcode.spend.row import Row
from tests.playing import (
    MODEL,
    NAME,
    WIRES,
    Play,
    WireName,
    call,
    calls,
    playing,
    say,
    scenario,
    settings_for,
)
from tests.running import ROOT, Forker, environment

Json = dict[str, Any]

DOCUMENT = ROOT / "docs" / "faults.md"
ATTEMPTS = 3
SILENCE = 0.3
SETTINGS = (f"retry.attempts={ATTEMPTS}", f"timeouts.silence={SILENCE}")
LONGEST = 10.0
"""Seconds for one session: what takes longer hangs."""

LOOK = call("read", path="README.md") | {
    "thinking": "What may this be?",
    "text": "I look into the file that says what this is.",
}
TWO_LOOKS = calls(call("read", path="README.md"), call("read", path="AGENTS.md"))
LAST = say("It is a shop.")
PLAIN = [LOOK, LAST]

FAULTS: dict[str, tuple[Json, list[Json]]] = {
    "Rate limit (429)": ({"kind": "rate_limit"}, PLAIN),
    "… that asks for a longer pause than `retry.longest_wait`": (
        {"kind": "rate_limit", "retry_after": 3600},
        PLAIN,
    ),
    "Quota used up": ({"kind": "quota"}, PLAIN),
    "No credit": ({"kind": "no_credit"}, PLAIN),
    "Server error (500)": ({"kind": "server_error"}, PLAIN),
    "Bad gateway (502)": ({"kind": "server_error", "status": 502}, PLAIN),
    "Overloaded (503, 529)": ({"kind": "overloaded"}, PLAIN),
    "More than the model's window": ({"kind": "context_overflow"}, PLAIN),
    "A key that is not accepted (401)": ({"kind": "bad_key"}, PLAIN),
    "Forbidden (403)": ({"kind": "forbidden"}, PLAIN),
    "Unknown model (404)": ({"kind": "unknown_model"}, PLAIN),
    "An error that is no JSON (400)": ({"kind": "not_json"}, PLAIN),
    "A web page for an answer": ({"kind": "html"}, PLAIN),
    "An answer without a byte": ({"kind": "empty"}, PLAIN),
    "Connection reset before the answer": ({"kind": "reset"}, PLAIN),
    "Connection reset before the first word": ({"kind": "reset_mid", "after": 0}, PLAIN),
    "Connection reset in mid-answer": ({"kind": "reset_mid", "after": 3}, PLAIN),
    "The answer ends too early": ({"kind": "eof_mid", "after": 3}, PLAIN),
    "The answer's last event is missing": ({"kind": "eof_mid", "after": 99}, PLAIN),
    "Silence before the first word": ({"kind": "stall", "after": 0}, PLAIN),
    "Silence in mid-answer": ({"kind": "stall", "after": 3}, PLAIN),
    "Only signs of life before the first word": ({"kind": "keepalive_stall", "after": 0}, PLAIN),
    "Only signs of life in mid-answer": ({"kind": "keepalive_stall", "after": 3}, PLAIN),
    "An error for the first event": ({"kind": "error_event", "after": 0}, PLAIN),
    "An error in mid-answer": ({"kind": "error_event", "after": 3}, PLAIN),
    "Broken JSON in mid-answer": ({"kind": "malformed_sse", "after": 3}, PLAIN),
    "An empty answer": ({"kind": "empty_reply"}, PLAIN),
    "A call whose arguments are cut off": ({"kind": "truncated_json"}, PLAIN),
    "Calls without ids": ({"kind": "missing_ids"}, [TWO_LOOKS, LAST]),
    "Calls with the same id": ({"kind": "duplicate_ids"}, [TWO_LOOKS, LAST]),
    "The content filter": ({"kind": "content_filter"}, [LAST]),
    "Cut at the output limit in mid-call": ({"kind": "max_tokens"}, PLAIN),
}
LEDGER = {"failed": "nothing", "estimated": "`~` an estimate", "settled": "what was told"}
"""State of the struck attempt's row -> what it costs."""


@dataclass(slots=True)
class Seen:
    """How a session went whose provider failed."""

    play: Play
    wire: WireName
    error: KcodeError | None = None
    text: str = ""
    rows: list[Row] = field(default_factory=list)

    @property
    def results(self) -> list[ToolResult]:
        return [message for message in self.play.messages if isinstance(message, ToolResult)]


def script(name: str, **where: Any) -> Json:
    fault, steps = FAULTS[name]
    return scenario(*steps) | {"faults": [fault | where]}


async def seen(script: Json, repository: Path, wire: WireName, play: Play) -> Seen:
    found = Seen(play, wire)
    async with asyncio.timeout(LONGEST):
        try:
            found.text = await play.session.prompt("what is this?")
        except KcodeError as error:
            found.error = error
    found.rows = play.started.ledger.rows(session=play.session.id)
    await asyncio.to_thread(assert_nothing_is_lost, found, repository)
    return found


def assert_nothing_is_lost(found: Seen, repository: Path) -> None:
    """The ledger has a row for each request, the session's file is whole, and nothing lies about."""
    play = found.play
    assert play.provider.mismatches == []
    assert len(found.rows) == len(play.provider.requests)
    for row, request in zip(found.rows, play.provider.requests, strict=True):
        play.provider.wait_for_end(request.number)
        assert row.charged is not None and request.micro_dollars is not None
        match row.state:
            case "failed":
                assert row.charged == request.micro_dollars == 0
            case "settled":
                assert row.charged == request.micro_dollars
            case _:
                assert row.state == "estimated" and row.charged > 0.8 * request.micro_dollars
    events, bad = load_events(session_path(play.session.id))
    assert bad == 0 and isinstance(events[-1], TaskEnded)
    assert {path.name for path in repository.iterdir()} == {".git", "AGENTS.md", "README.md", "shop", "tests"}


def at_first(found: Seen) -> str:
    if found.error:
        return "stops"
    if found.play.told(Condensed):
        return "condenses, once"
    return "tries again" if found.play.told(Retrying) else "goes on"


def in_the_end(found: Seen) -> tuple[str, str]:
    """What it says, and its exit code."""
    if found.error is None:
        return "-", "0"
    words = re.search(r"(?:scripted|The provider) (.*?)(?: \(|: |\. )", str(found.error))
    assert words and isinstance(found.error, ProviderError)
    return words[1], f"{found.error.exit_code} `provider_{found.error.trouble}`"


def line(name: str, once: Seen, always: Seen) -> str:
    """What was seen, as a row of the document's table."""
    words, code = in_the_end(always)
    return f"| {name} | {at_first(once)} | {words} | {code} | {LEDGER[once.rows[0].state]} |"


def documented() -> list[str]:
    lines = DOCUMENT.read_text().splitlines()
    start = lines.index('| What happens | kcode at first | If it stays so: "… …" | Exit code | Costs |')
    return list(takewhile(lambda line: line.startswith("|"), lines[start + 2 :]))


async def once_and_always(name: str, repository: Path, wire: WireName) -> tuple[Seen, Seen]:
    """With the fault once, and with it for ever."""
    await transport.ready()
    found = []
    for where in ({"request": 1}, {"lane": 0, "step": 0, "times": 99}):
        acted = script(name, **where)
        with playing(acted, repository, wire, set=SETTINGS) as play:
            found.append(await seen(acted, repository, wire, play))
    return found[0], found[1]


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("name", FAULTS)
async def test_a_fault_ends_as_the_document_says(name: str, wire: WireName, repository: Path) -> None:
    once, always = await once_and_always(name, repository, wire)
    assert line(name, once, always) in documented()
    assert once.error or once.text == LAST["text"]
    if isinstance(always.error, Unavailable):
        assert len(always.rows) in (1, 2, ATTEMPTS)
    elif isinstance(always.error, ProviderError):
        assert len(always.rows) == (2 if always.error.trouble == "window" else 1)


def test_the_document_knows_every_fault_and_no_other() -> None:
    assert [re.split(r" *\| *", line)[1] for line in documented()] == list(FAULTS)
    assert {fault["kind"] for fault, _ in FAULTS.values()} == set(get_args(FaultKind))


def test_the_document_names_every_trouble_that_a_program_may_meet() -> None:
    told = set(re.findall(r"`provider_(\w+)`", DOCUMENT.read_text()))
    assert told == set(get_args(ProviderTrouble))


def in_two_seconds() -> str:
    return email.utils.formatdate(time.time() + 2, usegmt=True)


WAITS: dict[str, tuple[Json, float, float]] = {
    "seconds": ({"retry_after": 0.25}, 0.25, 0.25),
    "milliseconds": ({"retry_after_ms": 250}, 0.25, 0.25),
    "both": ({"retry_after": 5, "retry_after_ms": 250}, 0.25, 0.25),
    "a date": ({"retry_after": "soon"}, 0.5, 2.0),
    "a date that is past": ({"retry_after": "Fri, 01 Jan 2016 00:00:00 GMT"}, 0.0, 0.02),
    "nonsense": ({"retry_after": "when the cows come home"}, 0.0, 0.02),
    "none": ({}, 0.0, 0.02),
}


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("kind", ["rate_limit", "overloaded"])
@pytest.mark.parametrize("asked", WAITS)
async def test_a_pause_is_as_long_as_the_provider_wishes(
    asked: str, kind: str, wire: WireName, repository: Path
) -> None:
    wish, least, most = WAITS[asked]
    if asked == "a date":
        wish = {"retry_after": in_two_seconds()}
    acted = scenario(LAST) | {"faults": [{"request": 1, "kind": kind} | wish]}
    with playing(acted, repository, wire) as play:
        await seen(acted, repository, wire, play)
        (retrying,) = play.told(Retrying)
        assert least <= retrying.wait <= most
        first, second = play.provider.requests
        assert first.ended is not None and second.arrived - first.ended >= retrying.wait


@pytest.mark.parametrize("wish", [3600, "Fri, 01 Jan 2038 00:00:00 GMT"])
async def test_a_pause_that_is_too_long_is_named_and_not_waited_for(
    wish: str | int, repository: Path
) -> None:
    acted = scenario(LAST) | {"faults": [{"request": 1, "kind": "rate_limit", "retry_after": wish}]}
    with playing(acted, repository) as play:
        found = await seen(acted, repository, "anthropic", play)
        assert isinstance(found.error, Unavailable) and "retry.longest_wait is 60 s" in str(found.error)
        assert len(found.rows) == 1


@pytest.mark.parametrize("wire", WIRES)
async def test_what_was_heard_of_a_failed_attempt_is_not_kept(wire: WireName, repository: Path) -> None:
    acted = script("Connection reset in mid-answer", request=1)
    with playing(acted, repository, wire) as play:
        await seen(acted, repository, wire, play)
        assert len(play.told(TextArrived)) > 3
        replies = [message for message in play.messages if isinstance(message, Reply)]
        assert [reply.text for reply in replies] == [LOOK["text"], LAST["text"]]


@pytest.mark.parametrize("wire", WIRES)
async def test_a_silent_provider_is_hung_up_on(wire: WireName, repository: Path) -> None:
    acted = script("Silence in mid-answer", request=1)
    with playing(acted, repository, wire, set=SETTINGS) as play:
        await seen(acted, repository, wire, play)
        silent = await asyncio.to_thread(play.provider.wait_for_hang_up, 1)
        assert silent.hung_up is not None and silent.first_byte is not None
        assert SILENCE <= silent.hung_up - silent.first_byte < SILENCE + 1


async def test_the_fallback_model_takes_over_when_all_tries_were_in_vain(repository: Path) -> None:
    acted = scenario(LAST) | {"faults": [{"lane": 0, "kind": "overloaded", "times": ATTEMPTS}]}
    with playing(acted, repository, set=SETTINGS, fallback_models=("scripted/model-2",)) as play:
        async with asyncio.timeout(LONGEST):
            assert await play.session.prompt("what is this?") == LAST["text"]
        assert [request.model for request in play.provider.requests] == [NAME] * ATTEMPTS + ["model-2"]
        assert play.told(Retrying)[-1].model == "scripted/model-2"


async def test_the_arguments_that_were_cut_off_are_a_result_that_the_model_reads(repository: Path) -> None:
    acted = script("A call whose arguments are cut off", request=1)
    with playing(acted, repository) as play:
        found = await seen(acted, repository, "anthropic", play)
        assert "no valid JSON" in found.results[0].text


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("name", ["Calls without ids", "Calls with the same id"])
async def test_calls_with_bad_ids_are_answered_each(name: str, wire: WireName, repository: Path) -> None:
    acted = script(name, request=1)
    with playing(acted, repository, wire) as play:
        found = await seen(acted, repository, wire, play)
        assert [result.ok for result in found.results] == [True, True]
        assert len({result.call_id for result in found.results}) == 2


KEY = "sk-canary-5b0c7d21e8f94a63"
CODES: dict[str, tuple[Json, int, str, str]] = {
    "a fault that passes": ({"request": 1, "kind": "overloaded"}, 0, "done", "It is a shop."),
    "one that stays": ({"lane": 0, "times": 99, "kind": "overloaded"}, 75, "provider_overloaded", "(Tried 3"),
    "an unreachable one": ({"lane": 0, "times": 99, "kind": "reset"}, 75, "provider_unreachable", "Check"),
    "a refused key": ({"request": 1, "kind": "bad_key", "echo_key": True}, 1, "provider_key", "SCRIPTED_KEY"),
    "no credit": ({"request": 1, "kind": "no_credit"}, 1, "provider_credit", "Top up"),
    "an unknown model": ({"request": 1, "kind": "unknown_model"}, 1, "provider_model", MODEL),
}


def kcode_flags(provider: ScriptedProvider, wire: WireName) -> list[str]:
    settings = (*settings_for(provider, wire), *SETTINGS)
    keyed = [one.replace('"none"', '"env:SCRIPTED_KEY"') for one in settings]
    return ["-m", MODEL, "--yolo", *(part for one in keyed for part in ("--set", one))]


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("case", CODES)
def test_the_program_ends_with_a_sentence_and_its_exit_code(
    case: str, wire: WireName, repository: Path, tmp_path: Path, forker: Forker
) -> None:
    fault, code, reason, words = CODES[case]
    home = tmp_path / "home"
    with ScriptedProvider(scenario(LAST) | {"faults": [fault]}) as provider:
        flags = kcode_flags(provider, wire)
        env = environment(home, SCRIPTED_KEY=KEY)
        shown = forker.run("run", "what is this?", *flags, cwd=repository, env=env)
        assert shown.code == code, shown.last_words
        assert words in (shown.out if code == 0 else shown.err)
    with ScriptedProvider(scenario(LAST) | {"faults": [fault]}) as provider:
        told = forker.run(
            "run", "what is this?", "--json", *kcode_flags(provider, wire), cwd=repository, env=env
        )
        assert (told.code, told.result["exit_code"], told.result["reason"]) == (code, code, reason)
        assert words in told.result["text"]
    everything = [shown.out, shown.err, told.out, told.err]
    assert not any("Traceback" in text or KEY in text for text in everything)
    files = [file for file in home.rglob("*") if file.is_file()]
    assert files and not any(KEY.encode() in file.read_bytes() for file in files)


def test_without_a_key_nothing_is_asked(repository: Path, tmp_path: Path, forker: Forker) -> None:
    with ScriptedProvider(scenario(LAST)) as provider:
        flags = kcode_flags(provider, "openai")
        done = forker.run("run", "hi", *flags, cwd=repository, env=environment(tmp_path / "home"))
        assert done.code == 2 and "SCRIPTED_KEY" in done.err and "Traceback" not in done.err
        assert provider.requests == []

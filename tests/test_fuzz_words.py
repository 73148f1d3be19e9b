"""What comes in as words: a provider's stream, a model's arguments, another program's lines."""

import asyncio
import json
import os
import random
from collections.abc import Iterator
from contextlib import suppress

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from kcode.agent.session import Session
from kcode.cli.dialogue import commands
from kcode.errors import ProviderError, ToolError
from kcode.llm import transport
from kcode.llm.deltas import Delta
from kcode.llm.transport import WireRequest
from kcode.messages import ToolCall
from kcode.scripted import ScriptedProvider
from tests.damage import WAYS, damaged
from tests.frames import Server, serving
from tests.playing import NAME, WIRES, WireName, call, playing, say, scenario
from tests.tui.conftest import start as start

EXAMPLES = int(os.environ.get("FUZZ", "40"))
PLAYED = settings(
    database=None,
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)
seeds = st.integers(0, 10**6)

# A provider's stream

STEP = call("read", path="README.md") | {
    "text": "Let me look — naïve “café” 🙂.",
    "thinking": "Hm.",
    "chunk": 9,
}


def recorded(wire: WireName) -> bytes:
    """A whole answer, as the scripted provider sends it."""
    with ScriptedProvider(scenario(STEP)) as provider:
        path, more = (
            ("/v1/messages", {"max_tokens": 99}) if wire == "anthropic" else ("/v1/chat/completions", {})
        )
        body = {"model": NAME, "stream": True, "messages": [{"role": "user", "content": "go"}], **more}
        if wire == "openai":
            body["stream_options"] = {"include_usage": True}
        return httpx.post(provider.url + path, json=body).content


@pytest.fixture(scope="module")
def whole() -> dict[WireName, bytes]:
    return {wire: recorded(wire) for wire in WIRES}


async def streamed(server: Server, wire: WireName) -> list[Delta]:
    heard: list[Delta] = []
    base = server.url if wire == "anthropic" else f"{server.url}/v1"
    request = WireRequest(
        provider="Acme",
        model=f"{wire}/{NAME}",
        messages=[{"role": "user", "content": "go"}],
        max_tokens=999,
        base_url=base,
        key=SecretStr("sk-0123456789"),
        silence=2,
    )
    await transport.stream(request, heard.append)
    return heard


@PLAYED
@given(wire=st.sampled_from(WIRES), way=st.sampled_from([w for w in WAYS if w != "folder"]), seed=seeds)
async def test_a_damaged_stream_is_an_answer_or_a_providers_error(
    wire: WireName, way: str, seed: int, whole: dict[WireName, bytes]
) -> None:
    await transport.ready()
    chance = random.Random(seed)
    data = damaged(whole[wire], chance, way)
    cuts = sorted(chance.randrange(len(data) + 1) for _ in range(chance.randrange(4)))
    frames = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    async with serving() as server:
        server.play(*frames)
        with suppress(ProviderError):
            heard = await streamed(server, wire)
            assert heard[-1].__class__.__name__ == "FinishDelta" or heard


# A model's arguments

jsons = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=30)
    | st.sampled_from(
        [
            "README.md",
            "shop",
            ".",
            "..",
            "/etc/passwd",
            "~",
            "a\0b",
            "\ud800",
            "[",
            "(?P<",
            "x" * 5000,
            "1",
            "code",
        ]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
READERS = ("read", "list", "search", "outline", "todo", "job", "memory")
NAMES = (
    "path",
    "paths",
    "pattern",
    "edits",
    "text",
    "command",
    "job",
    "offset",
    "limit",
    "todos",
    "old",
    "new",
    "mode",
    "message",
    "question",
    "choices",
    "glob",
    "from",
    "to",
    "id",
    "end",
    "all",
    "timeout",
    "background",
    "files",
    "add",
    "topic",
    "action",
    "reason",
    "plan",
    "ignore_case",
    "context",
    "depth",
    "names",
    "line",
    "lines",
    "start",
)
arguments = st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=6), jsons, max_size=4).map(
    json.dumps
) | st.text(max_size=40)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    from kcode.cli.demo import make_repository

    place = tmp_path_factory.mktemp("tools")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KCODE_HOME", str(place / "home"))
        make_repository(place / "shop")
        with playing(scenario(say("x")), place / "shop") as play:
            yield play.session


@PLAYED
@given(data=st.data())
async def test_whatever_arguments_come_a_tool_answers_or_says_what_is_wrong(
    data: st.DataObject, session: Session
) -> None:
    tools = session.task.tools
    name = data.draw(st.sampled_from(sorted(tools)))
    fields = sorted(tools[name].model_fields)
    known = st.dictionaries(st.sampled_from(fields or ["x"]), jsons, max_size=4).map(json.dumps)
    text = data.draw(known | arguments)
    with suppress(ToolError):
        tool = tools.open(ToolCall(id="c1", name=name, arguments=text))
        tool.title()
        session.permissions.decide(tool, session.task.workspace)
        await tool.preview(session.task.workspace)
        if name in READERS:
            await asyncio.wait_for(tool.run(session.task.workspace, "c1"), 20)


# Another program's lines


@PLAYED
@given(
    lines=st.lists(
        st.binary(max_size=60)
        | arguments.map(
            str.encode,
        ),
        max_size=5,
    ),
    seed=seeds,
)
async def test_lines_of_another_program_are_commands_or_skipped(lines: list[bytes], seed: int) -> None:
    good = b'{"type": "say", "text": "mend it", "task": "main"}'
    reading, writing = os.pipe()
    chance = random.Random(seed)
    sent = [
        *lines,
        damaged(good, chance, chance.choice(["cut", "flip", "garbage", "insert", "double", "deep"])),
    ]
    os.write(writing, b"\n".join(sent)[:60_000])
    os.close(writing)
    try:
        async for command in commands(reading):
            assert command.type in ("say", "answer", "cancel", "switch")
    finally:
        os.close(reading)

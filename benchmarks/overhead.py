"""What the client adds to a step, beside a bare loop around LiteLLM that does the same: same run, same provider.

Per step: from the last byte of a reply to the arrival of the next request at the server, which is another process. In
that time kcode reads a file for the model, writes the ledger and the session and syncs them to the disk; the bare loop
reads the file. Per chunk: processor time of the client for a long reply, less that for a short one.
"""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from kcode.agent.prompt import system_prompt
from kcode.cli.start import start
from kcode.llm import transport
from kcode.scripted import ScriptedProvider
from kcode.tools.tool import installed_tools
from tests.playing import NAME, WIRES, WireName, call, options_for, say, scenario

STEPS = 40
CHUNKS = 4_000
ROUNDS = 3
SHORT, LONG = "short", "long"
Json = dict[str, Any]
Who = Literal["kcode", "bare"]
WHO: tuple[Who, Who] = ("kcode", "bare")


def script() -> Json:
    read = [call("read", path="notes.txt")] * STEPS
    long = say("".join(f"{n:4}" for n in range(CHUNKS)), chunk=4)
    steps = {"steps": [*read, say("Done.")], "match": "steps"}
    lanes = [steps, {"steps": [say("x")], "match": SHORT}, {"steps": [long], "match": LONG}]
    return scenario() | {"lanes": lanes}


def measured(who: Who, wire: WireName) -> tuple[list[float], float]:
    """Milliseconds between a reply and the next request, for each step; and microseconds of processor per chunk."""
    with ScriptedProvider(script()) as provider, tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "notes.txt").write_text("a line of text\n" * 20)
        command = [sys.executable, "-m", "benchmarks.overhead", who, wire, provider.url, folder]
        environment = os.environ | {"KCODE_HOME": str(Path(folder) / "home")}
        done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
        asked = [request for request in provider.requests if request.lane == 0]
        assert len(asked) == STEPS + 1 and provider.mismatches == []
        pauses = [(following.arrived - (one.ended or 0)) * 1000 for one, following in pairwise(asked)]
        return pauses, json.loads(done.stdout)["microseconds"]


def main() -> int:
    print(f"{'per step, ms (median)':32}{'per chunk, µs of CPU':>24}")
    for wire in WIRES:
        pauses: dict[Who, list[float]] = {"kcode": [], "bare": []}
        chunks: dict[Who, list[float]] = {"kcode": [], "bare": []}
        for _ in range(ROUNDS):
            for who in WHO:
                step, chunk = measured(who, wire)
                pauses[who] += step
                chunks[who].append(chunk)
        step_of, chunk_of = ({who: statistics.median(of[who]) for who in WHO} for of in (pauses, chunks))
        for who in WHO:
            print(f"  {wire:10} {who:8} {step_of[who]:8.1f} {chunk_of[who]:24.0f}")
        print(
            f"  {wire:10} {'ratio':8} {step_of['kcode'] / step_of['bare']:8.2f} "
            f"{chunk_of['kcode'] / chunk_of['bare']:24.2f}",
            flush=True,
        )
    return 0


# The clients, each in a process of its own


async def as_kcode(wire: WireName, url: str, folder: Path) -> float:
    session_of = ScriptedProvider({})
    session_of.url = url
    started = start(options_for(session_of, folder, wire), someone_answers=False)
    with started.put_away:
        await started.session.prompt("steps")

        async def spent(prompt: str) -> float:
            before = time.process_time()
            await started.session.prompt(prompt)
            return time.process_time() - before

        return await per_chunk(spent)


async def as_bare(wire: WireName, url: str, folder: Path) -> float:
    import litellm

    litellm.suppress_debug_info = True
    base = url if wire == "anthropic" else f"{url}/v1"
    tools = list(installed_tools().schemas())
    messages: list[Json] = [{"role": "system", "content": system_prompt()}]

    async def asked() -> Any:
        stream = await litellm.acompletion(
            model=f"{wire}/{NAME}", messages=messages, tools=tools, api_base=base, api_key="none",
            stream=True, stream_options={"include_usage": True}, max_tokens=16_000, max_retries=0,
        )  # fmt: skip
        chunks = [chunk async for chunk in stream]
        message = litellm.stream_chunk_builder(chunks, messages=messages).choices[0].message
        messages.append(message.model_dump(exclude_none=True))
        return message

    messages.append({"role": "user", "content": "steps"})
    while calls := (await asked()).tool_calls:
        for one in calls:
            text = (folder / json.loads(one.function.arguments)["path"]).read_text()
            messages.append({"role": "tool", "tool_call_id": one.id, "content": text})

    async def spent(prompt: str) -> float:
        messages.append({"role": "user", "content": prompt})
        before = time.process_time()
        await asked()
        return time.process_time() - before

    return await per_chunk(spent)


async def per_chunk(spent: Callable[[str], Awaitable[float]]) -> float:
    """Microseconds of processor time."""
    short = min([await spent(SHORT) for _ in range(3)])
    return (await spent(LONG) - short) / CHUNKS * 1e6


async def client(who: Who, wire: WireName, url: str, folder: Path) -> None:
    await transport.ready()
    work = as_kcode if who == "kcode" else as_bare
    print(json.dumps({"microseconds": await work(wire, url, folder)}))


if __name__ == "__main__":
    if sys.argv[1:]:
        asyncio.run(client(sys.argv[1], sys.argv[2], sys.argv[3], Path(sys.argv[4])))  # type: ignore[arg-type]
    else:
        raise SystemExit(main())

"""The first request, in tokens: what the system prompt and the tools cost before anything was said.

Counted in the requests that really arrive, on both wires, by OpenAI's o200k_base, from the file that LiteLLM brings
along: nothing is downloaded.
"""

import asyncio
import importlib.util
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha1
from pathlib import Path
from typing import Any

from kcode.scripted import Received
from tests.playing import WIRES, WireName, playing, say, scenario

BOUND = 1_600
"""Tokens of system prompt and tools."""
ENCODING = "o200k_base"
SOURCE = f"https://openaipublic.blob.core.windows.net/encodings/{ENCODING}.tiktoken"
"""Under the hash of this address tiktoken looks for the encoding before it would download it."""
NO_MARKS = {"cache_control"}
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Count:
    """Tokens of a first request."""

    system: int
    tools: dict[str, int]
    """By name; the commas between them are counted with none."""
    whole: int
    """System prompt and tools, as they are sent."""

    @property
    def holds(self) -> bool:
        return self.whole <= BOUND


def tokenizer() -> Callable[[str], int]:
    """Counts the tokens of a text. FileNotFoundError when LiteLLM's file is not where it was."""
    encode = encoder()
    return lambda text: len(encode(text))


def encoder() -> Callable[[str], list[int]]:
    """The tokens of a text, as numbers. FileNotFoundError when LiteLLM's file is not where it was."""
    found = importlib.util.find_spec("litellm")
    if found is None or found.origin is None:
        raise FileNotFoundError("LiteLLM is not installed")
    folder = Path(found.origin).parent / "litellm_core_utils" / "tokenizers"
    if not (folder / sha1(SOURCE.encode()).hexdigest()).is_file():
        raise FileNotFoundError(f"LiteLLM has no {ENCODING} in {folder} any more")
    before = os.environ.get("TIKTOKEN_CACHE_DIR")
    os.environ["TIKTOKEN_CACHE_DIR"] = str(folder)
    try:
        import tiktoken

        encoding = tiktoken.get_encoding(ENCODING)
    finally:
        os.environ.pop("TIKTOKEN_CACHE_DIR")
        if before is not None:
            os.environ["TIKTOKEN_CACHE_DIR"] = before
    return lambda text: encoding.encode(text, disallowed_special=())


async def asked(wire: WireName) -> Received:
    """The first request of a session in an empty folder."""
    with tempfile.TemporaryDirectory() as folder, playing(scenario(say("Hm.")), Path(folder), wire) as play:
        await play.session.prompt("hi")
        return play.provider.requests[0]


def counted(request: Received) -> Count:
    tokens = tokenizer()
    body = request.body
    system = body["system"] if request.wire == "anthropic" else body["messages"][0]["content"]
    texts = [system] if isinstance(system, str) else [part["text"] for part in system]
    tools = [without_marks(tool) for tool in body["tools"]]
    by_name = {named(tool): tokens(as_sent(tool)) for tool in tools}
    prompt = sum(map(tokens, texts))
    return Count(prompt, by_name, prompt + tokens(as_sent(tools)))


def named(tool: Json) -> str:
    name: str = (tool.get("function") or tool)["name"]
    return name


def without_marks(tool: Json) -> Json:
    return {key: value for key, value in tool.items() if key not in NO_MARKS}


def as_sent(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


async def measured() -> dict[WireName, Count]:
    return {wire: counted(await asked(wire)) for wire in WIRES}


def main() -> int:
    """1 when the bound is broken."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["KCODE_HOME"] = home
        counts = asyncio.run(measured())
    names = sorted(counts["openai"].tools, key=lambda name: -counts["openai"].tools[name])
    print(f"{'tokens (' + ENCODING + ')':24}" + "".join(f"{wire:>12}" for wire in counts))
    print(f"{'system prompt':24}" + "".join(f"{count.system:12,}" for count in counts.values()))
    for name in names:
        print(f"{'  ' + name:24}" + "".join(f"{count.tools[name]:12,}" for count in counts.values()))
    print(f"{'together':24}" + "".join(f"{count.whole:12,}" for count in counts.values()))
    broken = [wire for wire, count in counts.items() if not count.holds]
    print(
        f"BROKEN on {', '.join(broken)}: the bound is {BOUND:,}."
        if broken
        else f"The bound of {BOUND:,} holds."
    )
    return 1 if broken else 0


if __name__ == "__main__":
    raise SystemExit(main())

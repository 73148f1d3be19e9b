"""The lines of a stream, before LiteLLM's parsers get them."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from kcode.errors import ProviderTrouble

Json = dict[str, Any]
FIELDS = ("data:", "event:", "id:", "retry:", ":")


class BadStream(Exception):
    """What came is no whole answer. The text is the reason, for people."""

    def __init__(self, trouble: ProviderTrouble, text: str) -> None:
        super().__init__(text)
        self.trouble: ProviderTrouble = trouble


class ErrorEvent(Exception):
    """The provider reports an error inside of the stream."""

    def __init__(self, body: Json) -> None:
        error = body["error"]
        super().__init__(error if isinstance(error, str) else json.dumps(error))
        self.body = body
        self.status_code = error.get("code") if isinstance(error, dict) else None


async def data_lines(lines: AsyncIterator[Any], look: Callable[[Json], None]) -> AsyncIterator[Any]:
    """The lines that carry JSON, of server-sent events or JSON lines, so that LiteLLM's parsers read them rightly.

    These skip broken lines, take every line with `[DONE]` in it for the end (also where a model writes these
    letters), and get lines split at U+2028 and its like, which may stand inside of JSON. What is no line of text
    is passed on.

    `look` sees the JSON first. Raises BadStream for broken JSON and for what is no such stream.
    """
    begun, has_data = "", False
    async for line in lines:
        if not isinstance(line, str):
            yield line
            continue
        is_data, is_field = line.startswith(("data:", "{")), not line or line.startswith(FIELDS)
        if begun and not is_field:
            line, is_data = f"{begun}\u2028{line}", True
        elif begun:
            raise BadStream("garbled", "the stream holds broken JSON")
        elif not (is_data or is_field or has_data):
            raise BadStream("garbled", "what came is no stream of events")
        begun = ""
        if not is_data:
            continue
        has_data = True
        payload = line.removeprefix("data:").strip()
        if payload in ("", "[DONE]"):
            continue
        try:
            value = json.loads(payload)
        except ValueError:
            begun = line
            continue
        if isinstance(value, dict):
            look(value)
            yield line.replace("[DONE]", "[\\u0044ONE]")
    if begun:
        raise BadStream("cut", "the stream ended in the middle of an event")

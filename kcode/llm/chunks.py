"""The chunks of a stream, read as deltas.

The chunks are those below LiteLLM's wrapper, which invents a finish reason and token counts where the provider
gave none, drops signatures, and costs ten times the CPU. They come in three types with the same names in them:
LiteLLM's own, the OpenAI SDK's, and plain dicts; none of them needs to be imported here.
"""

import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from kcode.errors import ProviderTrouble
from kcode.llm.deltas import (
    CallDelta,
    Delta,
    FinishDelta,
    Stop,
    Surrogates,
    TextDelta,
    ThinkingBlock,
    ThinkingDelta,
    ThinkTags,
    UsageDelta,
)
from kcode.messages import Usage

Json = dict[str, Any]

STOPS: dict[str, Stop] = {
    "stop": "end",
    "tool_calls": "calls",
    "function_call": "calls",
    "length": "length",
    "max_tokens": "length",
    "content_filter": "refused",
}
GIVEN_UP = frozenset({"error", "abort", "network_error"})
"""Finish reasons of servers that failed in the middle. LiteLLM takes them for a good end."""
BROKEN_CALLS = frozenset({"MALFORMED_FUNCTION_CALL", "MALFORMED_RESPONSE", "UNEXPECTED_TOOL_CALL"})
"""Gemini's word for an answer that it could not read itself."""
EXTRAS = ("provider_specific_fields", "extra_content")
"""Where a call carries what must go back with it: Gemini's signatures, by LiteLLM and on OpenAI's wire."""
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


@dataclass(slots=True)
class Reader:
    """Reads the chunks of one answer, in their order."""

    guesses_reasoning: bool = False
    """Whether LiteLLM counts the tokens of thinking itself, with another model's tokenizer: no fact then."""
    reports_cost: bool = False
    """Whether the provider tells the price, as OpenRouter does: elsewhere LiteLLM makes one up."""
    stop: Stop | None = None
    """Told by the provider; None: not yet."""
    has_begun: bool = False
    """Whether the provider took the request."""
    _id: str = ""
    _usage: UsageDelta | None = None
    _is_silent: bool = True
    _has_text: bool = False
    _has_calls: bool = False
    _waits_for_gemini: bool = False
    """LiteLLM gives every chunk of Gemini a finish reason: only the raw one counts."""
    _has_blocks: bool = False
    _unsigned: str = ""
    _reasoning: list[str] = field(default_factory=list)
    _details: list[Json] = field(default_factory=list)
    _tags: ThinkTags = field(default_factory=ThinkTags)
    _text: Surrogates = field(default_factory=Surrogates)
    _thought: Surrogates = field(default_factory=Surrogates)
    _arguments: Surrogates = field(default_factory=Surrogates)

    def look(self, raw: Json) -> None:
        """Takes from the provider's own JSON what LiteLLM loses. Raises BadStream and ErrorEvent."""
        if raw.get("error"):
            raise ErrorEvent(raw)
        if raw.get("type") == "message_start":
            self._id = raw["message"].get("id") or ""
        if candidates := raw.get("candidates"):
            reason = candidates[0].get("finishReason")
            if reason in BROKEN_CALLS:
                raise BadStream("garbled", f"the model ended with {reason}")
            self._waits_for_gemini = reason is None
        if (choices := raw.get("choices")) and choices[0].get("finish_reason") in GIVEN_UP:
            raise BadStream("server", "the provider gave up in the middle of the answer")

    def read(self, chunk: Any) -> Iterator[Delta]:
        """What the chunk says: often nothing."""
        self._id = self._id or _get(chunk, "id") or ""
        choices = _get(chunk, "choices") or ()
        for choice in choices[:1]:
            yield from self._delta(_get(choice, "delta"))
            self._finish(_get(choice, "finish_reason"))
        yield from self._count(_get(chunk, "usage") or (_get(choices[0], "usage") if choices else None))

    def end(self) -> Iterator[Delta]:
        """What was still held, the final usage, the finish. Raises BadStream when the answer is not whole."""
        yield from self._tags.rest()
        if self.stop is None:
            raise self._why_not_whole()
        if self._usage is not None:
            yield self._usage.model_copy(update={"is_partial": False})
        if not self._has_text and not self._has_calls and self.stop in ("end", "calls"):
            raise BadStream("empty", "the answer is empty")
        yield from self._blocks()
        natural: Stop = "calls" if self._has_calls else "end"
        yield FinishDelta(stop=natural if self.stop in ("end", "calls") else self.stop, response_id=self._id)

    def _why_not_whole(self) -> BadStream:
        if self._is_silent:
            return BadStream("empty", "no answer came")
        return BadStream("cut", "the stream ended before the answer did")

    def _finish(self, reason: str | None) -> None:
        if reason in GIVEN_UP:
            raise BadStream("server", "the provider gave up in the middle of the answer")
        if reason and not self._waits_for_gemini:
            self.stop = STOPS.get(reason, "end")

    def _delta(self, delta: Any) -> Iterator[Delta]:
        yield from self._think(delta)
        text = _get(delta, "content") or _get(delta, "refusal")
        if text and isinstance(text, str):
            for piece in self._tags.split(self._text.joined(text)):
                self._is_silent = False
                self._has_text = self._has_text or (isinstance(piece, TextDelta) and not piece.text.isspace())
                yield piece
        for call in _get(delta, "tool_calls") or ():
            self._is_silent, self._has_calls = False, True
            yield self._call(call)

    def _think(self, delta: Any) -> Iterator[Delta]:
        thought = _get(delta, "reasoning_content") or _get(delta, "reasoning")
        if thought and isinstance(thought, str):
            self._is_silent = False
            self._reasoning.append(thought)
            if shown := self._thought.joined(thought):
                yield ThinkingDelta(text=shown)
        for block in _get(delta, "thinking_blocks") or ():
            yield from self._block(_plain(block))
        for detail in _get(delta, "reasoning_details") or ():
            self._add_detail(_plain(detail))
            self._is_silent = False
        if items := _get(delta, "reasoning_items"):
            self._is_silent, self._has_blocks = False, True
            yield ThinkingBlock(
                block={"type": "reasoning_items", "reasoning_items": [_plain(i) for i in items]}
            )

    def _block(self, block: Json) -> Iterator[Delta]:
        """Thinking comes in pieces; the signature closes a block, in some versions with the whole text again."""
        self._is_silent, self._has_blocks = False, True
        if block.get("type") != "thinking":
            yield ThinkingBlock(block=block)
            return
        text, signature = block.get("thinking") or "", block.get("signature")
        whole = text if text.startswith(self._unsigned) else self._unsigned + text
        if signature:
            yield ThinkingBlock(block={"type": "thinking", "thinking": whole, "signature": signature})
        self._unsigned = "" if signature else self._unsigned + text

    def _add_detail(self, detail: Json) -> None:
        """OpenRouter's pieces of one block have the same type and index; the signature comes in the last."""
        last = self._details[-1] if self._details else {}
        if (last.get("type"), last.get("index")) != (detail.get("type"), detail.get("index")):
            self._details.append(dict(detail))
            return
        for name, value in detail.items():
            if name in ("text", "summary", "data") and isinstance(value, str):
                last[name] = (last.get(name) or "") + value
            elif value is not None:
                last[name] = value

    def _blocks(self) -> Iterator[Delta]:
        """The blocks that only the end of the answer completes."""
        if self._details:
            yield ThinkingBlock(block={"type": "reasoning_details", "reasoning_details": self._details})
        elif self._has_blocks:
            if self._unsigned and self.stop in ("end", "calls"):
                yield ThinkingBlock(block={"type": "thinking", "thinking": self._unsigned})
        elif self._reasoning:
            text = Surrogates().joined("".join(self._reasoning))
            yield ThinkingBlock(block={"type": "reasoning_content", "text": text})

    def _call(self, call: Any) -> CallDelta:
        function = _get(call, "function")
        arguments = _get(function, "arguments") or ""
        if not isinstance(arguments, str):
            arguments = json.dumps(arguments)
        extra = {name: _plain(value) for name in EXTRAS if (value := _get(call, name))}
        return CallDelta(
            index=_get(call, "index") or 0,
            id=_get(call, "id") or "",
            name=_get(function, "name") or "",
            arguments=self._arguments.joined(arguments),
            extra=extra or None,
        )

    def _count(self, raw: Any) -> Iterator[Delta]:
        told = self._usage_in(_plain(raw)) if raw else None
        if told is not None and told != self._usage:
            self._usage = told
            if self.stop is None:
                yield told

    def _usage_in(self, raw: Json) -> UsageDelta | None:
        usage = _usage(raw)
        if usage is None:
            return None
        if self.guesses_reasoning:
            usage = usage.model_copy(update={"reasoning": 0})
        reported = _reported(raw) if self.reports_cost else None
        return UsageDelta(usage=usage, reported_micro_dollars=reported, is_partial=True)


def _get(thing: Any, name: str) -> Any:
    return thing.get(name) if isinstance(thing, dict) else getattr(thing, name, None)


def _plain(thing: Any) -> Any:
    return thing if isinstance(thing, dict) else thing.model_dump()


def _usage(raw: Json) -> Usage | None:
    """Disjoint counts; None for counts that cannot be. LiteLLM's `prompt_tokens` hold the cached and stored ones.

    Where these stand: as OpenAI and LiteLLM have it, Moonshot (cached_tokens), OpenRouter (cache_write_tokens).
    """
    of_input, of_output = raw.get("prompt_tokens_details") or {}, raw.get("completion_tokens_details") or {}
    prompt, output = raw.get("prompt_tokens") or 0, raw.get("completion_tokens") or 0
    cached = (
        of_input.get("cached_tokens") or raw.get("cache_read_input_tokens") or raw.get("cached_tokens") or 0
    )
    stored = raw.get("cache_creation_input_tokens") or of_input.get("cache_creation_tokens") or 0
    stored = stored or of_input.get("cache_write_tokens") or 0
    for_an_hour = (of_input.get("cache_creation_token_details") or {}).get("ephemeral_1h_input_tokens") or 0
    reasoning = of_output.get("reasoning_tokens") or 0
    counts = (prompt, output, cached, stored, for_an_hour, reasoning)
    if not all(isinstance(n, int) and n >= 0 for n in counts) or not prompt + output:
        return None
    return Usage(
        fresh=max(0, prompt - cached - stored),
        cached=cached,
        stored=max(0, stored - for_an_hour),
        stored_1h=for_an_hour,
        output=output,
        reasoning=min(reasoning, output),
    )


def _reported(raw: Json) -> int | None:
    """What OpenRouter says it took, and what the user's own provider behind it takes besides."""
    cost = raw.get("cost")
    if not isinstance(cost, int | float) or isinstance(cost, bool) or cost < 0:
        return None
    behind = (raw.get("cost_details") or {}).get("upstream_inference_cost") if raw.get("is_byok") else 0
    return round((Decimal(str(cost)) + Decimal(str(behind or 0))) * 1_000_000)

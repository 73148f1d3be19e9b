"""The chunks of a stream, read as deltas.

The chunks are those below LiteLLM's wrapper, which invents a finish reason and token counts where the provider
gave none, drops signatures, and costs five times the CPU. They are objects of LiteLLM's or of the OpenAI SDK, with the
same names in them; neither needs to be imported here.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from kcode.llm.counts import reported_in, usage_in
from kcode.llm.deltas import (
    CallDelta,
    Delta,
    FinishDelta,
    Stop,
    Surrogates,
    TextDelta,
    ThinkTags,
    UsageDelta,
)
from kcode.llm.lines import BadStream, ErrorEvent
from kcode.llm.thoughts import Thoughts, plain, value_of

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
    _thoughts: Thoughts = field(default_factory=Thoughts)
    _tags: ThinkTags = field(default_factory=ThinkTags)
    _text: Surrogates = field(default_factory=Surrogates)
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
        self._id = self._id or value_of(chunk, "id") or ""
        choices = value_of(chunk, "choices") or ()
        for choice in choices[:1]:
            yield from self._delta(value_of(choice, "delta"))
            self._finish(value_of(choice, "finish_reason"))
        yield from self._count(
            value_of(chunk, "usage") or (value_of(choices[0], "usage") if choices else None)
        )

    def end(self) -> Iterator[Delta]:
        """What was still held, the final usage, the finish. Raises BadStream when the answer is not whole."""
        yield from self._tags.rest()
        if self.stop is None:
            raise self._why_not_whole()
        if self._usage is not None:
            yield self._usage.model_copy(update={"is_partial": False})
        if not self._has_text and not self._has_calls and self.stop in ("end", "calls"):
            raise BadStream("empty", "the answer is empty")
        yield from self._thoughts.end(self.stop)
        natural: Stop = "calls" if self._has_calls else "end"
        yield FinishDelta(stop=natural if self.stop in ("end", "calls") else self.stop, response_id=self._id)

    def _why_not_whole(self) -> BadStream:
        if self._is_silent and self._thoughts.are_none:
            return BadStream("empty", "no answer came")
        return BadStream("cut", "the stream ended before the answer did")

    def _finish(self, reason: str | None) -> None:
        if reason in GIVEN_UP:
            raise BadStream("server", "the provider gave up in the middle of the answer")
        if reason and not self._waits_for_gemini:
            self.stop = STOPS.get(reason, "end")

    def _delta(self, delta: Any) -> Iterator[Delta]:
        yield from self._thoughts.read(delta)
        text = value_of(delta, "content") or value_of(delta, "refusal")
        if text and isinstance(text, str):
            for piece in self._tags.split(self._text.joined(text)):
                self._is_silent = False
                self._has_text = self._has_text or (isinstance(piece, TextDelta) and not piece.text.isspace())
                yield piece
        for call in value_of(delta, "tool_calls") or ():
            self._is_silent, self._has_calls = False, True
            yield self._call(call)

    def _call(self, call: Any) -> CallDelta:
        function = value_of(call, "function")
        arguments = value_of(function, "arguments") or ""
        if not isinstance(arguments, str):
            arguments = json.dumps(arguments)
        extra = {name: plain(value) for name in EXTRAS if (value := value_of(call, name))}
        return CallDelta(
            index=value_of(call, "index") or 0,
            id=value_of(call, "id") or "",
            name=value_of(function, "name") or "",
            arguments=self._arguments.joined(arguments),
            extra=extra or None,
        )

    def _count(self, raw: Any) -> Iterator[Delta]:
        told = self._usage_in(plain(raw)) if raw else None
        if told is not None and told != self._usage:
            self._usage = told
            if self.stop is None:
                yield told

    def _usage_in(self, raw: Json) -> UsageDelta | None:
        usage = usage_in(raw)
        if usage is None:
            return None
        if self.guesses_reasoning:
            usage = usage.model_copy(update={"reasoning": 0})
        reported = reported_in(raw) if self.reports_cost else None
        return UsageDelta(usage=usage, reported_micro_dollars=reported, is_partial=True)

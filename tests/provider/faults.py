"""Faults: which one strikes a request, and when; and the replies it bends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import get_args

from kcode.scripted.asked import Place
from kcode.scripted.reply import Part, Reply, Stop
from kcode.scripted.scenario import ErrorKind, Fault

ERRORS = frozenset(get_args(ErrorKind))
BODIES = frozenset({"html", "not_json", "empty"})
MID = frozenset({"reset_mid", "eof_mid", "stall", "keepalive_stall", "error_event", "malformed_sse"})


class Faults:
    """The faults of a scenario, and how often those of a place have struck."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        self._faults = faults
        self._struck = [0] * len(faults)

    def take(self, number: int, place: Place | None) -> Fault | None:
        """The first fault meant for this request."""
        for index, fault in enumerate(self._faults):
            if number in numbers(fault):
                return fault
            if self._struck[index] < fault.times and is_at(fault, place):
                self._struck[index] += 1
                return fault
        return None


def numbers(fault: Fault) -> tuple[int, ...]:
    return (fault.request,) if isinstance(fault.request, int) else fault.request


def is_at(fault: Fault, place: Place | None) -> bool:
    """Whether the fault is meant for this place; a lane alone or a step alone is enough to say."""
    if place is None or numbers(fault) or (fault.lane is None and fault.step is None):
        return False
    return fault.lane in (None, place.lane) and fault.step in (None, place.step)


def is_free(fault: Fault | None) -> bool:
    """Errors are not billed, nor a reset before the headers, nor an error that opens a stream."""
    if fault is None:
        return False
    return fault.kind in ERRORS | BODIES | {"reset"} or (fault.kind == "error_event" and fault.after == 0)


def is_due(fault: Fault, number: int, is_end: bool) -> bool:
    """Whether a fault in mid-stream strikes before this delta; the latest time is the end."""
    return fault.kind in MID and (fault.after == number or (is_end and fault.after > number))


def retry_headers(fault: Fault) -> Iterator[tuple[str, str]]:
    """When to come again: seconds (or the given text, a date for one) and milliseconds."""
    if fault.retry_after is not None:
        after = fault.retry_after
        yield "retry-after", after if isinstance(after, str) else f"{after:g}"
    if fault.retry_after_ms is not None:
        yield "retry-after-ms", str(fault.retry_after_ms)


def bend(reply: Reply, fault: Fault | None) -> Reply:
    """The reply as a fault leaves it."""
    match fault.kind if fault else None:
        case "truncated_json":
            return replace(
                reply, parts=tuple(halved(part) if part.kind == "call" else part for part in reply.parts)
            )
        case "missing_ids":
            return replace(reply, parts=tuple(renamed(part, "") for part in reply.parts))
        case "duplicate_ids":
            return replace(reply, parts=tuple(renamed(part, "call_same") for part in reply.parts))
        case "empty_reply":
            return replace(reply, parts=(), stop="end")
        case "content_filter":
            return ending(reply, "refused")
        case "max_tokens":
            return ending(reply, "length")
    return reply


def ending(reply: Reply, stop: Stop) -> Reply:
    """The reply up to the middle of its last part."""
    return replace(
        reply, parts=(*reply.parts[:-1], *map(halved, reply.parts[-1:])), stop=stop, stop_word=None
    )


def halved(part: Part) -> Part:
    return replace(part, text=part.text[: len(part.text) // 2])


def renamed(part: Part, id: str) -> Part:
    return replace(part, id=id) if part.kind == "call" else part

import pytest

from kcode.events import Condensed, Event, MessageAdded, ResultsDropped, Rewound, Uncondensed
from kcode.messages import Prompt, Reply, ToolCall, ToolResult, Usage
from kcode.spend.contexts import Context


def asked(tokens: int) -> MessageAdded:
    return MessageAdded(task="main", message=Prompt(text="x" * tokens * 4))


def called(id: str, tool: str) -> MessageAdded:
    return MessageAdded(task="main", message=Reply(calls=(ToolCall(id=id, name=tool, arguments=""),)))


def came(id: str, tokens: int) -> MessageAdded:
    return MessageAdded(task="main", message=ToolResult(call_id=id, text="x" * tokens * 4))


def context(*events: Event) -> Context:
    found = Context()
    for event in events:
        found.add(event)
    return found


def sizes(found: Context) -> list[int]:
    return [piece.tokens for piece in found.pieces if not piece.is_reply]


TALK = (asked(100), called("1", "read"), came("1", 600), called("2", "shell"), came("2", 300))


def test_what_the_cache_had_is_what_came_first() -> None:
    usage = Usage(
        cached=800, stored=200, fresh=2
    )  # 1002: one of read's call, one of shell's, none of the prefix
    (read, first), (shell, second) = context(*TALK).shares(usage)
    assert (read, shell) == ("read", "shell")
    assert (first.cached, first.stored) == (600, 0) and second.cached == pytest.approx(98, abs=2)
    assert second.stored + second.fresh == pytest.approx(202, abs=2)


def test_shares_are_never_more_than_the_request() -> None:
    shares = [share for _, share in context(*TALK).shares(Usage(fresh=90))]
    assert sum(share.fresh for share in shares) == pytest.approx(90 * 900 / 1002, abs=1)
    assert list(context().shares(Usage(fresh=90))) == []


def test_it_follows_what_is_dropped_condensed_taken_back_and_forgotten() -> None:
    found = context(*TALK)
    found.add(ResultsDropped(task="main", texts={"1": "x" * 40}, before=0, after=0))
    assert sizes(found) == [100, 10, 300]
    found.add(Uncondensed(task="main"))
    assert sizes(found) == [100, 600, 300]
    found.add(Condensed(task="main", summary="x" * 80, kept=1, before=0, after=0))
    assert sizes(found) == [20, 300]
    found.add(came("9", 7))
    found.add(Uncondensed(task="main"))
    assert sizes(found) == [100, 600, 300, 7]
    found.add(Rewound(task="main", kept=3, prompts=0, unsaid=""))
    assert sizes(found) == [100, 600]


def test_large_results_are_those_that_are_old_and_not_dropped_yet() -> None:
    found = context(*TALK, called("3", "shell"), came("3", 900))
    assert [piece.tokens for piece in found.large()] == [600]
    found.add(ResultsDropped(task="main", texts={"1": "x" * 4_000}, before=0, after=0))
    assert found.large() == []

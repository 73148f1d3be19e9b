import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcode.llm.deltas import (
    CallDelta,
    Delta,
    FinishDelta,
    Heard,
    Surrogates,
    TextDelta,
    ThinkingBlock,
    ThinkingDelta,
    ThinkTags,
    UsageDelta,
)
from kcode.messages import ToolCall, Usage


def heard(*deltas: Delta) -> Heard:
    fold = Heard()
    for delta in deltas:
        fold.add(delta)
    return fold


def split(*pieces: str) -> tuple[str, str]:
    """(thinking, text)"""
    tags = ThinkTags()
    found = [part for piece in pieces for part in tags.split(piece)] + list(tags.rest())
    thinking = "".join(part.text for part in found if isinstance(part, ThinkingDelta))
    return thinking, "".join(part.text for part in found if isinstance(part, TextDelta))


def test_a_reply_is_what_was_heard() -> None:
    block = {"type": "thinking", "thinking": "hm", "signature": "s"}
    reply = heard(
        ThinkingDelta(text="hm"),
        ThinkingBlock(block=block),
        TextDelta(text="I "),
        TextDelta(text="look."),
        CallDelta(index=0, id="a", name="read"),
        CallDelta(index=0, arguments='{"path":'),
        CallDelta(index=0, arguments='"a"}'),
        UsageDelta(usage=Usage(fresh=3), is_partial=True),
        UsageDelta(usage=Usage(fresh=3, output=9), reported_micro_dollars=12),
        FinishDelta(stop="calls", response_id="r"),
    ).reply("acme/x")
    assert reply.text == "I look."
    assert reply.thinking == (block,)
    assert reply.calls == (ToolCall(id="a", name="read", arguments='{"path":"a"}'),)
    assert reply.usage == Usage(fresh=3, output=9)
    assert (reply.model, reply.stop) == ("acme/x", "calls")


def test_an_answer_without_its_end_was_cancelled() -> None:
    assert heard(TextDelta(text="hal")).reply("acme/x").stop == "cancelled"


def test_text_thinking_and_arguments_count_for_estimates() -> None:
    fold = heard(
        TextDelta(text="1234"), ThinkingDelta(text="56"), CallDelta(index=0, name="x", arguments="789")
    )
    assert fold.characters == 9


def test_counts_that_were_not_told_are_none() -> None:
    assert heard(TextDelta(text="yes"), FinishDelta(stop="end")).usage is None


def test_calls_without_ids_are_numbered() -> None:
    fold = heard(CallDelta(index=0, name="a"), CallDelta(index=1, name="b"))
    assert [call.id for call in fold.calls] == ["call_1", "call_2"]


def test_repeated_ids_are_made_unique_even_when_a_later_call_has_the_made_up_one() -> None:
    fold = heard(
        *(CallDelta(index=i, id=id, name="a") for i, id in enumerate(["call_2", "call_2", "", "call_3"]))
    )
    ids = [call.id for call in fold.calls]
    assert ids[0] == "call_2"
    assert len(set(ids)) == 4


@pytest.mark.parametrize("ids", [("a", "b"), ("", "")])
def test_a_server_that_gives_every_call_the_index_0_is_understood(ids: tuple[str, str]) -> None:
    fold = heard(
        CallDelta(index=0, id=ids[0], name="read", arguments='{"path":'),
        CallDelta(index=0, arguments='"a"}'),
        CallDelta(index=0, id=ids[1], name="read", arguments="{}"),
    )
    assert [call.arguments for call in fold.calls] == ['{"path":"a"}', "{}"]


def test_an_id_repeated_with_each_piece_opens_no_new_call() -> None:
    fold = heard(*(CallDelta(index=0, id="a", name="read", arguments=piece) for piece in ("{", "}")))
    assert [call.arguments for call in fold.calls] == ["{}"]


def test_what_belongs_to_a_call_is_kept() -> None:
    extra = {"provider_specific_fields": {"thought_signature": "s"}}
    assert heard(CallDelta(index=0, id="a", name="read", extra=extra)).calls[0].extra == extra


@pytest.mark.parametrize(
    ("said", "thinking", "text"),
    [
        ("<think>hm</think>\n\nyes", "hm", "yes"),
        ("\n<think>hm</think>yes", "hm", "yes"),
        ("<think>never closed", "never closed", ""),
        ("<think></think>yes", "", "yes"),
        ("a < b and <think> is a tag</think>", "", "a < b and <think> is a tag</think>"),
        ("<thin air", "", "<thin air"),
        ("<thi", "", "<thi"),
        ("<think>a < b </th> c</think>yes", "a < b </th> c", "yes"),
        ("<think>a</think>b<think>c</think>", "a", "b<think>c</think>"),
    ],
)
def test_thinking_in_tags_is_split_off_however_it_is_cut(said: str, thinking: str, text: str) -> None:
    assert split(said) == (thinking, text)
    assert split(*said) == (thinking, text)
    for place in range(len(said)):
        assert split(said[:place], said[place:]) == (thinking, text)


@given(st.lists(st.sampled_from(["<think>", "</think>", "<", "/", "think", ">", "a", " ", "\n"])))
def test_pieces_are_split_as_the_whole_would_be(pieces: list[str]) -> None:
    said = "".join(pieces)
    thinking, _, text = said.lstrip().removeprefix("<think>").partition("</think>")
    has_thought = said.lstrip().startswith("<think>")
    assert split(*pieces) == ((thinking, text.lstrip("\n")) if has_thought else ("", said))


def test_halves_of_a_character_are_joined_and_lone_ones_replaced() -> None:
    halves = Surrogates()
    assert [halves.joined(t) for t in ("a\ud83d", "\ude00b", "\udc00", "\ud800", "c")] == [
        "a",
        "😀b",
        "\ufffd",
        "",
        "\ufffdc",
    ]


@given(st.text())
def test_text_passes_whole_however_it_is_cut(text: str) -> None:
    units = [chr(unit) for unit in memoryview(text.encode("utf-16-le")).cast("H")]
    halves = Surrogates()
    assert "".join(halves.joined(unit) for unit in units) == text

"""The cache without a network, against numbers computed by hand. Blocks here are tokens of four bytes."""

from __future__ import annotations

from itertools import count

import pytest

from kcode.scripted.blocks import Block, Mark, block, shared
from kcode.scripted.cache import Cache, Clock
from kcode.scripted.invoice import Usage
from kcode.scripted.scenario import CacheRules

ME = ("model", "key")


def blocks(*sizes: int | tuple[int, Mark], salt: str = "") -> list[Block]:
    """Blocks of so many tokens; a pair is a marked one. Equal positions and salts make equal bytes."""
    made = []
    for at, size in zip(count(), sizes, strict=False):
        tokens, mark = size if isinstance(size, tuple) else (size, None)
        made.append(Block(f"{salt}{at}".ljust(tokens * 4, "x").encode(), mark))
    return made


def cache(**rules: object) -> Cache:
    return Cache(CacheRules.model_validate({"min_tokens": 100, **rules}), Clock())


def ask(
    cache: Cache, made: list[Block], owner: tuple[str, ...] = ME, kind: str = "explicit"
) -> tuple[int, ...]:
    """Reads and writes at once: fresh, cached, stored, stored_1h."""
    found = cache.read(kind, owner, made)  # type: ignore[arg-type]
    cache.write(found)
    return numbers(found.usage)


def numbers(usage: Usage) -> tuple[int, ...]:
    return (usage.fresh, usage.cached, usage.stored, usage.stored_1h)


def test_explicit_store_then_read_then_grow() -> None:
    it = cache()
    assert ask(it, blocks(100, (50, "5m"), 30)) == (30, 0, 150, 0)
    assert ask(it, blocks(100, (50, "5m"), 30)) == (30, 150, 0, 0)
    assert ask(it, blocks(100, 50, 30, (20, "5m"))) == (0, 150, 50, 0)
    assert ask(it, blocks(100, 50, 30, 20, 7)) == (207, 0, 0, 0)


def test_explicit_marks_of_two_lifetimes() -> None:
    it = cache()
    assert ask(it, blocks((100, "1h"), (50, "5m"), 30)) == (30, 0, 50, 100)
    it.clock.advance(301)
    assert ask(it, blocks((100, "1h"), (50, "5m"), 30)) == (30, 100, 50, 0)
    it.clock.advance(3601)
    assert ask(it, blocks((100, "1h"), (50, "5m"), 30)) == (30, 0, 50, 100)


def test_explicit_minimum() -> None:
    it = cache()
    assert ask(it, blocks((99, "5m"), 1)) == (100, 0, 0, 0)
    assert ask(it, blocks((99, "5m"), (1, "5m"))) == (0, 0, 100, 0)
    assert ask(it, blocks((99, "5m"), (1, "5m"))) == (0, 100, 0, 0)


@pytest.mark.parametrize(("between", "read"), [(19, 200), (20, 0)])
def test_explicit_look_back_counts_the_mark_itself(between: int, read: int) -> None:
    it = cache()
    ask(it, blocks((200, "5m")))
    later = blocks(200, *[1] * (between - 1), (1, "5m"))
    assert ask(it, later) == (0, read, 200 + between - read, 0)


def test_explicit_hit_refreshes_and_time_ends_it() -> None:
    it = cache()
    prompt = blocks((200, "5m"))
    ask(it, prompt)
    for _ in range(3):
        it.clock.advance(299)
        assert ask(it, prompt) == (0, 200, 0, 0)
    it.clock.advance(301)
    assert ask(it, prompt) == (0, 0, 200, 0)


def test_explicit_hit_of_a_later_mark_keeps_the_earlier_entry_alive() -> None:
    it = cache()
    both = blocks((200, "5m"), (10, "5m"))
    ask(it, both)
    it.clock.advance(200)
    assert ask(it, both) == (0, 210, 0, 0)
    it.clock.advance(200)
    assert ask(it, [*both[:1], *blocks(0, (10, "5m"), salt="other")[1:]]) == (0, 200, 10, 0)


def test_a_longer_lifetime_is_not_to_be_had_for_nothing() -> None:
    it = cache()
    ask(it, blocks((200, "5m")))
    assert ask(it, blocks((200, "1h"))) == (0, 200, 0, 0)
    it.clock.advance(301)
    assert ask(it, blocks((200, "1h"))) == (0, 0, 0, 200)


def test_a_change_in_front_loses_everything_behind() -> None:
    it = cache()
    ask(it, blocks(100, 100, (100, "5m")))
    assert ask(it, [*blocks(100, salt="new"), *blocks(0, 100, (100, "5m"))[1:]]) == (0, 0, 300, 0)


@pytest.mark.parametrize("owner", [("other model", "key"), ("model", "other key")])
@pytest.mark.parametrize("kind", ["explicit", "automatic"])
def test_nobody_reads_what_others_stored(owner: tuple[str, ...], kind: str) -> None:
    it = cache(chunk=100)
    prompt = blocks((200, "5m"))
    ask(it, prompt, kind=kind)
    assert ask(it, prompt, owner, kind)[1] == 0
    assert ask(it, prompt, kind=kind)[1] == 200


@pytest.mark.parametrize("kind", ["explicit", "automatic"])
def test_two_at_once_both_store(kind: str) -> None:
    it = cache(chunk=100)
    prompt = blocks((200, "5m"))
    first, second = it.read(kind, ME, prompt), it.read(kind, ME, prompt)  # type: ignore[arg-type]
    it.write(first)
    it.write(second)
    assert first.usage == second.usage and second.usage.cached == 0
    assert ask(it, prompt, kind=kind)[1] == 200


def test_automatic_reads_whole_chunks() -> None:
    it = cache(min_tokens=1024)
    assert ask(it, blocks(1000, 200), kind="automatic") == (1200, 0, 0, 0)
    assert ask(it, blocks(1000, 200, 500), kind="automatic") == (548, 1152, 0, 0)
    changed = [*blocks(1000), *blocks(0, 700, salt="new")[1:]]
    assert ask(it, changed, kind="automatic") == (1700, 0, 0, 0)
    it.clock.advance(301)
    assert ask(it, blocks(1000, 200), kind="automatic") == (1200, 0, 0, 0)


def test_automatic_divergence_inside_a_block() -> None:
    it = cache(min_tokens=128)
    ask(it, [Block(b"a" * 4 * 1000)], kind="automatic")
    assert ask(it, [Block(b"a" * 4 * 300 + b"b" * 4 * 700)], kind="automatic") == (744, 256, 0, 0)


def test_without_a_cache_everything_is_fresh() -> None:
    it = cache()
    assert (
        ask(it, blocks((200, "5m")), kind="none")
        == ask(it, blocks((200, "5m")), kind="none")
        == (200, 0, 0, 0)
    )


def test_marks_are_found_and_are_no_part_of_the_text() -> None:
    mark = {"cache_control": {"type": "ephemeral"}}
    plain = block({"type": "text", "text": "hi"}, role="user")
    assert plain.data == b'{"role":"user","content":{"type":"text","text":"hi"}}' and plain.tokens == 14
    assert block({"type": "text", "text": "hi", **mark}, role="user") == Block(plain.data, "5m")
    inside = {
        "type": "tool_result",
        "content": [{"type": "text", "text": "x", "cache_control": {"ttl": "1h"}}],
    }
    assert block(inside).mark == "1h" and b"cache" not in block(inside).data
    assert block({"type": "function", "function": {"name": "f", **mark}}).mark == "5m"
    assert b"cache_control" in block({"type": "tool_use", "input": mark}).data


def test_shared() -> None:
    assert shared(blocks(10, 10), blocks(10, 10, 5)) == 1
    assert shared([Block(b"abcd")], [Block(b"ab"), Block(b"xd")]) == 0.5
    assert shared([Block(b"abcd")], [Block(b"abc")]) == 0.75
    assert shared([], blocks(1)) == 1

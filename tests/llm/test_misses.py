"""Why the cache was missed, as the simulated cache of the scripted provider has it: every cause happens for real."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from kcode.events import CacheMissed
from kcode.llm.client import Client
from kcode.llm.fingerprint import Block, Fingerprint, parsed
from kcode.llm.misses import Asked, Cause, Miss, explained, misses_of
from kcode.llm.request import Request
from kcode.llm.watch import readable
from kcode.messages import Prompt, Reply, ToolCall, ToolResult, Usage
from tests.playing import MODEL, Play, call, playing, say, scenario

WORDS = "a sentence that is long enough to be cached. " * 150
"""About 1,700 tokens."""


@dataclass(slots=True)
class Bench:
    """A client that talks to the provider, request by request."""

    play: Play
    client: Client
    messages: list[Any] = field(default_factory=lambda: [Prompt(text=f"say: {WORDS}")])
    terms: dict[str, Any] = field(default_factory=dict)
    told: list[Any] = field(default_factory=list)

    async def ask(self, *more: Any, **terms: Any) -> None:
        self.messages += more
        self.terms |= terms
        plain: dict[str, Any] = {"system": "You are kcode.", "model": MODEL, "max_tokens": 100, "tools": ()}
        said = Request(
            session=self.play.session.id, root="/r", task="main", mode="code",
            messages=tuple(self.messages), **plain | self.terms,
        )  # fmt: skip
        reply = await self.client.ask(said, self.told.append)
        self.messages.append(reply)

    @property
    def misses(self) -> list[CacheMissed]:
        return [event for event in self.told if isinstance(event, CacheMissed)]

    @property
    def causes(self) -> list[Cause | None]:
        """Of every request, as the ledger tells it afterwards."""
        facts = self.client.catalog.model(MODEL)
        traces = self.play.started.ledger.traces(self.play.session.id)
        found = [one for _, _, one in readable(traces) if one]
        misses = misses_of(found, facts.cache, facts.cache_min_tokens, facts.price)
        return [None if miss is None else miss.cause for miss in misses]


@contextmanager
def bench(root: Path, **more: Any) -> Iterator[Bench]:
    lanes = scenario(*[say(f"reply {n}") for n in range(40)], match="say:", **more)
    with playing(lanes, root) as play:
        yield Bench(play, play.session.task.client)


def tool(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "description": WORDS, "parameters": {}}}


async def wait_out(of: Bench) -> None:
    """The provider's clock goes on, and so does the time that kcode remembers."""
    of.play.provider.clock.advance(400)
    before = of.client.watch.before((of.play.session.id, "main"))
    assert before is not None
    of.client.watch._last[of.play.session.id, "main"] = before.model_copy(
        update={"ended": before.ended - 400}
    )


async def test_the_first_request_and_all_that_follow_in_time_are_no_misses(tmp_path: Path) -> None:
    with bench(tmp_path) as of:
        for n in range(5):
            await of.ask(Prompt(text=f"and {n}"))
        assert of.misses == []
        assert of.causes == ["first", None, None, None, None]


async def test_a_short_conversation_is_not_cached_and_that_costs_nothing(tmp_path: Path) -> None:
    with bench(tmp_path) as of:
        of.messages = [Prompt(text="say: a little")]
        await of.ask()
        await of.ask(Prompt(text="more"))
        assert of.misses == []
        assert of.causes == ["first", "short"]


@pytest.mark.parametrize(
    ("cause", "change"),
    [
        ("tools", {"tools": (tool("other"),)}),
        ("system", {"system": "You are somebody else."}),
        ("rules", {"project": "The rules are others now."}),
        ("model", {"model": "scripted/model-2"}),
    ],
)
async def test_what_changes_before_the_conversation_loses_all_of_it(
    cause: Cause, change: dict[str, Any], tmp_path: Path
) -> None:
    with bench(tmp_path) as of:
        await of.ask(tools=(tool("one"),), project="The rules.")
        await of.ask(Prompt(text="more"), **change)
        await of.ask(Prompt(text="and more"))
        assert of.causes == ["first", cause, None], "it is cached again"
        assert [(miss.cause, miss.tokens > 1_000) for miss in of.misses] == [(cause, True)] * len(of.misses)
        assert len(of.misses) == (0 if cause == "model" else 1), "the other model has no price"


async def test_a_pause_longer_than_the_cache_lives_is_named_with_its_price(tmp_path: Path) -> None:
    with bench(tmp_path) as of:
        await of.ask()
        await wait_out(of)
        await of.ask(Prompt(text="back again"))
        (miss,) = of.misses
        assert miss.cause == "expired" and "7 min" in miss.text
        received = of.play.provider.requests[-1]
        dearer = (received.usage.stored * 3.75 / received.usage.stored) - 0.30
        assert miss.micro_dollars == round(miss.tokens * dearer)


async def test_a_provider_that_forgets_for_no_reason_is_named(tmp_path: Path) -> None:
    with bench(tmp_path) as of:
        await of.ask()
        of.play.provider.clock.advance(400)
        await of.ask(Prompt(text="at once"))
        assert [miss.cause for miss in of.misses] == ["lost"]


def replaced(of: Bench, at: int, text: str) -> None:
    of.messages[at] = of.messages[at].model_copy(update={"text": text})


async def test_a_condensed_conversation_is_named(tmp_path: Path) -> None:
    with bench(tmp_path) as of:
        await of.ask()
        await of.ask(Prompt(text=f"go on {WORDS}"))
        of.messages = [Prompt(text=f"<summary>\nsay: {WORDS}</summary>")]
        await of.ask()
        assert of.causes[-1] == "condensed"


async def test_a_dropped_result_is_named(tmp_path: Path) -> None:
    with bench(tmp_path) as of:
        called = Reply(text="", calls=(ToolCall(id="c1", name="read", arguments="{}"),), model=MODEL)
        of.messages += [called, ToolResult(call_id="c1", text=WORDS)]
        await of.ask(Prompt(text=f"now {WORDS}"))
        replaced(of, 2, "[Dropped to save context: …]")
        await of.ask(Prompt(text="more"))
        assert of.causes[-1] == "dropped"


async def test_a_rewound_conversation_is_named(tmp_path: Path) -> None:
    with bench(tmp_path) as of:
        await of.ask()
        await of.ask(Prompt(text=f"a way {WORDS}"))
        await of.ask(Prompt(text=f"on {WORDS}"))
        of.messages = of.messages[:2]
        await of.ask(Prompt(text=f"another way {WORDS}"))
        assert of.causes[-1] == "rewound"


async def test_something_said_earlier_that_was_changed_is_named(tmp_path: Path) -> None:
    with bench(tmp_path) as of:
        await of.ask()
        replaced(of, 0, f"say: otherwise {WORDS}")
        await of.ask(Prompt(text="more"))
        assert of.causes[-1] == "changed"


async def test_two_requests_side_by_side_both_pay(tmp_path: Path) -> None:
    with bench(tmp_path) as of:
        await of.ask()
        traces = of.play.started.ledger.traces(of.play.session.id)
        ((_, _, before),) = readable(traces)
        assert before is not None and before.first_token is not None
        beside = before.model_copy(
            update={"started": before.first_token - 0.001, "usage": Usage(stored=5_000)}
        )
        facts = of.client.catalog.model(MODEL)
        miss = explained(before, beside, facts.cache, 1024, facts.price)
        assert miss is not None and miss.cause == "beside"


# What the simulated cache does not know of, or no session can bring about: pure

BLOCKS = (Block(kind="tools", hash="t", bytes=9), Block(kind="system", hash="s", bytes=9))


def request(**more: Any) -> Asked:
    plain: dict[str, Any] = {
        "model": "a/one", "print": Fingerprint(blocks=BLOCKS), "usage": Usage(stored=9_000),
        "started": 0.0, "first_token": 1.0, "ended": 2.0,
    }  # fmt: skip
    return Asked(**plain | more)


def after(**more: Any) -> Miss:
    miss = explained(request(), request(started=3.0, **more), "explicit", 1024, None)
    assert miss is not None
    return miss


def longer(count: int, **more: Any) -> Fingerprint:
    added = tuple(Block(kind="result", hash=str(n), bytes=9, **more) for n in range(count))
    return Fingerprint(blocks=(*BLOCKS, *added))


@pytest.mark.parametrize(
    ("cause", "terms"),
    [
        ("provider", {"model": "b/one"}),
        ("model", {"model": "a/two"}),
        ("key", {"print": Fingerprint(blocks=BLOCKS, key="other")}),
        ("effort", {"print": Fingerprint(blocks=BLOCKS, effort="high")}),
        ("life", {"print": Fingerprint(blocks=BLOCKS, life="1h")}),
        ("look_back", {"print": longer(21)}),
        ("images", {"print": longer(1, images=1)}),
        ("lost", {"print": longer(2)}),
    ],
)
def test_terms_that_differ_are_named(cause: Cause, terms: dict[str, Any]) -> None:
    assert after(**terms).cause == cause


def test_pictures_that_come_into_an_old_message_are_named() -> None:
    plain, pictured = (Block(kind="prompt", hash=str(count), bytes=9, images=count) for count in (0, 1))
    before = request(print=Fingerprint(blocks=(*BLOCKS, plain)))
    now = request(print=Fingerprint(blocks=(*BLOCKS, pictured)), started=3.0)
    miss = explained(before, now, "explicit", 1024, None)
    assert miss is not None and miss.cause == "images"


def test_a_miss_without_a_price_has_an_unknown_cost_and_is_not_told() -> None:
    miss = after(print=longer(2))
    assert miss.micro_dollars is None
    assert not miss.is_worth_saying(None)


@pytest.mark.parametrize(
    ("cost", "charged", "is_said"), [(999, 100_000, False), (1_000, 100_000, True), (200, 1_900, True)]
)
def test_a_miss_is_told_from_a_tenth_of_a_cent_or_of_the_request(
    cost: int, charged: int, is_said: bool
) -> None:
    assert Miss(cause="lost", tokens=1, micro_dollars=cost).is_worth_saying(charged) is is_said


def test_a_provider_without_a_cache_misses_nothing() -> None:
    assert explained(request(), request(), "none", None, None) is None


def test_a_fingerprint_is_read_back_from_its_text_and_an_old_one_is_none() -> None:
    print = Fingerprint(blocks=(*BLOCKS, Block(kind="prompt", hash="ab", bytes=5, images=2)), effort="high")
    assert parsed(print.text()) == print
    longer = print.model_copy(update={"blocks": (*print.blocks, Block(kind="reply", hash="cd", bytes=7))})
    assert longer.text(print).endswith("| =3 reply:cd:7")
    assert parsed(longer.text(print), print) == longer
    assert parsed(longer.text(print)) is None
    assert parsed("1a2b3c4d 5e6f7a8b") is None
    assert parsed("") is None


async def test_a_miss_of_a_real_session_is_an_event_and_is_remembered_by_the_next_process(
    repository: Path,
) -> None:
    script = scenario(*[call("read", path="README.md")] * 3, say("done"), match="go")
    with playing(script, repository) as play:
        play.session.task.system = WORDS
        await play.session.prompt("go")
        play.session.task.system = WORDS + "!"
        await play.session.prompt("go")
        (miss,) = play.told(CacheMissed)
        assert miss.cause == "system"
        other = Client(
            play.session.task.client.settings, play.session.task.client.catalog, play.started.ledger
        )
        before = other.watch.before((play.session.id, "main"))
        assert before is not None and before.print.blocks[1].kind == "system"

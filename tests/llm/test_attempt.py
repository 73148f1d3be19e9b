import asyncio
import json
import re
from pathlib import Path

import pytest

from kcode import settings
from kcode.errors import OverBudget, ProviderError
from kcode.events import Event, Noticed, Spent
from kcode.llm.catalog import Catalog
from kcode.llm.client import Client
from kcode.messages import Prompt, Reply, ToolCall, ToolResult
from kcode.spend.ledger import Ledger
from kcode.spend.limits import Limit
from tests.asking import asked, asking, script
from tests.frames import serving, sse

LONG = {"text": "word " * 2000}
"""About 2,500 tokens."""


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite3"


def held_to(micro_dollars: int) -> tuple[Limit, ...]:
    return (Limit(scope="session", micro_dollars=micro_dollars),)


async def test_a_reply_is_shortened_to_what_the_budget_pays_for(ledger: Path) -> None:
    with asking(script(LONG), ledger) as play:
        reply = await play.ask(limits=held_to(30_000))  # 2,000 tokens of output at $15 per million
        (noticed,) = play.told(Noticed)
        found = re.search(r"room for a reply of ([\d,]+) tokens, not of 4,000", noticed.text)
        assert found
        allowed = int(found[1].replace(",", ""))
        assert 1_900 < allowed < 2_000
        assert json.loads(play.provider.requests[0].raw)["max_tokens"] == allowed
        assert reply.stop == "length"
        assert play.provider.total <= 30_000


async def test_what_is_too_little_for_a_useful_reply_is_not_spent(ledger: Path) -> None:
    with asking(script(LONG), ledger) as play:
        with pytest.raises(OverBudget) as refused:
            await play.ask(limits=held_to(15_000))  # less than 1,024 tokens of output
        assert (refused.value.scope, refused.value.left, refused.value.may_fit_later) == (
            "session",
            15_000,
            False,
        )
        assert refused.value.needed is not None and refused.value.needed > 60_000
        assert play.provider.requests == []


async def test_the_least_useful_reply_is_a_setting(ledger: Path) -> None:
    with asking(script({"text": "Short."}), ledger, "budget.least_output=10") as play:
        assert (await play.ask(limits=held_to(5_000))).text == "Short."


async def test_the_narrowest_budget_decides(ledger: Path) -> None:
    wide = Limit(scope="month", micro_dollars=10_000_000)
    narrow = Limit(scope="request", micro_dollars=1_000)
    with asking(script(LONG), ledger) as play:
        with pytest.raises(OverBudget, match=r"\$0.0010 of the \$0.0010 for a request is left") as refused:
            await play.ask(limits=(wide, narrow))
        assert refused.value.scope == "request"


async def test_one_waits_for_what_another_may_leave_over(ledger: Path) -> None:
    slow = {"text": "Done.", "first_delay": 0.5}
    with asking(script(slow), ledger) as play:
        both = await asyncio.gather(*(play.ask(limits=held_to(70_000)) for _ in range(2)))
        assert [reply.text for reply in both] == ["Done.", "Done."]
        waits = [event.text for event in play.told(Noticed) if event.text.startswith("Waits for requests")]
        assert len(waits) == 1
        assert play.provider.total <= 70_000
        first, second = play.provider.requests
        assert first.ended is not None and second.arrived >= first.ended


ROUTER = (
    'providers.openrouter={base_url="URL/api/v1", key="env:ROUTER_KEY"}',
    'prices."openrouter/acme/x"={input=3, output=15}',
)


async def test_a_provider_that_takes_more_than_its_list_says_is_told_once(
    ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROUTER_KEY", "k" * 20)
    played = script({"text": "Done."}, openrouter_cost=True)
    played["prices"] = {"acme/x": {"input": "6", "output": "30"}}
    with asking(played, ledger, *ROUTER, wire="openai") as play:
        for _ in range(2):
            await play.ask(model="openrouter/acme/x")
        told = [event.text for event in play.told(Noticed)]
        assert len(told) == 1 and "OpenRouter took" in told[0]
        billed = [row.micro_dollars for row in play.provider.invoice]
        assert [spent.spend.micro_dollars for spent in play.told(Spent)] == billed


async def test_under_a_budget_a_router_may_ask_no_dearer_provider(
    ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROUTER_KEY", "k" * 20)
    played = script({"text": "Done."})
    played["prices"] = {"acme/x": {"input": "3", "output": "15"}}
    with asking(played, ledger, *ROUTER, wire="openai") as play:
        await play.ask(model="openrouter/acme/x", limits=held_to(1_000_000))
        await play.ask(model="openrouter/acme/x")
        limited, free = (json.loads(request.raw) for request in play.provider.requests)
        assert limited["provider"] == {"max_price": {"prompt": 3.0, "completion": 15.0}}
        assert "provider" not in free


@pytest.mark.parametrize(
    ("messages", "reads"),
    [
        ([Prompt(text="go")], "prompt"),
        ([Prompt(text="go", by="kcode")], ""),
        (
            [
                Prompt(text="go"),
                Reply(calls=(ToolCall(id="1", name="read"), ToolCall(id="2", name="shell"))),
                ToolResult(call_id="2", text="b"),
                ToolResult(call_id="1", text="a"),
            ],
            "shell,read",
        ),
        ([Prompt(text="go"), Reply(text="Done."), Prompt(text="and now?")], "prompt"),
    ],
)
def test_a_request_knows_what_is_new_in_it(messages: list[Prompt | Reply | ToolResult], reads: str) -> None:
    assert asked(messages).reads == reads
    assert asked(messages, purpose="title").reads == ""


async def test_a_server_that_sends_without_an_end_is_left(ledger: Path) -> None:
    told: list[Event] = []
    book = Ledger(ledger)
    async with serving() as server:
        server.play(*[sse({"choices": [{"index": 0, "delta": {"content": "x" * 50_000}}]})] * 30)
        wire = f'providers.scripted={{wire="openai", base_url="{server.url}/v1", key="none"}}'
        chosen = settings.load([], (wire,))
        with pytest.raises(ProviderError, match="without an end") as left:
            await Client(chosen, Catalog(chosen), book).ask(asked([Prompt(text="go")]), told.append)
    book.close()
    assert left.value.trouble == "request" and len(server.bodies) == 1
    assert [event.spend.state for event in told if isinstance(event, Spent)] == ["estimated"]

from decimal import Decimal
from pathlib import Path

from kcode.events import (
    CacheKept,
    CacheMissed,
    MessageAdded,
    Purpose,
    Retrying,
    Spend,
    SpendState,
    Spent,
    TaskStarted,
)
from kcode.llm.catalog import Catalog
from kcode.messages import Reply, ToolCall, ToolResult, Usage
from kcode.settings import Price
from kcode.spend.bill import Bill
from kcode.spend.prices import PriceRow, price_from_settings
from tests.playing import MODEL, call, playing, say, scenario

PRICE = price_from_settings(
    Price(input=Decimal(3), output=Decimal(15), cached=Decimal("0.3"), stored=Decimal("3.75")), surcharge=True
)
NOTHING = Usage()


def price_of(model: str) -> PriceRow | None:
    return PRICE if model == "a/b" else None


def spent(
    money: int | None,
    usage: Usage = NOTHING,
    task: str = "main",
    state: SpendState = "settled",
    purpose: Purpose = "chat",
) -> Spent:
    spend = Spend(usage=usage, micro_dollars=money, state=state)
    return Spent(task=task, request="r", purpose=purpose, mode="code", model="a/b", spend=spend)


def called(*tools: str, output: int = 0, letters: int = 0, text: str = "") -> MessageAdded:
    calls = tuple(ToolCall(id=tool, name=tool, arguments="x" * (letters - len(tool))) for tool in tools)
    return MessageAdded(
        task="main", message=Reply(calls=calls, text=text, model="a/b", usage=Usage(output=output))
    )


def came(tool: str, tokens: int = 0, ok: bool = True) -> MessageAdded:
    return MessageAdded(task="main", message=ToolResult(call_id=tool, text="x" * tokens * 4, ok=ok))


def bill(*events: MessageAdded | Spent | Retrying | CacheMissed | CacheKept | TaskStarted) -> Bill:
    found = Bill()
    for event in events:
        found(event)
    return found


RETRY = Retrying(task="main", attempt=1, wait=0, model="a/b", reason="overloaded")


def test_a_tool_costs_what_it_said_and_what_its_results_are_with_every_step() -> None:
    found = bill(
        spent(0),
        called("read", output=100, letters=100, text="x" * 100),
        came("read", 1_000),
        spent(0, Usage(stored=1_100)),
        called("edit"),
        came("edit"),
        spent(0, Usage(cached=1_200)),
    )
    read, edit = found.tools(price_of)
    assert (read.name, read.calls, read.tokens) == ("read", 1, 2_000)
    assert read.micro_dollars == 50 * 15 + 1_000 * 3.75 + 1_000 * 0.3
    assert (edit.name, edit.micro_dollars) == ("edit", 0)


def test_what_a_model_without_a_price_did_is_unknown() -> None:
    (read,) = bill(spent(0), called("read", output=9)).tools(lambda model: None)
    assert read.micro_dollars is None


def test_tasks_have_their_money_and_titles() -> None:
    found = bill(
        TaskStarted(task="1", parent="main", mode="ask", model="a/b", project="", title="Look"),
        spent(5, task="1"),
        spent(7),
    )
    assert {task: total.micro_dollars for task, total in found.tasks.items()} == {"1": 5, "main": 7}
    assert found.titles["1"] == "Look"


def test_overhead_is_what_was_no_talk_and_what_was_tried_again() -> None:
    found = bill(
        spent(3, purpose="title"), spent(4, purpose="keepalive"), spent(5, state="estimated"), RETRY, spent(9)
    )
    assert {name: total.micro_dollars for name, total in found.overhead.items()} == {
        "titles": 3,
        "pings": 4,
        "retries": 5,
    }
    assert found.wasted == {}


def test_a_failed_edit_wastes_its_share_of_the_step_and_a_failed_test_wastes_nothing() -> None:
    found = bill(
        spent(900), called("edit", "read", "shell"), came("edit", ok=False), came("shell", ok=False), came("read"),
        spent(100), called("read"), came("read", ok=False), spent(50, state="estimated"),
    )  # fmt: skip
    assert {name: (total.micro_dollars, total.requests) for name, total in found.wasted.items()} == {
        "edits that failed": (300, 1),
        "other calls that failed": (100, 1),
        "replies that were cut": (50, 1),
    }
    assert [one.failed for one in found.tools(price_of) if one.name == "shell"] == [1]


def test_the_cache_has_saved_what_it_took_off_less_the_fees_for_storing() -> None:
    found = bill(
        spent(0, Usage(cached=10_000, stored=1_000)), spent(0, Usage(cached=10_000), purpose="condense")
    )
    assert found.saved(price_of) == 20_000 * 2.7 - 1_000 * 0.75
    assert found.saved(lambda model: None) == 0


def test_misses_and_pings_add_up() -> None:
    miss = CacheMissed(task="main", request="r", cause="expired", tokens=9, micro_dollars=40, text="")
    kept = CacheKept(task="main", pings=2, micro_dollars=3, saved=10, text="")
    found = bill(miss, miss, kept)
    assert (found.missed.micro_dollars, found.missed.requests, found.kept) == (80, 2, 7)


def test_large_old_results_are_offered_to_be_dropped() -> None:
    found = bill(called("read"), came("read", 42_000), called("shell"), called("shell"))
    rent = found.rent(PRICE)
    assert rent is not None
    assert rent.offer() == "1 old result of 42k tokens costs $0.0126 each step: /compact results drops them"
    assert found.rent(None) is None and bill().rent(PRICE) is None


async def test_of_a_real_session_the_parts_are_never_more_than_the_whole(repository: Path) -> None:
    script = scenario(
        call("read", path="README.md"),
        call("edit", path="README.md", old="nowhere", new="x"),
        call("shell", command="seq 900"),
        say("Done."),
    )
    with playing(script, repository) as play:
        found = Bill()
        play.session.listen(found)
        await play.session.prompt("look around")
        price = Catalog(play.started.settings).model(MODEL).price
        tools, billed = found.tools(lambda model: price), play.billed
    assert {tool.name for tool in tools} == {"read", "edit", "shell"}
    assert 0 < sum(tool.micro_dollars or 0 for tool in tools) < billed
    assert 0 < found.wasted["edits that failed"].micro_dollars < billed
    assert sum(total.micro_dollars for total in found.tasks.values()) == billed

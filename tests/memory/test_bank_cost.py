"""What a memory bank costs, counted in the requests that really arrive."""

from pathlib import Path

import pytest

from benchmarks.first_request import tokenizer
from kcode.memory import log
from kcode.memory.account import Account
from kcode.memory.bank import FIRST
from kcode.scripted import Received
from kcode.spend.prices import Rates
from tests.playing import MODEL, WIRES, WireName, call, playing, say, scenario

HOME = ".kilocode/rules/memory-bank"
WORDS = "The cart holds lines; a line has a name, cents and a count; discounts are taken once, from the whole sum. "


@pytest.fixture
def old_bank(tmp_path: Path) -> Path:
    """As Kilo's own repository had one: six topics and instructions, 12k tokens, all of them in the rules."""
    root = tmp_path / "shop"
    for name in FIRST:
        path = root / HOME / f"{name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# {name.capitalize()}\n\nWhat the {name} of the shop is.\n\n" + WORDS * 72)
    (root / HOME).with_name("memory-bank-instructions.md").write_text(
        "Read ALL of them at EVERY start. " * 200
    )
    return root


def said(request: Received) -> str:
    """System prompt and messages."""
    return str(request.body.get("system", "")) + str(request.body["messages"])


@pytest.mark.parametrize("wire", WIRES)
async def test_a_bank_of_12k_tokens_costs_less_than_1k_unless_topics_are_read(
    wire: WireName, old_bank: Path, tmp_path: Path
) -> None:
    count = tokenizer()
    whole = sum(count(file.read_text()) for file in old_bank.rglob("*.md"))
    assert whole > 12_000

    (tmp_path / "bare").mkdir()
    with playing(scenario(say("Hm.")), tmp_path / "bare", wire) as bare:
        await bare.session.prompt("hi")
    steps = [call("read", path=f"{HOME}/tech.md"), say("Hm.")]
    with playing(scenario(*steps), old_bank, wire) as play:
        await play.session.prompt("hi")
    first, second = (count(said(request)) for request in play.provider.requests)
    without = count(said(bare.provider.requests[0]))
    assert 50 < first - without < 1_000
    assert second - first > 1_500

    tools = (count(str(one.provider.requests[0].body["tools"])) for one in (play, bare))
    assert next(tools) - next(tools) < 150


async def test_what_memory_costs_is_counted_request_by_request(old_bank: Path) -> None:
    steps = [call("read", path=f"{HOME}/tech.md"), call("list"), say("Hm.")]
    with playing(scenario(*steps), old_bank) as play:
        await play.session.prompt("hi")
        price = play.session.task.client.catalog.model("scripted/model-1").price
    account = Account(lambda model: price if model == MODEL else None)
    for event in log.load_events(log.session_path(play.session.id))[0]:
        account(event)
    assert isinstance(price, Rates)
    assert account.requests == 3
    assert list(account.topics) == ["tech"]
    index, topic = account.index, account.topics["tech"]
    fresh, cached = float(price.input), float(price.cached)
    expected = (index * fresh) + (topic * fresh + index * cached) + ((index + topic) * cached)
    assert account.micro_dollars == pytest.approx(expected, abs=3)


async def test_without_a_price_the_cost_is_unknown_and_never_nothing(old_bank: Path) -> None:
    with playing(scenario(say("Hm.")), old_bank) as play:
        await play.session.prompt("hi")
    account = Account(lambda model: None)
    assert account.micro_dollars == 0
    for event in log.load_events(log.session_path(play.session.id))[0]:
        account(event)
    assert account.micro_dollars is None

import json
from decimal import Decimal

import pytest

from kcode.messages import Usage
from kcode.spend import whatif
from kcode.spend.prices import PriceRow, filled
from kcode.spend.row import Row
from kcode.spend.whatif import CacheKind, Target, WhatIf, repriced
from tests.spend.rows import MODEL, row

USAGE = Usage(fresh=10, cached=1000, stored=200, stored_1h=100, output=50, reasoning=20)


def price(input: str, output: str, cached: str, surcharge: bool = False) -> PriceRow:
    rates = filled(Decimal(input), Decimal(output), Decimal(cached), surcharge=surcharge)
    return PriceRow(**rates.model_dump(), source="settings", date="2026-11-20")


SONNET = price("3", "15", "0.30", surcharge=True)
GPT = price("2", "10", "0.20")


def asked(rows: list[Row], target: Target, here: CacheKind = "explicit") -> WhatIf:
    return repriced(rows, target, dict.fromkeys((one.model for one in rows), here))


def test_the_same_prices_and_rules_give_the_same_bill_exactly() -> None:
    # 10·3 + 1000·0.3 + 200·3.75 + 100·6 + 50·15
    found = asked([row(2430, usage=USAGE)], Target("anthropic/claude-opus", SONNET, "explicit"))
    assert (found.total.was, found.total.would_be, found.total.exact) == (2430, 2430, 1)
    assert not found.assumed


def test_where_caching_is_free_nothing_is_paid_for_storing() -> None:
    # (10 + 200 + 100)·2 + 1000·0.2 + 50·10
    found = asked([row(2430, usage=USAGE)], Target("openai/gpt", GPT, "automatic"))
    assert (found.total.would_be, found.total.exact) == (1320, 0)
    assert set(found.assumed) == {whatif.NO_FEE, whatif.OTHER_TOKENS}


def test_where_caching_has_a_fee_what_was_fresh_is_stored() -> None:
    usage = Usage(fresh=310, cached=1000, output=50)
    # 310·3.75 + 1000·0.3 + 50·15 = 2212.5, which goes up
    found = asked([row(1, model="openai/gpt", usage=usage)], Target(MODEL, SONNET, "explicit"), "automatic")
    assert found.total.would_be == 2213
    assert set(found.assumed) == {whatif.FEE, whatif.OTHER_TOKENS}


def test_without_a_cache_all_of_the_input_is_read_anew() -> None:
    found = asked([row(2430, usage=USAGE)], Target("anthropic/plain", GPT, "none"))
    assert (found.total.would_be, found.total.exact) == (1310 * 2 + 50 * 10, 1)


def test_a_cache_that_was_not_there_is_taken_to_hold_what_was_sent_just_before() -> None:
    model = "lab/qwen"
    sent = [
        row(0, model=model, usage=Usage(fresh=1000, output=10), at="12:00"),
        row(0, model=model, usage=Usage(fresh=1500, output=10), at="12:04"),
        row(0, model=model, usage=Usage(fresh=400, output=10), at="12:05", task="1"),
        row(0, model=model, usage=Usage(fresh=1600, output=10), at="12:10"),
    ]
    found = asked(sent, Target(MODEL, SONNET, "explicit"), "none")
    # all stored; 1000 read and 500 stored; another task; too late: all stored again
    stored, cached = 1000 + 500 + 400 + 1600, 1000
    assert found.total.would_be == pytest.approx(stored * 3.75 + cached * 0.3 + 40 * 15, abs=4)
    assert found.assumed[whatif.UNSEEN] == 4


def test_the_hour_of_a_request_and_its_length_decide_on_its_price() -> None:
    long = PriceRow(
        **GPT.model_dump(exclude={"tiers"}),
        tiers=({**filled(Decimal(4), Decimal(20), surcharge=False).model_dump(), "least_input": 1001},),
    )
    rows = [row(usage=Usage(fresh=1000)), row(usage=Usage(fresh=1001))]
    assert asked(rows, Target("openai/gpt", long, "automatic"), "automatic").total.would_be == 2000 + 4004


def test_failures_and_what_is_under_way_are_left_out_and_estimates_are_said() -> None:
    rows = [row(state="failed"), row(state="reserved"), row(None, state="estimated")]
    found = asked(rows, Target("anthropic/x", SONNET, "explicit"))
    assert (found.total.requests, found.total.unknown, found.assumed[whatif.ESTIMATED]) == (1, 1, 1)
    assert any(line.startswith("≥ What 1 of them cost is unknown") for line in whatif.as_text(found))


def test_it_is_told_with_what_is_exact_and_what_is_assumed() -> None:
    rows = [row(2430, usage=USAGE), row(1000, model="anthropic/claude-haiku", usage=USAGE)]
    found = asked(rows, Target("openai/gpt", GPT, "automatic"))
    lines = whatif.as_text(found)
    assert lines[0] == "With openai/gpt (settings, 2026-11-20):"
    assert lines[2].split() == [MODEL, "1", "$0.0024", "~$0.0013", "-46%"]
    assert lines[4].split() == ["total", "2", "$0.0034", "~$0.0026", "-23%"]
    assert lines[5] == "Exact for 0 of 2 requests, given their tokens."
    assert lines[6].startswith("~ 2: ")
    told = json.loads(whatif.as_json(found))
    assert told["total"] == {"requests": 2, "exact": 0, "was": 3430, "unknown": 0, "would_be": 2640}

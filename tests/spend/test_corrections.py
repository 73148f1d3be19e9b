from datetime import date
from decimal import Decimal

from kcode.spend.corrections import CORRECTIONS, correction_of
from kcode.spend.pricemap import PriceMap, price_map
from kcode.spend.prices import price_of

FLASH = "gemini/gemini-3.8-flash"
ENTRY = {"litellm_provider": "gemini", "input_cost_per_token": Decimal("7.5E-7")}
NEW_YEAR = date(2027, 1, 1)


def test_an_introductory_price_ends_on_its_day() -> None:
    assert correction_of(FLASH, ENTRY, date(2026, 12, 31)) is None
    found = correction_of(FLASH, ENTRY, NEW_YEAR)
    assert found is not None and (found.input, found.output, found.cached) == (
        Decimal("1.50"),
        Decimal("7.50"),
        Decimal("0.15"),
    )


def test_a_table_that_has_learnt_of_it_is_believed() -> None:
    newer = ENTRY | {"input_cost_per_token": Decimal("1.4E-6")}
    assert correction_of(FLASH, newer, NEW_YEAR) is None
    assert correction_of("moonshot/kimi-k2.7-code-highspeed", ENTRY, NEW_YEAR) is None


def test_a_model_that_the_table_does_not_have_gets_a_price_with_its_source() -> None:
    price = price_of("moonshot/kimi-k2.7-code-highspeed", PriceMap({}, "litellm 9", "2026-11-20"))
    assert price is not None and (price.input, price.output, price.cached) == (
        Decimal("1.90"),
        Decimal("8"),
        Decimal("0.38"),
    )
    assert price.source.startswith("corrected: platform.kimi.ai") and price.date == "2026-08-27"


def test_each_names_a_source_and_a_day() -> None:
    for model, correction in CORRECTIONS.items():
        assert correction.source and correction.seen < date(2027, 1, 1), model
        if correction.instead_of is not None:
            assert price_map().entry(model) is not None, f"{model} is not in the table: nothing to correct"

from decimal import Decimal

from kcode.spend import quote
from kcode.spend.prices import PriceRow, filled


def price(input: str, output: str, cached: str, surcharge: bool = False) -> PriceRow:
    rates = filled(Decimal(input), Decimal(output), Decimal(cached), surcharge=surcharge)
    return PriceRow(**rates.model_dump(), source="settings", date="2026-11-20")


OPUS = price("5", "25", "0.50", surcharge=True)
SONNET = price("3", "15", "0.30", surcharge=True)
MINI = price("0.25", "2", "0.025")


def test_a_switch_reads_everything_anew_and_pays_after_some_requests() -> None:
    found = quote.switch(OPUS, MINI, 100_000)
    # 100k·0.5 = 50,000; 100k·0.25 = 25,000: cheaper at once
    assert (found.stays, found.goes, found.pays_after) == (50_000, 25_000, 0)
    found = quote.switch(OPUS, SONNET, 100_000)
    # 100k·3.75 = 375,000 against 50,000 from the cache; then 30,000 against 50,000 each time
    assert (found.goes, found.each_goes, found.pays_after) == (375_000, 30_000, 17)
    assert str(found) == "100k tokens are read anew ≈ $0.3750, staying ≈ $0.0500"
    assert quote.switch(SONNET, OPUS, 100_000).pays_after is None


def test_an_unknown_price_is_said_and_never_nothing() -> None:
    found = quote.switch(SONNET, None, 1_000)
    assert (found.goes, found.pays_after) == (None, None)
    assert "unknown price" in str(found)
    assert str(quote.waking(None, 1_000, 900)).endswith("≈ ?")


def test_an_old_session_tells_what_its_first_message_costs() -> None:
    found = quote.waking(OPUS, 142_000, 3_600, prefix=2_000)
    # 142k·6.25; (2000 + 900)·6.25; 142k·5 + 900·25
    assert (found.next, found.from_summary, found.summary) == (887_500, 18_125, 732_500)
    assert str(found) == (
        "cache expired: the next message re-reads 142k tokens ≈ $0.8875; "
        "from a summary ≈ $0.0181, which costs $0.7325 to write"
    )


def test_a_session_whose_cache_holds_is_cheap() -> None:
    found = quote.waking(OPUS, 142_000, 200)
    assert (found.is_warm, found.next) == (True, 71_000)
    assert str(found) == "the cache holds: the next message re-reads 142k tokens ≈ $0.0710"
    assert quote.waking(OPUS, 142_000, 3_000, life="1h").is_warm


def test_a_summary_pays_after_some_requests_or_never() -> None:
    found = quote.condense(SONNET, 120_000, 5_000)
    assert found is not None and found.pays_after is not None
    assert found.after < 10_000 < found.before
    assert found.price <= found.saves * found.pays_after <= found.price + 2 * found.saves
    useless = quote.condense(SONNET, 3_000, 3_000)
    assert useless is not None and useless.pays_after is None and "save nothing" in str(useless)
    assert quote.condense(None, 120_000, 5_000) is None

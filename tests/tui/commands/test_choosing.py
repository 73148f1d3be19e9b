from decimal import Decimal

import pytest

from kcode.events import Spend, Spent
from kcode.llm.catalog import Catalog
from kcode.messages import Usage
from kcode.scripted import ScriptedProvider
from kcode.settings import Price, Provider, Settings
from kcode.spend.meter import Meter
from kcode.tui.commands.choosing import model_rows, prices
from kcode.tui.engine.words import Chosen
from kcode.tui.first import ways

NOBODY = "http://127.0.0.1:9"
"""Nothing listens there."""


def settings(url: str = NOBODY) -> Settings:
    return Settings(
        models={"default": "lab/big"},
        providers={
            "lab": Provider(wire="openai", base_url=f"{url}/v1", key="none"),
            "ollama": Provider(base_url=NOBODY),
            "lmstudio": Provider(base_url=NOBODY),
        },
        prices={"lab/big": Price(input=Decimal(2), output=Decimal(8), cached=Decimal("0.5"))},
    )


def meter() -> Meter:
    meter = Meter(window=100_000)
    meter.price = Catalog(settings()).model("lab/big").price
    usage = Usage(fresh=10_000)
    meter(
        Spent(
            task="main",
            request="r",
            purpose="chat",
            mode="code",
            model="lab/big",
            spend=Spend(usage=usage, micro_dollars=20_000),
        )
    )
    return meter


CHOSEN = Chosen("code", "lab/big", None, None)


def test_models_that_can_be_used_come_before_those_that_cannot() -> None:
    with ScriptedProvider({"models": ["served-here"]}) as provider:
        rows = model_rows(Catalog(settings(provider.url)), CHOSEN, meter(), "lab/big")
    assert [row.id for row in rows[:2]] == ["lab/big", "lab/served-here"]
    assert rows[0].is_current
    first_without = next(n for n, row in enumerate(rows) if row.hint.endswith("no key"))
    assert all(row.hint.endswith("no key") for row in rows[first_without:])


def test_a_row_tells_window_and_prices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-test")
    rows = model_rows(Catalog(settings()), CHOSEN, meter(), "lab/big")
    sonnet = next(row for row in rows if row.id == "anthropic/claude-sonnet-4-5")
    assert sonnet.hint.split() == ["200k", "$3", "in", "$15", "out", "$0.30", "cached"]
    assert rows.index(sonnet) < next(n for n, row in enumerate(rows) if row.id.startswith("openai/"))


def test_a_row_tells_what_the_switch_costs_and_what_staying_costs() -> None:
    rows = {row.id: row for row in model_rows(Catalog(settings()), CHOSEN, meter(), "lab/big")}
    assert rows["lab/big"].detail == "goes on: its cache is kept"
    again = rows["anthropic/claude-sonnet-4-5"].detail
    assert again.startswith("10k tokens are read anew ≈ $0.0375, staying ≈ $0.0050")


def test_before_anything_was_said_a_switch_costs_nothing() -> None:
    rows = model_rows(Catalog(settings()), CHOSEN, Meter(), "lab/big")
    assert rows[1].detail == "nothing was said yet: a switch costs nothing"


def test_a_model_is_not_offered_again_by_its_date() -> None:
    ids = [row.id for row in model_rows(Catalog(settings()), CHOSEN, Meter(), "lab/big")]
    assert "anthropic/claude-sonnet-4-5" in ids
    assert "anthropic/claude-sonnet-4-5-20250929" not in ids


def test_an_unknown_price_is_never_nothing() -> None:
    assert prices(None) == "price unknown"


def test_the_first_run_offers_keys_and_the_demo() -> None:
    ids = [row.id for row in ways(has_demo=True)]
    assert {"key:anthropic", "key:openai", "demo"} <= set(ids)
    assert ids.index("demo") < 6  # in sight at 60x20
    assert "demo" not in [row.id for row in ways(has_demo=False)]


def test_the_first_run_offers_a_key_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789")
    assert any(row.id.startswith("model:openai/") for row in ways(has_demo=False))

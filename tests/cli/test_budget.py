import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kcode import settings
from kcode.cli.budget import command
from kcode.messages import Usage
from kcode.spend.ledger import Entry, Ledger


def budget(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments, catch_exceptions=False)


def cells(scope: str, *arguments: str) -> list[str]:
    (line,) = [line for line in budget(*arguments).output.splitlines() if line.startswith(scope)]
    return line.split()


def test_without_one_it_says_how_to_set_one() -> None:
    output = budget().output
    assert cells("session")[:2] == ["session", "off"]
    assert output.endswith("Nothing is limited. Set one: kcode budget set day 5\n")


def test_what_is_set_is_in_the_settings_and_what_is_gone_is_shown(
    kcode_home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "shop" / ".git").mkdir(parents=True)
    (tmp_path / "shop" / "web").mkdir()
    monkeypatch.chdir(tmp_path / "shop" / "web")
    assert budget("set", "day", "2.50").output == "Each day, all kcodes together: $2.500.\n"
    budget("set", "repository", "$1")
    assert str(settings.load([settings.user_file()]).budget.day) == "2.50"
    ledger = Ledger(kcode_home / "data" / "ledger.sqlite3")
    shop = str(tmp_path / "shop")
    plain = {"session": "a", "task": "main", "mode": "code", "model": "x/y", "provider": "x", "price": None}
    for root, micro in ((shop, 400_000), ("/elsewhere", 100_000)):
        entry = Entry(**plain, root=root, upper_bound=10)
        ledger.settle(ledger.reserve(entry).id, Usage(), micro)
    ledger.close()
    assert cells("day")[:6] == ["day", "$2.500", "$0.5000", "$2.000", "██", "20%"]
    assert cells("repository")[:6] == ["repository", "$1.000", "$0.4000", "$0.6000", "████", "40%"]
    assert cells("month")[:3] == ["month", "off", "$0.5000"]
    told = {line["scope"]: line for line in json.loads(budget("show", "--json").output)}
    assert told["day"] == {"scope": "day", "limit": 2_500_000, "used": 500_000}


def test_a_limit_is_lifted() -> None:
    budget("set", "month", "20")
    assert budget("off", "month").output == "Each month, all kcodes together: no limit.\n"
    assert budget("off", "month").output == "Each month, all kcodes together: no limit, as before.\n"
    assert settings.load([settings.user_file()]).budget.month is None


@pytest.mark.parametrize("wrong", [("set", "week", "5"), ("set", "day", "lots"), ("set", "day")])
def test_what_makes_no_sense_is_refused(wrong: tuple[str, ...], kcode_home: Path) -> None:
    assert CliRunner().invoke(command, wrong).exit_code == 2
    assert not settings.user_file().exists()

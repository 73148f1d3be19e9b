from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kcode.cli.map import command
from kcode.errors import BadInput


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments, catch_exceptions=False)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "stock.py").write_text("class Stock: ...\n")
    (tmp_path / "cart.py").write_text("from stock import Stock\ndef check_out(): Stock()\n")
    (tmp_path / "page.py").write_text("from cart import check_out\ncheck_out()\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_map_of_the_folder_is_printed(shop: Path) -> None:
    done = run("--verbose")
    assert done.stdout.startswith("stock.py\n1\tclass Stock\n")
    assert "3 files, 3 parsed" in done.stderr
    assert "3 files, 0 parsed" in run("--verbose").stderr


def test_words_are_looked_for_and_files_lead_to_what_they_use(shop: Path) -> None:
    assert run("check", "out").stdout.startswith("cart.py\n2\tdef check_out()")
    assert run("./page.py").stdout.startswith("cart.py\n")


def test_it_is_as_long_as_was_said(shop: Path) -> None:
    assert run("--tokens", "8").stdout == "stock.py\n1\tclass Stock\n"


def test_nothing_to_tell_is_said(shop: Path) -> None:
    with pytest.raises(BadInput, match="such a name"):
        run("submarine")
    for file in shop.iterdir():
        file.unlink()
    with pytest.raises(BadInput, match="outline"):
        run()

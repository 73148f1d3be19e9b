import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from kcode.errors import ToolError
from kcode.tools.tool import Output, Workspace

Call = Callable[..., Awaitable[Output]]

SHOP = {
    "shop/stock.py": "class Stock:\n    def take(self, line): ...\n\n    def give(self): ...\n",
    "shop/cart.py": "from shop.stock import Stock\n\n\ndef checkout(lines):\n    Stock().take(lines)\n",
    "shop/page.py": "from shop.cart import checkout\nfrom shop.stock import *\ndef show():\n    checkout(Stock())\n",
    "tests/test_cart.py": "from shop.cart import checkout\nimport shop.stock\n\ndef test_it():\n    checkout(1)\n",
    "web/stock.ts": "export class Stock { take(): void {} }\n",
    "README.md": "# Shop\n",
}


@pytest.fixture
def shop(root: Path) -> Path:
    for name, content in SHOP.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(content)
    return root


async def test_a_file_gives_its_definitions(call: Call, shop: Path) -> None:
    assert (await call("outline", path="shop/stock.py")).text == (
        "1-4\tclass Stock:\n2-2\t  def take(self, line): ...\n4-4\t  def give(self): ..."
    )


async def test_a_folder_gives_its_map(call: Call, shop: Path) -> None:
    lines = (await call("outline")).text.split("\n")
    assert lines[:2] == ["shop/stock.py", "1\tclass Stock"]
    assert "web/stock.ts" in lines
    below = (await call("outline", path="web")).text
    assert below == "web/stock.ts\n1\texport class Stock { take(): void {} }"


async def test_what_the_model_has_read_is_not_told_again_but_leads_to_the_rest(
    call: Call, shop: Path
) -> None:
    await call("read", path="shop/page.py")
    text = (await call("outline")).text
    assert text.split("\n")[0] in ("shop/cart.py", "shop/stock.py")
    assert "shop/page.py" not in text
    assert text.endswith("\n[without the 1 files that you know]")


async def test_a_name_gives_its_places_and_its_users(call: Call, shop: Path) -> None:
    assert (await call("outline", symbol="checkout")).text == (
        "shop/cart.py\n4\tdef checkout(lines)\nUsed in shop/page.py (2), tests/test_cart.py (2)"
    )
    both = (await call("outline", symbol="Stock")).text
    assert both.index("shop/stock.py\n1\tclass Stock") < both.index("web/stock.ts\n1\t")
    assert (await call("outline", symbol="Stock", path="web")).text.startswith("web/stock.ts")


@pytest.mark.parametrize("symbol", ["Stock.give", "Stock::give", "stock.GIVE", "give"])
async def test_a_name_may_say_what_it_lies_in(call: Call, shop: Path, symbol: str) -> None:
    text = (await call("outline", symbol=symbol)).text
    assert text == "shop/stock.py\n1\tclass Stock\n4\t  def give(self)"


async def test_words_find_names_that_have_them(call: Call, shop: Path) -> None:
    text = (await call("outline", symbol="where is a checkout of the cart done")).text
    assert text.startswith("shop/cart.py\n4\tdef checkout(lines)")


async def test_a_name_of_nobody_says_so_and_one_of_elsewhere_names_its_users(call: Call, shop: Path) -> None:
    assert (
        await call("outline", symbol="Submarine")
    ).text == "No definition of Submarine in 5 files. Try search."
    (shop / "a.py").write_text("import asyncio\nasyncio.to_thread(f)\n")
    assert (await call("outline", symbol="to_thread")).text == (
        "No definition of to_thread in 6 files. Try search.\nUsed in a.py (1)"
    )


async def test_a_change_is_seen_at_once(call: Call, shop: Path) -> None:
    await call("outline", symbol="checkout")
    (shop / "shop/cart.py").write_text("\n\n\n\n\n\ndef checkout(): ...\n")
    assert "7\tdef checkout()" in (await call("outline", symbol="checkout")).text


async def test_what_has_no_outline_is_refused(call: Call, shop: Path) -> None:
    (shop / "docs").mkdir()
    (shop / "docs/a.md").write_text("x")
    (shop / "empty.py").write_text("")
    for path, words in {
        "README.md": "README.md has no outline. Use read.",
        "empty.py": "empty.py has no outline. Use read.",
        "docs": "Nothing in docs has an outline. Use list, or search.",
        "missing.py": "There is no missing.py.",
    }.items():
        with pytest.raises(ToolError) as error:
            await call("outline", path=path)
        assert str(error.value).startswith(words)


async def test_files_with_keys_are_in_no_outline(call: Call, shop: Path) -> None:
    (shop / ".ssh").mkdir()
    (shop / ".ssh/keys.py").write_text("class Secret: ...\n")
    subprocess.run(["git", "init", "-q"], cwd=shop, check=True)
    assert "Secret" not in (await call("outline")).text
    assert (await call("outline", symbol="Secret")).text == "No definition of Secret in 5 files. Try search."


async def test_a_folder_outside_has_an_outline_of_its_own(
    call: Call, shop: Path, workspace: Workspace, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "x.py").write_text("def elsewhere(): ...\n")
    assert (await call("outline", path=str(other))).text == "x.py\n1\tdef elsewhere()"
    assert (await call("outline", path=str(other), symbol="elsewhere")).text == "x.py\n1\tdef elsewhere()"

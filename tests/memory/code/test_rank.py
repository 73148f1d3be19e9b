from collections.abc import Callable

import pytest

from kcode.files.syntax import Tags
from kcode.memory.code.rank import page_rank, ranked
from kcode.memory.code.words import asked

Understood = Callable[[dict[str, str]], dict[str, Tags]]
SHOP = {
    "core.py": "class Basket: ...\nclass Unused: ...\n",
    "price.py": "from core import Basket\ndef price_of(b): return Basket()\n",
    "stock.py": "from core import Basket\ndef take_from(b): return Basket()\n",
    "page.py": "from price import price_of\nfrom core import Basket\ndef show_page(): price_of(Basket())\n",
    "tests/test_page.py": "from page import show_page\ndef test_it(): show_page()\n",
}


def test_the_ranks_of_a_small_graph_are_those_that_were_worked_out_by_hand() -> None:
    # a -> b, b -> a and c by halves, c -> a; by elimination with d = 0.85, each starting with 0.05:
    # a = .05 + .85 (b/2 + c), b = .05 + .85 a, c = .05 + .85 b/2
    pointers = {
        "a": [("b", "x", 1.0)],
        "b": [("a", "x", 0.5), ("c", "y", 0.5)],
        "c": [("a", "x", 1.0)],
    }
    b = (0.05 + 0.85 * (0.05 + 0.85 * 0.05)) / (1 - 0.85 * (0.85 * 0.5 + 0.85 * 0.85 * 0.5))
    c = 0.05 + 0.85 * b / 2
    rank = page_rank(pointers, ["a", "b", "c"], {})
    assert rank["b"] == pytest.approx(b, abs=1e-3)
    assert rank["c"] == pytest.approx(c, abs=1e-3)
    assert sum(rank.values()) == pytest.approx(1)


def test_what_most_use_comes_first_and_what_nobody_uses_last(understood: Understood) -> None:
    order = [one.definition.name for one in ranked(understood(SHOP))]
    assert order[0] == "Basket"
    assert order.index("price_of") < order.index("Unused") < order.index("test_it")


def test_the_files_in_play_decide_what_matters(understood: Understood) -> None:
    files = {f"m{n}.py": f"def f_{n}(): ...\n" for n in range(5)}
    files |= {f"u{n}.py": f"from m{n} import f_{n}\nf_{n}()\n" for n in range(5)}
    for n in range(5):
        assert ranked(understood(files), in_play=[f"u{n}.py"])[0].definition.name == f"f_{n}"


def test_the_words_of_a_question_decide_what_matters(understood: Understood) -> None:
    files = understood(SHOP)
    assert ranked(files, words=asked("how is the price computed"))[0].definition.name == "price_of"
    assert ranked(files, words=asked("pages"))[0].definition.name == "show_page"
    assert ranked(files, words=asked("tests of pages"))[0].file == "tests/test_page.py"
    assert ranked(files, words=asked("submarine")) == []


def test_languages_that_know_nothing_of_each_other_do_not_refer_to_each_other(understood: Understood) -> None:
    same = ranked(understood({"a.ts": "export class Cart {}\n", "b.js": "new Cart()\n"}))
    other = ranked(understood({"a.go": "package a\ntype Cart struct{}\n", "b.js": "new Cart()\n"}))
    assert same[0].score > 10 * other[0].score


def test_an_empty_repository_has_no_ranks(understood: Understood) -> None:
    assert ranked({}) == []
    assert ranked(understood({"a.py": ""}), in_play=["a.py", "gone.py"]) == []


def test_the_order_is_the_same_each_time(understood: Understood) -> None:
    files = understood(SHOP)
    there, back = ranked(files), ranked(dict(reversed(list(files.items()))))
    assert [(one.file, one.definition) for one in there] == [(one.file, one.definition) for one in back]

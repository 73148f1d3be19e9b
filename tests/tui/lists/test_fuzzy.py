import re
import time

from hypothesis import given
from hypothesis import strategies as st

from kcode.tui.lists.fuzzy import ranked

FILES = [
    "src/app.py",
    "src/app/__init__.py",
    "docs/application.md",
    "tests/test_app.py",
    "setup.py",
    "a/p/p.txt",
]


def test_a_name_that_begins_with_the_query_comes_before_one_that_holds_it() -> None:
    assert ranked("app", FILES) == [
        "src/app.py",
        "docs/application.md",
        "tests/test_app.py",
        "src/app/__init__.py",
        "a/p/p.txt",
    ]


def test_letters_may_stand_apart_and_case_does_not_matter() -> None:
    assert ranked("TSTAPP", FILES) == ["tests/test_app.py"]


def test_the_order_of_the_letters_matters() -> None:
    assert ranked("ppa", ["app"]) == []


def test_no_query_finds_the_shortest() -> None:
    assert ranked("", FILES, most=2) == ["setup.py", "a/p/p.txt"]


names = st.lists(st.text("abAB/._", min_size=1, max_size=8), unique=True)


@given(st.text("abAB", max_size=3), names)
def test_ranking_loses_and_invents_nothing(query: str, files: list[str]) -> None:
    letters = re.compile(".*".join(map(re.escape, query)), re.IGNORECASE)
    assert sorted(ranked(query, files, most=1000)) == sorted(name for name in files if letters.search(name))


def test_a_hundred_thousand_files_are_searched_in_the_wink_of_an_eye() -> None:
    files = [f"packages/part{n % 300}/src/module_{n}.py" for n in range(100_000)]
    began = time.process_time()
    assert ranked("part7mod99", files)
    assert time.process_time() - began < 0.6

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcode.errors import BadInput
from kcode.modes.patterns import NOTHING, doubts, from_globs, from_javascript


@pytest.mark.parametrize(
    ("pattern", "matches", "not_these"),
    [
        (r"\.md$", ["a.md", "x/y.md"], ["a.md.py", "md"]),
        (r"\.md", ["a.md", "a.md.py"], ["md"]),
        (r"^(?<dir>docs|notes)\/\k<dir>\.md$", ["docs/docs.md"], ["docs/notes.md"]),
        (r"^[\w-.]+\.ts$", ["a-b.c.ts"], ["a b.ts"]),
        (r"^[a-z[\]&&|]+$", ["a[b]&|"], ["A"]),
        (r"^[^]x$", ["\nx", "ax"], ["x"]),
        (r"a[]b", [], ["ab", "a[]b"]),
        (r"^\u0061\x62$", ["ab"], ["a"]),
        (r"^(?!docs/PRD\.md$).*", ["docs/x.md"], ["docs/PRD.md"]),
        (r"(?<=/)x$", ["a/x"], ["ax"]),
        (r"[\]]\.md$", ["].md"], ["x.md"]),
    ],
)
def test_javascripts_expressions_match_the_same_in_python(
    pattern: str, matches: list[str], not_these: list[str]
) -> None:
    python = from_javascript(pattern)
    assert [path for path in matches if not re.search(python, path)] == []
    assert [path for path in not_these if re.search(python, path)] == []


@pytest.mark.parametrize("pattern", ["(", "[a", "*.md", r"\p{L}+\.md", "(?<=a+)b", "a{99999999999}"])
def test_what_python_does_not_know_is_refused_with_the_pattern(pattern: str) -> None:
    with pytest.raises(BadInput, match=re.escape(repr(pattern))):
        from_javascript(pattern)


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        (r"\.md", "end it with $"),
        (r"docs/.*\.md", "end it with $"),
        (r"\.(md|txt)", "end it with $"),
        (r"(\.md|\.txt)", "end it with $"),
        (r"(\.md$|\.txt)", "after \\.txt"),
        (r".md$", "the dot of .md"),
        (r"^.roo/.*\.xml$", "the dot of .roo"),
    ],
)
def test_a_pattern_that_lets_through_more_than_was_meant_is_doubted(pattern: str, words: str) -> None:
    assert any(words in doubt for doubt in doubts(pattern))


@pytest.mark.parametrize(
    "pattern",
    [
        r"\.md$",
        r"(\.md|\.txt)$",
        r"((\.md|\.txt)|README)$",
        r"\.(md|mdx)$|README$",
        r"^docs/",
        r".*\.py$",
        r"[.]md$",
        r"\.roo/.*\.xml$",
        r"\.tsx?$",
        r"",
    ],
)
def test_one_that_says_what_it_means_is_not(pattern: str) -> None:
    assert list(doubts(pattern)) == []


def last_match(rules: list[tuple[str, bool]], path: str) -> bool:
    allowed = True
    for glob, allows in rules:
        parts = [re.escape(part).replace(r"\?", ".") for part in glob.split("*")]
        if re.fullmatch(".*".join(parts), path):
            allowed = allows
    return allowed


@given(
    st.lists(st.tuples(st.text("ab*/?.", min_size=1, max_size=4), st.booleans()), max_size=5),
    st.lists(st.text("ab/.", min_size=1, max_size=4), min_size=1),
)
def test_of_globs_the_last_that_matches_decides(rules: list[tuple[str, bool]], paths: list[str]) -> None:
    rules = [(glob.removeprefix("./"), allows) for glob, allows in rules]
    pattern = from_globs(rules)
    for path in paths:
        found = pattern is None or re.search(pattern, path) is not None
        assert found == last_match(rules, path), (rules, pattern, path)


def test_globs_that_allow_everything_or_nothing_are_told_apart() -> None:
    assert from_globs([]) is None
    assert from_globs([("src/*", False), ("*", True)]) is None
    assert from_globs([("src/*", True), ("**", False)]) == NOTHING

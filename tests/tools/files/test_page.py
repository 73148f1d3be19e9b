import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcode.tools.files.page import Window, numbered, page, pieces_of

ALL = Window(1, 10**9, 10**9, 10**9)


@given(st.lists(st.text(st.sampled_from("ab\n")), max_size=8), st.integers(1, 12), st.integers(1, 5))
def test_however_the_pieces_fall_the_lines_are_the_same(pieces: list[str], first: int, count: int) -> None:
    text = "".join(pieces)
    lines = text.removesuffix("\n").split("\n") if text else []
    last = first + count
    expected = (lines[first - 1 : last - 1], last if len(lines) >= last else None)
    assert page(pieces, Window(first, count, 10**9)) == expected


def test_a_window_is_full_by_its_size_and_holds_one_line_at_least() -> None:
    assert page(["aaaa\nbbbb\ncccc\n"], Window(1, 10, 11)) == (["aaaa", "bbbb"], 3)
    assert page(["a" * 100 + "\nb"], Window(1, 10, 5)) == (["a" * 100], 2)


def test_a_long_line_is_cut_and_says_by_how_much() -> None:
    [line], following = page(["x" * 500, "x" * 500], Window(1, 1, 10**6, longest=600))
    assert line == "x" * 600 + " …[400 more characters]"
    assert following is None


def test_a_line_of_exactly_the_longest_length_is_whole() -> None:
    assert page(["xxx\nyyyy\n"], Window(1, 9, 99, longest=4)) == (["xxx", "yyyy"], None)


def test_line_ends_are_not_shown_and_nul_is_visible() -> None:
    assert page(["a\r\nb\0\n\rc"], ALL) == (["a", "b␀", "\rc"], None)


def test_numbers_stand_before_the_lines() -> None:
    assert numbered(["a", "b"], 9) == "9\ta\n10\tb"


def test_a_character_is_whole_even_between_two_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "ü€😀" * 100_000
    assert "".join(pieces_of(io.BytesIO(text.encode()), "utf-8")) == text


def test_half_a_character_at_the_end_is_no_text() -> None:
    with pytest.raises(UnicodeDecodeError):
        list(pieces_of(io.BytesIO("ü".encode()[:1]), "utf-8"))

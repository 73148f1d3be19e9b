from hypothesis import given
from hypothesis import strategies as st

from kcode.tui.text.flow import Line, cells, fitting, hung, marked, one_row, prose, selected, wrapped

WORDS = st.lists(st.text("ab日é ", min_size=1, max_size=20), max_size=12).map("".join)
RUNS = st.lists(
    st.tuples(st.text("ab日é ", max_size=9), st.sampled_from(["", "strong", "code"])), max_size=12
)


@given(RUNS, st.integers(2, 30))
def test_wrapping_loses_nothing_and_no_row_is_too_wide(runs: list[tuple[str, str]], width: int) -> None:
    lines = wrapped(runs, width)
    assert "".join(line.text + line.joint for line in lines) == "".join(text for text, _ in runs) + "\n"
    assert all(line.cells <= width for line in lines)


@given(RUNS, st.integers(2, 30))
def test_every_character_keeps_its_look(runs: list[tuple[str, str]], width: int) -> None:
    before = [(char, look) for text, look in runs for char in text if char != " "]
    after = [(char, look) for line in wrapped(runs, width) for text, look in line.runs for char in text]
    assert [pair for pair in after if pair[0] != " "] == before


@given(RUNS, st.integers(1, 30))
def test_one_row_fits_and_says_that_it_was_cut(runs: list[tuple[str, str]], width: int) -> None:
    whole, row = "".join(text for text, _ in runs), one_row(runs, width)
    assert row.cells <= width
    assert row.text == whole if cells(whole) <= width else row.text.endswith("…")


@given(WORDS, st.integers(0, 30))
def test_what_fits_is_as_much_as_fits(text: str, room: int) -> None:
    count = fitting(text, room)
    assert cells(text[:count]) <= room
    assert count == len(text) or cells(text[: count + 1]) > room


def test_a_word_that_fits_on_a_row_of_its_own_is_not_broken() -> None:
    assert [line.text for line in wrapped([("a sentence", "")], 8)] == ["a", "sentence"]


def test_a_longer_one_begins_where_the_row_has_room() -> None:
    assert [line.text for line in wrapped([("at /a/very/long/path", "")], 10)] == ["at /a/very", "/long/path"]


def test_text_is_selected_whole_where_only_the_width_broke_it() -> None:
    lines = list(hung([*wrapped([("one two three", "")], 8), *prose("four", 8)], ("• ", "bullet")))
    assert selected(lines, (0, 0), (9, 0)) == "one two three\nfour\n"


def test_a_selection_begins_and_ends_within_rows() -> None:
    lines = prose("first\nsecond\nthird", 20)
    assert selected(lines, (0, 2), (2, 3)) == "rst\nsecond\nthi"
    assert selected(lines, (1, 1), (1, 4)) == "eco"


def test_a_mark_adds_its_look_to_what_is_there() -> None:
    assert marked([("one", "strong"), ("two", "")], 2, 4, "found") == (
        ("on", "strong"),
        ("e", "strong found"),
        ("t", "found"),
        ("wo", ""),
    )


def test_a_gutter_does_not_count_as_text() -> None:
    assert list(hung([Line((("a", ""),)), Line((("b", ""),))], ("1. ", "bullet"))) == [
        Line((("1. ", "bullet"), ("a", "")), gutter=3),
        Line((("   ", ""), ("b", "")), gutter=3),
    ]

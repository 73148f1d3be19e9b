import time

from hypothesis import given
from hypothesis import strategies as st

from kcode.tui.text.tail import KEPT, grown, last_lines


def test_the_last_lines_are_kept_however_much_comes() -> None:
    tail = ""
    for number in range(20_000):
        tail = grown(tail, f"line {number}\n")
    assert last_lines(tail, 2) == ["line 19998", "line 19999"]
    assert len(tail) <= KEPT


def test_a_piece_longer_than_all_that_is_kept_is_cut_at_once() -> None:
    assert last_lines(grown("old\n", "x" * 10 * KEPT + "\nend"), 1) == ["end"]


def test_of_a_line_that_is_written_over_the_last_state_is_shown() -> None:
    assert last_lines("get 10%\rget 50%\rget 100%\r\nnext\rlast", 5) == ["get 100%", "last"]


def test_a_sequence_in_two_pieces_is_none_the_less_one() -> None:
    assert last_lines(grown(grown("", "\x1b[3"), "1mred\x1b[0m"), 1) == ["red"]


@given(st.lists(st.text("ab\r\n\x1b[m1", max_size=30)), st.integers(1, 5))
def test_never_more_lines_than_asked_for_and_all_of_them_printable(pieces: list[str], rows: int) -> None:
    tail = ""
    for piece in pieces:
        tail = grown(tail, piece)
    lines = last_lines(tail, rows)
    assert len(lines) <= rows
    assert all(line.isprintable() for line in lines)


def test_a_million_lines_cost_less_than_a_second() -> None:
    block = "".join(f"line {number} of a build that says a lot\n" for number in range(500))
    began = time.process_time()
    tail = ""
    for _ in range(2_000):
        tail = grown(tail, block)
    assert last_lines(tail, 1) == ["line 499 of a build that says a lot"]
    assert time.process_time() - began < 1

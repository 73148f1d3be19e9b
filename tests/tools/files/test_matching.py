import time

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kcode.tools.files.matching import find, nearest


def changed(content: str, old: str, new: str) -> tuple[str, str]:
    """The content with the only place replaced, and what was forgiven."""
    [place], forgiven = find(content, old, new, 10)
    return content[: place.start] + place.text + content[place.end :], forgiven


def places(content: str, old: str, new: str = "x") -> int:
    return len(find(content, old, new, 100)[0])


BLOCK = "class A:\n    def f(self):\n        if self.x:\n            return 1\n        return 2\n"


def test_an_exact_place_is_taken_and_nothing_is_forgiven() -> None:
    assert changed(BLOCK, "return 1", "return 3") == (BLOCK.replace("return 1", "return 3"), "")


def test_an_exact_place_wins_over_alike_ones() -> None:
    assert changed('a = "b"\na = “b”\n', 'a = "b"', "c") == ("c\na = “b”\n", "")


def test_overlapping_places_are_several() -> None:
    assert places("aaa", "aa") == 2


def test_line_endings_are_forgiven_unsaid_and_kept() -> None:
    assert changed("a\r\nb\r\nc\r\n", "a\nb\n", "a\nx\ny\n") == ("a\r\nx\r\ny\r\nc\r\n", "")


def test_new_lines_get_the_ending_of_the_lines_around() -> None:
    assert changed("a\r\nb\r\nc\n", "b", "x\ny") == ("a\r\nx\r\ny\r\nc\n", "")
    assert changed("a\r\nb\nc\n", "b", "x\ny") == ("a\r\nx\ny\nc\n", "")
    assert changed("a\r\nb", "b", "x\ny") == ("a\r\nx\r\ny", "")
    assert changed("a\nb\n", "b\n", "x\r\ny\r\n") == ("a\nx\ny\n", "")


def test_of_mixed_line_endings_the_untouched_ones_stay() -> None:
    assert changed("a\r\nb\nc\r\nd\n", "a\nb\nc\nd", "a\nb\nx\nd") == ("a\r\nb\nx\r\nd\n", "")


def test_who_writes_carriage_returns_is_taken_literally_where_they_are() -> None:
    assert changed("a\r\nb\r\n", "a\r\n", "a\n") == ("a\nb\r\n", "")


def test_blanks_at_line_ends_are_forgiven_and_kept_on_lines_that_stay() -> None:
    content = "a  \nb\t\nc\n"
    assert changed(content, "a\nb\nc", "a\nx\nc") == ("a  \nx\nc\n", "blanks at line ends")
    assert changed("a\nb\nc\n", "a \nb ", "a \nx") == ("a\nx\nc\n", "blanks at line ends")


def test_blanks_of_an_empty_line_are_forgiven() -> None:
    assert changed("a\n    \nb\n", "a\n\nb", "a\n\nc") == ("a\n    \nc\n", "blanks at line ends")


@pytest.mark.parametrize("by", ["", "  ", "      ", "\t"])
def test_a_shifted_block_is_found_and_the_new_text_is_shifted_alike(by: str) -> None:
    old = f"{by}if self.x:\n{by}    return 1"
    new = f"{by}if self.y:\n{by}    self.y = 0\n{by}    return 1"
    wanted = "        if self.y:\n            self.y = 0\n            return 1\n"
    result, forgiven = changed(BLOCK, old, new)
    assert result == BLOCK.replace("        if self.x:\n            return 1\n", wanted)
    assert forgiven == "indentation"


def test_tabs_in_the_file_and_spaces_in_the_call() -> None:
    content = "func f() {\n\tif x {\n\t\treturn 1\n\t}\n}\n"
    for unit in ("  ", "    ", "        "):
        old = f"{unit}if x {{\n{unit * 2}return 1\n{unit}}}"
        new = f"{unit}if y {{\n{unit * 2}if z {{\n{unit * 3}return 1\n{unit * 2}}}\n{unit}}}"
        result, _ = changed(content, old, new)
        assert result == "func f() {\n\tif y {\n\t\tif z {\n\t\t\treturn 1\n\t\t}\n\t}\n}\n"


def test_spaces_in_the_file_and_tabs_in_the_call() -> None:
    result, _ = changed(BLOCK, "\t\tif self.x:\n\t\t\treturn 1", "\t\tif self.x:\n\t\t\treturn 4")
    assert result == BLOCK.replace("return 1", "return 4")


def test_a_new_line_further_out_than_the_block_stays_inside_of_the_file() -> None:
    result, _ = changed("    a\n      b\n", "  a\n    b", "a\n    b")
    assert result == "  a\n      b\n"


def test_lines_shifted_by_different_amounts_are_not_found() -> None:
    assert not places("if a:\n    b\n    c\n", "  if a:\n      b\n        c\n")


def test_indentation_is_forgiven_for_whole_lines_only() -> None:
    assert not places("  foobar\n  x\n", "    foobar\n    x y")
    assert not places("x = foo\n", "    foo")


def test_an_indented_first_line_and_a_bare_one_are_both_found() -> None:
    assert changed(BLOCK, "if self.x:\n            return 1", "if 1:\n            return 1")[1] == ""
    result, forgiven = changed(BLOCK, "if  self.x:\n            return 1", "if  1:\n            return 1")
    assert (result, forgiven) == (BLOCK.replace("self.x", " 1"), "width of spaces")


def test_the_width_of_inner_spaces_is_forgiven_also_within_a_line() -> None:
    result, forgiven = changed("x  =  {'a':   1, 'b': 2}  # c\n", "{'a': 1, 'b': 2}", "{}")
    assert (result, forgiven) == ("x  =  {}  # c\n", "width of spaces")


def test_no_word_is_cut_where_something_is_forgiven() -> None:
    assert not places("a  = bcd\n", "a = b")
    assert not places("xa  = b\n", "a = b")


@pytest.mark.parametrize(
    ("there", "written"),
    [
        ("say(“hi”)", 'say("hi")'),
        ("it’s", "it's"),
        ("1 – 2", "1 - 2"),
        ("a\u00a0b", "a b"),
        ("a b", "a\u00a0b"),
        ("x = 'a'", "x = ‘a’"),
    ],
)
def test_look_alikes_are_forgiven_in_both_directions(there: str, written: str) -> None:
    assert changed(f"<{there}>\n", written, "z") == ("<z>\n", "look-alike characters")


def test_look_alikes_on_lines_that_stay_are_not_touched() -> None:
    content = "# “quoted”\nx = 1\n"
    result, _ = changed(content, '# "quoted"\nx = 1', '# "quoted"\nx = 2')
    assert result == "# “quoted”\nx = 2\n"


def test_a_text_escaped_once_too_often_is_understood() -> None:
    result, forgiven = changed('a("x")\nb()\n', 'a(\\"x\\")\\nb()', 'a(\\"y\\")\\nb()')
    assert (result, forgiven) == ('a("y")\nb()\n', "escaped characters")


def test_escapes_that_are_in_the_file_are_left_alone() -> None:
    assert changed('a("\\n")\n', '"\\n"', '"\\t"') == ('a("\\t")\n', "")


def test_a_lax_rule_that_finds_two_places_says_so() -> None:
    assert places("  a\n    b\nc\n    a\n      b\n", "a\n  b\n") == 2


@given(st.text(st.sampled_from("ab\n \t'\"\\"), max_size=80), st.data())
def test_the_only_place_is_replaced_as_by_str_replace(content: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(content)))
    old = content[start : data.draw(st.integers(start, len(content)))]
    new = data.draw(st.text(st.sampled_from("xyab\n ")))
    assume(old and content.count(old) == 1 and content.find(old, content.find(old) + 1) < 0)
    assert changed(content, old, new) == (content.replace(old, new), "")


@given(
    st.lists(st.sampled_from(["a", "  b", "\tc", "", "d  e", "“f”", "g-h"]), min_size=1, max_size=8),
    st.data(),
)
def test_nothing_outside_of_a_lax_place_is_touched(lines: list[str], data: st.DataObject) -> None:
    content = "".join(line + data.draw(st.sampled_from(["\n", "\r\n", " \n"])) for line in lines)
    first = data.draw(st.integers(0, len(lines) - 1))
    last = data.draw(st.integers(first, len(lines) - 1))
    old = "\n".join(lines[first : last + 1]).replace("“", '"').replace("”", '"').replace("  ", " ")
    found, _ = find(content, old, "NEW", 10)
    for place in found:
        result = content[: place.start] + place.text + content[place.end :]
        assert result.startswith(content[: place.start]) and result.endswith(content[place.end :])
        assert content[place.start : place.end].split() != [] or not old.strip()
        assert "NEW" in place.text


@given(
    st.lists(st.sampled_from(["if x:", "y = 1", "", "  z()", "    w()"]), min_size=2, max_size=6),
    st.integers(0, 8),
)
def test_a_block_shifted_as_a_whole_comes_back_shifted(lines: list[str], by: int) -> None:
    assume(lines[0].strip() and lines[-1].strip())
    there = [" " * by + line if line else "" for line in lines]
    content = "# start\n" + "\n".join(there) + "\n# end\n"
    old = "\n".join(lines)
    assume(len(find(content, old, "", 2)[0]) == 1)
    new = "\n".join([*lines, "last()"])
    assert changed(content, old, new)[0].split("\n")[1 : len(lines) + 1] == there


def test_the_nearest_text_is_that_with_most_lines_alike() -> None:
    assert nearest(BLOCK, "def g(self):\n    if self.x:\n        return 1") == 2
    assert nearest(BLOCK, "if self.xx:") == 3
    assert nearest(BLOCK, "completely different") is None
    assert nearest("", "a") is None
    assert nearest("\n\n", "\n") is None


@pytest.mark.parametrize(
    "old", ["  \n" * 2000 + "x", "a " * 5000 + "b", "a\n" * 5000 + "b", "(" * 2000 + "'"]
)
def test_hostile_text_is_answered_in_time(old: str) -> None:
    content = (" " * 20_000 + "\n") * 5 + "a " * 200_000 + "\n" + "a\n" * 20_000 + "('" * 20_000
    start = time.monotonic()
    find(content, old, "x", 10)
    nearest(content, old)
    assert time.monotonic() - start < 5

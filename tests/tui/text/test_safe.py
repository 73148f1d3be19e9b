import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcode.tui.text.safe import one_line, safe

PARTS = st.sampled_from(
    [
        "\x1b",
        "[",
        "]",
        "31",
        ";",
        "m",
        "0;title",
        "\x07",
        "\\",
        "P",
        "\x9b",
        "\x9d",
        "\x90",
        "\x9c",
        "\r",
        "\n",
        "\t",
        "a",
    ]
)
NASTY = st.lists(PARTS | st.characters(), max_size=60).map("".join)


@given(NASTY)
def test_whatever_comes_is_printable(text: str) -> None:
    assert safe(text).replace("\n", "").isprintable()


@given(NASTY)
def test_what_was_shown_of_a_part_stays_when_more_arrives(text: str) -> None:
    whole = safe(text)
    assert all(whole.startswith(safe(text[:end])) for end in range(len(text)))


@given(NASTY)
def test_what_is_safe_stays_as_it_is(text: str) -> None:
    assert safe(safe(text)) == safe(text)


@given(
    st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"], exclude_characters="\u3164\uffa0"))
)
def test_words_stay_as_they_are(text: str) -> None:
    assert safe(text) == text


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;https://evil\x1b\\text\x1b]8;;\x1b\\", "text"),
        ("\x1bP1$r\x1b\\text", "text"),
        ("\x1b(Btext\x1b=", "text"),
        ("\x9b31mred", "red"),
        ("\x1b]52;c;aGk=", ""),
        ("\x1b]52;c;aGk=\nnext", "]52;c;aGk=\nnext"),
        ("\x1b[31", ""),
        ("bell\x07 back\x08", "bell back"),
        ("dos\r\nmac\runix\n", "dos\nmac\nunix\n"),
        ("a\tb", "a   b"),
        ("user\u202egnp.exe", "user⟨U+202E⟩gnp.exe"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("👩\u200d💻 ❤\ufe0f", "👩💻 ❤"),
        ("hard\u00a0blank\u3000wide", "hard blank wide"),
        ("tag\U000e0041", "tag⟨U+E0041⟩"),
        ("half \ud800", "half ⟨U+D800⟩"),
        ("line\u2028end", "line\nend"),
    ],
)
def test_what_deceives_is_dropped_or_made_visible(raw: str, shown: str) -> None:
    assert safe(raw) == shown


def test_a_long_line_is_cut_and_says_how_much_is_left() -> None:
    assert safe("x" * 5_000 + "\nshort", longest=10) == "x" * 10 + "… 4,990 more characters\nshort"


@pytest.mark.parametrize("unit", ["x", "\x1b[31mx", "é\u202e", "\x1b]", "\x1b[1;", "\r", "word "])
def test_a_megabyte_in_one_line_takes_milliseconds(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    began = time.process_time()
    safe(text)
    assert time.process_time() - began < 0.05


def test_a_title_is_one_line() -> None:
    assert one_line(" a\n\tb\x1b[0m\r\nc ") == "a b c"

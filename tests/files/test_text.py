import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcode.errors import ToolError
from kcode.files.text import Text, decode, lines_of, newline_of, with_newlines


@given(st.binary())
def test_whatever_decodes_encodes_to_the_same_bytes(data: bytes) -> None:
    text = decode(data)
    assert text is None or text.encoded(text.content) == data


@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc"])),
    st.sampled_from(["utf-8", "utf-16-le", "utf-16-be"]),
)
def test_a_byte_order_mark_names_the_encoding_and_is_kept(content: str, encoding: str) -> None:
    mark = "\ufeff".encode(encoding)
    assert decode(mark + content.encode(encoding)) == Text(content, encoding, mark)


def test_bytes_that_are_no_utf8_are_latin1() -> None:
    assert decode(b"caf\xe9\n") == Text("café\n", "latin-1")


def test_nul_and_a_crowd_of_control_characters_are_binary() -> None:
    assert decode(b"text\0text") is None
    assert decode(bytes(range(1, 32)) * 4) is None
    assert decode(b"\x1b[31mred\x1b[0m\n") is not None


def test_broken_utf16_is_binary() -> None:
    assert decode(codecs.BOM_UTF16_LE + b"a") is None


def test_a_character_without_a_place_in_the_encoding_is_refused_by_name() -> None:
    with pytest.raises(ToolError, match=r"latin-1: it cannot hold \\u20ac"):
        Text("café", "latin-1").encoded("5 €")


def test_the_line_ending_is_that_of_most_lines() -> None:
    assert newline_of("a\r\nb\r\nc\n") == "\r\n"
    assert newline_of("a\nb\nc\r\n") == "\n"
    assert newline_of("a") is None


@given(st.text(st.sampled_from("a\n")).map(lambda text: text.replace("a\n", "a\r\n")))
def test_line_endings_there_and_back(content: str) -> None:
    plain = with_newlines(content, "\n")
    assert with_newlines(with_newlines(plain, "\r\n"), "\n") == plain


@given(st.text(st.sampled_from("a\r\n\x0b\u2028")))
def test_lines_are_ended_by_line_feeds_only_and_lose_nothing(content: str) -> None:
    lines = lines_of(content)
    assert "".join(lines) == content
    assert all(line.index("\n") == len(line) - 1 for line in lines if "\n" in line)
    assert all(line.endswith("\n") for line in lines[:-1])

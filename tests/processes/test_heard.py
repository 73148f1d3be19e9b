import asyncio
import stat
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcode.processes.heard import BOUND, PERIOD, SCREENFUL, Heard, Screen, plain

HALF = BOUND // 2


def told(folder: Path, *pieces: bytes, bound: int = BOUND) -> Heard:
    found = Heard(folder, bound)
    for piece in pieces:
        found.add(piece)
    return found


def test_short_output_is_given_as_it_is_and_saved_nowhere(tmp_path: Path) -> None:
    found = told(tmp_path / "overflow", b"one\n", b"two\n")
    assert found.text() == "one\ntwo\n"
    assert found.file is None and not (tmp_path / "overflow").exists()


def test_of_long_output_head_and_tail_are_given_in_whole_lines(tmp_path: Path) -> None:
    lines = [f"line {n}\n" for n in range(9_999)]
    found = told(tmp_path, *(line.encode() for line in lines))
    text = found.text().splitlines()
    place = next(index for index, line in enumerate(text) if line.startswith("[…"))
    assert text[:place] == [line.rstrip() for line in lines[:place]]
    assert text[place + 1 :] == [line.rstrip() for line in lines[place - len(text) + 1 :]]
    assert BOUND * 0.9 < len(found.text().encode()) < BOUND + 300


def test_the_whole_of_long_output_is_in_a_file_that_nobody_else_may_read(tmp_path: Path) -> None:
    found = told(tmp_path / "overflow", b"a" * HALF, b"b" * HALF, b"c" * HALF)
    assert found.file is not None and f"all in {found.file}" in found.text()
    assert found.file.read_bytes() == b"a" * HALF + b"b" * HALF + b"c" * HALF
    assert stat.S_IMODE(found.file.stat().st_mode) == 0o600
    assert stat.S_IMODE(found.file.parent.stat().st_mode) == 0o700


def test_one_long_line_is_cut_but_never_lost(tmp_path: Path) -> None:
    text = told(tmp_path, b"x" * 5_000_000).text()
    assert text.startswith("x" * HALF) and text.endswith("x" * HALF)
    assert "5.0 MB left out" in text


def test_a_long_line_before_and_after_short_ones_is_kept(tmp_path: Path) -> None:
    text = told(tmp_path, b"first\n" + b"x" * 99_999 + b"\nlast").text()
    assert text.startswith("first\nxxx") and text.endswith("xxx\nlast")


def test_no_character_is_cut_in_two(tmp_path: Path) -> None:
    for shift in range(4):
        text = told(tmp_path, b"a" * shift + "€😀".encode() * 20_000 + b"b" * shift).text()
        assert "\ufffd" not in text


def test_bytes_that_are_no_text_are_replaced(tmp_path: Path) -> None:
    assert told(tmp_path, b"a\xff\xfeb\xc3").text() == "a\ufffd\ufffdb\ufffd"


def test_the_file_is_bounded_and_the_model_is_told(tmp_path: Path) -> None:
    found = Heard(tmp_path, file_bound=20_000)
    for _ in range(9):
        found.add(b"z" * 7_000)
    assert found.file is not None and found.file.stat().st_size == 20_000
    assert f"the first 20 KB in {found.file}" in found.text()


def test_a_full_or_read_only_disk_costs_only_the_file(tmp_path: Path) -> None:
    (tmp_path / "overflow").write_text("a file, where the folder should be")
    found = told(tmp_path / "overflow", b"x" * 99_999)
    assert "not saved: File exists" in found.text()


def test_what_was_taken_is_not_given_again(tmp_path: Path) -> None:
    found = told(tmp_path, b"one")
    assert (found.take(), found.take()) == ("one", "")
    found.add(b"y" * 99_999)
    first = found.file
    assert "left out" in found.take()
    found.add(b"two")
    assert found.text() == "two" and found.file is None and first is not None and first.exists()


@given(st.lists(st.binary(max_size=60)), st.integers(1, 40))
def test_however_it_arrives_it_is_bounded_and_begins_and_ends_as_it_was(
    pieces: list[bytes], half: int
) -> None:
    found = told(Path("/proc/none"), *pieces, bound=2 * half)
    data = b"".join(pieces)
    same = told(Path("/proc/none"), data, bound=2 * half)
    assert found.text() == same.text()
    assert len(found.text()) < 2 * half + 100
    if len(data) <= 2 * half:
        assert found.text() == plain(data.decode(errors="replace"))


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("\x1b[1;31mred\x1b[0m\x1b[K", "red"),
        ("\x1b]0;title\x07a\x1b]8;;http://x\x1b\\b", "ab"),
        ("\x1b(Ba\x1bMb\x1b", "ab"),
        ("10%\r50%\r100%\ndone\r\n", "100%\ndone\n"),
        ("a\x00b\x08c\x7f\x9bd", "abcd"),
        ("tab\tstays\n", "tab\tstays\n"),
    ],
)
def test_the_model_reads_no_escape_sequences(raw: str, text: str) -> None:
    assert plain(raw) == text


async def test_the_screen_hears_a_few_times_a_second_and_everything() -> None:
    shown: list[str] = []
    screen = Screen(shown.append)
    for n in range(30):
        screen.add(f"{n}\n".encode())
        await asyncio.sleep(0.01)
    screen.flush(final=True)
    assert "".join(shown) == "".join(f"{n}\n" for n in range(30))
    assert 2 <= len(shown) <= 7


async def test_a_character_that_arrives_in_two_parts_is_shown_as_one() -> None:
    shown: list[str] = []
    screen = Screen(shown.append)
    for byte in "€".encode():
        screen.add(bytes([byte]))
        screen.flush()
    screen.add(b"\xe2\x82")
    screen.flush(final=True)
    assert shown == ["€", "\ufffd"]


async def test_of_a_flood_the_screen_gets_the_last_bit() -> None:
    shown: list[str] = []
    screen = Screen(shown.append)
    for _ in range(50):
        screen.add(b"x" * 1_000_000)
    screen.add(b"end")
    screen.flush()
    assert len(shown[0]) < SCREENFUL + 100
    assert "50.0 MB" in shown[0] and shown[0].endswith("xend")


async def test_nothing_is_shown_after_the_last_flush() -> None:
    shown: list[str] = []
    screen = Screen(shown.append)
    screen.add(b"x")
    screen.flush(final=True)
    await asyncio.sleep(2 * PERIOD)
    assert shown == ["x"]


def test_a_long_line_without_a_return_is_made_plain_at_once() -> None:
    began = time.monotonic()
    assert plain("x" * 2_000_000) == "x" * 2_000_000
    assert plain("old\rnew\r\nlast\r") == "new\nlast"
    assert time.monotonic() - began < 2

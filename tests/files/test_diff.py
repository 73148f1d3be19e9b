import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kcode.files.diff import RECORDED, change, changed_lines, diff, hunks_of, partly

LINES = st.lists(st.sampled_from(["a", "b", "", "-- x", "++ y", "@@ z"]), max_size=30)


def test_a_change_is_told_without_headers_and_with_three_lines_around() -> None:
    before = "".join(f"{number}\n" for number in range(1, 21))
    made = change("a.txt", before, before.replace("10\n", "ten\nmore\n"))
    assert made.diff == "@@ -7,7 +7,8 @@\n 7\n 8\n 9\n-10\n+ten\n+more\n 11\n 12\n 13\n"
    assert (made.path, made.kind, made.added, made.removed) == ("a.txt", "edited", 2, 1)


def test_a_new_file_is_all_added() -> None:
    made = change("a.txt", None, "a\nb\n")
    assert (made.kind, made.diff) == ("created", "@@ -0,0 +1,2 @@\n+a\n+b\n")


def test_a_missing_line_end_is_said() -> None:
    assert "".join(diff("a\nb", "a\nc\n")).endswith("-b\n\\ No newline at end of file\n+c\n")


def test_carriage_returns_are_not_shown() -> None:
    assert diff("a\r\nb\r\n", "a\r\nc\r\n") == ["@@ -1,2 +1,2 @@\n", " a\n", "-b\n", "+c\n"]


def test_a_long_diff_is_cut_and_counted_whole() -> None:
    made = change("a.txt", "", "x\n" * 1000)
    assert made.diff.count("\n") == RECORDED + 1
    assert made.diff.endswith("... 601 more lines\n")
    assert made.added == 1000


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(LINES, LINES, st.booleans())
def test_applied_to_the_old_text_a_diff_gives_the_new_one(
    tmp_path: Path, old: list[str], new: list[str], same: bool
) -> None:
    before, after = ("".join(line + "\n" for line in ["top", *middle, "end"]) for middle in (old, new))
    path = tmp_path / "a.txt"
    path.write_text(before)
    patch = "--- a.txt\n+++ a.txt\n" + "".join(diff(before, after))
    if before != after:
        subprocess.run(
            ["git", "apply", "--unidiff-zero", "-"], input=patch.encode(), cwd=tmp_path, check=True
        )
    assert path.read_text() == after


def test_the_changed_lines_are_those_of_the_new_text() -> None:
    before = "".join(f"{number}\n" for number in range(1, 101))
    after = before.replace("10\n", "ten\n", 1).replace("50\n", "").replace("90\n", "90\n90a\n")
    assert changed_lines("".join(diff(before, after))) == [10, 50, 90]
    assert changed_lines("".join(diff("a\n", ""))) == [1]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x\n" * 100_000, "y\n" * 100_000),
        ("x\n" * 100_000, "x\ny\n" * 60_000),
        ("".join(f"{n % 90}\n" for n in range(100_000)), "".join(f"{n % 91}\n" for n in range(100_000))),
        ("".join(f"{n}\n" for n in range(100_000)), "".join(f"{n}\n" for n in range(0, 200_000, 2))),
    ],
)
def test_great_changes_are_told_in_time(before: str, after: str) -> None:
    start = time.monotonic()
    made = change("a.txt", before, after)
    assert time.monotonic() - start < 8
    assert made.added - made.removed == after.count("\n") - before.count("\n")


def test_many_small_changes_in_a_long_file_are_counted_exactly() -> None:
    before = "".join(f"{'common' if n % 2 else n}\n" for n in range(20_000))
    after = before.replace("common", "other")
    made = change("a.txt", before, after)
    assert (made.added, made.removed) == (10_000, 10_000)


@given(LINES, LINES, st.data())
def test_of_a_diff_any_part_may_be_taken(old: list[str], new: list[str], data: st.DataObject) -> None:
    before, after = ("".join(f"{line}\n" for line in lines) for lines in (old, new))
    count = hunks_of("".join(diff(before, after)))
    taken = data.draw(st.sets(st.integers(0, max(count - 1, 0))))
    assert partly(before, after, range(count)) == after
    assert partly(before, after, ()) == before
    if count:
        assert hunks_of("".join(diff(before, partly(before, after, taken)))) <= len(taken)

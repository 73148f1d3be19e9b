from kcode.messages import Change
from kcode.tui.text.diffview import change_lines, diff_lines, rows

DIFF = """\
@@ -7,4 +7,4 @@ def total
     full = sum(prices)
-    return full - full * discount
+    return full - full * discount // 100
 #
@@ -20,2 +20,3 @@
 end
+more
\\ No newline at end of file
"""


def shown(diff: str, path: str = "cart.py", width: int = 60) -> list[str]:
    return [line.text.rstrip() for line in diff_lines(diff, path, width)]


def test_each_line_has_its_number_and_its_sign() -> None:
    assert shown(DIFF) == [
        "   ⋯ def total",
        " 7       full = sum(prices)",
        " 8 -     return full - full * discount",
        " 8 +     return full - full * discount // 100",
        " 9   #",
        "   ⋯",
        "20   end",
        "21 + more",
        "   … No newline at end of file",
    ]


def test_what_changed_inside_of_a_line_is_marked() -> None:
    changed = {row.sign: [row.text[a:b] for a, b in row.changed] for row in rows(DIFF) if row.changed}
    assert changed == {"+": [" // 100"]}


def test_lines_that_have_little_in_common_are_not_compared() -> None:
    assert not any(row.changed for row in rows("@@ -1 +1 @@\n-import os\n+class Cart(dict[str, int]):\n"))


def test_long_lines_are_not_compared() -> None:
    long = "word " * 100
    assert not any(row.changed for row in rows(f"@@ -1 +1 @@\n-{long}a\n+{long}b\n"))


def test_the_language_has_its_colours_on_the_ground_of_the_change() -> None:
    looks = {
        look
        for line in diff_lines(DIFF, "cart.py", 60)
        for text, look in line.runs
        if text.strip() == "return"
    }
    assert looks == {"removed keyword", "added keyword"}


def test_long_lines_wrap_behind_the_numbers() -> None:
    lines = shown("@@ -1 +1 @@\n+" + "word " * 12, width=30)
    assert lines == ["1 + word word word word word", "    word word word word word", "    word word"]


def test_a_folded_diff_says_how_much_is_left() -> None:
    diff = "@@ -0,0 +1,50 @@\n" + "".join(f"+line {n}\n" for n in range(50))
    lines = list(change_lines(Change(path="a.py", diff=diff, added=50, removed=0, kind="created"), 60, 10))
    assert lines[0].text == "a.py created  +50 -0"
    assert lines[10].text == "10 + line 9"
    assert lines[11].text == "… 40 more rows"


def test_of_a_binary_file_there_is_only_its_name() -> None:
    assert [line.text for line in change_lines(Change(path="a.png", diff="", added=0, removed=0), 60)] == [
        "a.png  +0 -0"
    ]


def test_what_a_file_says_cannot_get_out_of_its_line() -> None:
    assert shown("@@ -1 +1 @@\n+\x1b[2Ja\u202eb[red]\n") == ["1 + a⟨U+202E⟩b[red]"]

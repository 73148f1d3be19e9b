import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kcode.tui.text.flow import Line, cells
from kcode.tui.text.markdown import Markdown
from kcode.tui.text.safe import safe

EVERYTHING = """\
# Title with `code`

Some *text* that is **bold** and ~~gone~~, see [the docs](https://example.org/a) or <https://example.org>.

- one
- two
  - inner
    more

    behind
- [ ] to do
- [x] done

9. nine
10. ten

| name | state | what it is |
|---|:-:|--:|
| x | **y** | a long cell that has to be wrapped when there is little room |
| 1<br>2 | 2 | 3 |

> quoted
>
> - inside

```python
def double(x):
    return x * 2
```

---

    indented
"""


def laid(text: str, width: int = 60) -> list[Line]:
    markdown = Markdown()
    markdown.update(text)
    return markdown.lines(width)


def shown(text: str, width: int = 60) -> list[str]:
    return [line.text.rstrip() for line in laid(text, width)]


def looks(text: str, of: str) -> set[str]:
    return {look for line in laid(text) for part, look in line.runs if part == of}


PARTS = st.sampled_from(
    [
        *(
            "a",
            "b ",
            "word",
            "\n",
            "\n",
            "\n\n",
            " ",
            "    ",
            "  ",
            "- ",
            "* ",
            "+ ",
            "1. ",
            "2. ",
            "2) ",
            "# ",
            "> ",
        ),
        *(
            "```",
            "```py\n",
            "~~~",
            "~~~~\n",
            "`",
            "**",
            "_",
            "[x](y)",
            "[ ] ",
            "| a | b |\n",
            "|---|---|\n",
            "|",
        ),
        *(
            "---\n",
            "===\n",
            "<br>",
            "<b>",
            "&#27;",
            "[a]: b\n",
            "\\",
            "\t",
            "é",
            "日本",
            "x = 'y'\n",
            "![i](j)",
        ),
    ]
)
SOURCES = st.lists(PARTS, max_size=40).map("".join)


@given(SOURCES, st.lists(st.integers(1, 12), min_size=1, max_size=30), st.integers(8, 60))
@example("1. a\n1) b\n1) c\n", [1], 20)
@example("- a\n\n- b\n\n* c\n", [2], 20)
@example("x\n| a | b |\n|---|---| c\n", [1], 20)
@example("1. a\n\n2. b", [1], 20)
def test_text_gives_the_same_lines_in_whatever_pieces_it_arrives(
    text: str, steps: list[int], width: int
) -> None:
    text = safe(text)
    markdown, place = Markdown(), 0
    while place < len(text):
        place += steps[place % len(steps)]
        markdown.update(text[:place])
        markdown.lines(width)
    assert markdown.lines(width) == laid(text, width)


@given(SOURCES, st.integers(8, 60), st.integers(8, 60))
def test_another_width_gives_what_it_had_given_from_the_start(text: str, first: int, second: int) -> None:
    markdown = Markdown()
    markdown.update(safe(text))
    markdown.lines(first)
    assert markdown.lines(second) == laid(safe(text), second)


@given(SOURCES | st.text(), st.integers(8, 60))
def test_no_line_is_wider_than_asked_and_all_is_printable(text: str, width: int) -> None:
    for line in laid(safe(text), width):
        assert line.cells <= width
        assert line.text.isprintable()


@given(st.lists(st.text("abc日", min_size=1, max_size=30), min_size=1), st.integers(8, 40))
def test_no_word_of_a_paragraph_is_lost(words: list[str], width: int) -> None:
    text = " ".join(words)
    assert "".join(line.text + line.joint for line in laid(text, width)) == text + "\n"


def test_everything_at_a_glance() -> None:
    assert shown(EVERYTHING, 44) == [
        "Title with code",
        "",
        "Some text that is bold and gone, see the",
        "docs (https://example.org/a) or",
        "https://example.org.",
        "",
        "• one",
        "• two",
        "  • inner",
        "    more",
        "",
        "    behind",
        "☐ to do",
        "☑ done",
        "",
        "9. nine",
        "10. ten",
        "",
        "name │ state │                    what it is",
        "─────┼───────┼──────────────────────────────",
        "x    │   y   │    a long cell that has to be",
        "     │       │  wrapped when there is little",
        "     │       │                          room",
        "1    │   2   │                             3",
        "2    │       │",
        "",
        "▎ quoted",
        "▎",
        "▎ • inside",
        "",
        "  def double(x):",
        "      return x * 2",
        "",
        "─" * 44,
        "",
        "  indented",
    ]


def test_a_table_that_cannot_fit_becomes_a_list_of_its_cells() -> None:
    head = "| " + " | ".join(f"column {n}" for n in range(6)) + " |\n" + "|---" * 6 + "|\n"
    lines = shown(head + "| " + " | ".join(f"value {n}" for n in range(6)) + " |", 24)
    assert lines[:2] == ["column 0: value 0", "column 1: value 1"]


def test_code_has_colours_once_the_fence_is_closed_and_before() -> None:
    assert looks("```python\nreturn 1\n", "return") == {"code keyword"}
    assert looks("```python\nreturn 1\n```", "return") == {"code keyword"}


def test_a_string_over_many_lines_gets_its_colour_when_the_fence_is_closed() -> None:
    assert looks("```python\nx = '''\nif\n'''\n", "if") == {"code keyword"}
    assert looks("```python\nx = '''\nif\n'''\n```\n", "if") == {"code string"}


def test_html_and_entities_stay_text() -> None:
    assert shown("<b>&#x202e;&lt;</b>") == ["<b>&#x202e;&lt;</b>"]


def test_a_link_that_says_its_own_address_says_it_once() -> None:
    assert shown("<https://example.org> and [it](https://example.org)") == [
        "https://example.org and it (https://example.org)"
    ]


def test_a_definition_of_a_link_is_shown_with_its_address() -> None:
    assert shown("see [it][1]\n\n[1]: https://example.org") == ["see [it][1]", "", "[1]: https://example.org"]


def test_nesting_deeper_than_the_width_keeps_its_words() -> None:
    assert "deep" in "".join(shown("> " * 30 + "deep", 20))


def test_wide_characters_count_double() -> None:
    assert [cells(line) for line in shown("日" * 10, 12)] == [12, 8]


@pytest.mark.parametrize("rows", [2_000])
def test_an_open_fence_is_not_read_again_for_each_line(rows: int) -> None:
    markdown = Markdown()
    text = "```python\n"
    for number in range(rows):
        text += f"value_{number} = {number}\n"
        markdown.update(text)
        assert len(markdown.lines(80)) == number + 1

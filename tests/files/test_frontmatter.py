import pytest

from kcode.files.frontmatter import listed, parted, words


@pytest.mark.parametrize(
    ("text", "table", "body"),
    [
        ("---\ntitle: A\nlist: [a, b]\n---\nbody\n", {"title": "A", "list": ["a", "b"]}, "body\n"),
        ("\ufeff---\r\ntitle: A\r\n---\r\nbody", {"title": "A"}, "body"),
        ("no head\n---\n", {}, "no head\n---\n"),
        ("---\n---\nbody", {}, "body"),
        ("---\ntitle: A\n---", {"title": "A"}, ""),
        ("---\nnever closed\n", {}, "---\nnever closed\n"),
    ],
)
def test_a_head_is_a_table_and_the_rest_is_the_body(text: str, table: dict[str, object], body: str) -> None:
    assert parted(text) == (table, body)


def test_what_is_no_yaml_is_read_line_by_line() -> None:
    text = "---\ndescription: rules: many\nglobs: *.ts,*.{js,jsx}\nalwaysApply: false\n---\nbody"
    table, _ = parted(text)
    assert table == {"description": "rules: many", "globs": "*.ts,*.{js,jsx}", "alwaysApply": False}
    assert listed(table["globs"]) == ("*.ts", "*.{js,jsx}")


def test_values_become_words() -> None:
    assert words(None) == ""
    assert words("two\n lines ") == "two lines"
    assert listed(["a", 1, None, " b "]) == ("a", "1", "b")
    assert listed(None) == ()

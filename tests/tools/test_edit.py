import asyncio
import os
import stat
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kcode.errors import ToolError
from kcode.tools.edit import Edit, Replacement
from kcode.tools.tool import Output, Workspace

Call = Callable[..., Awaitable[Output]]
CONTENT = "one\ntwo\nthree\nfour\nfive\n"


def edit(old: str, new: str, **more: Any) -> dict[str, Any]:
    return {"old": old, "new": new} | more


async def test_an_edit_is_made_and_told_in_a_line(call: Call, root: Path) -> None:
    (root / "a.txt").write_text(CONTENT)
    output = await call("edit", path="a.txt", edits=[edit("two\nthree", "2\n3\n3b")])
    assert (root / "a.txt").read_text() == "one\n2\n3\n3b\nfour\nfive\n"
    assert output.text == "Edited a.txt: +3 -2 at line 2."
    assert output.changes[0].diff == "@@ -1,5 +1,6 @@\n one\n-two\n-three\n+2\n+3\n+3b\n four\n five\n"


async def test_several_edits_apply_in_order(call: Call, root: Path) -> None:
    (root / "a").write_text(CONTENT)
    output = await call(
        "edit", path="a", edits=[edit("one", "two b"), edit("two b\n", ""), edit("five", "5")]
    )
    assert (root / "a").read_text() == "two\nthree\nfour\n5\n"
    assert output.text.startswith("Edited a: +1 -2 at line")


async def test_if_one_edit_fails_none_is_made(call: Call, root: Path) -> None:
    (root / "a").write_text(CONTENT)
    with pytest.raises(ToolError, match=r"^Edit 2: old is not in a\.[\s\S]*No edit was made\.$"):
        await call("edit", path="a", edits=[edit("one", "1"), edit("nothing of it", "x")])
    assert (root / "a").read_text() == CONTENT


async def test_an_ambiguous_edit_is_refused_and_names_the_places(call: Call, root: Path) -> None:
    (root / "a").write_text("x = 1\ny = 1\nz = 1\n" + "w = 1\n" * 10)
    with pytest.raises(ToolError, match=r"13 places \(lines 1, 2, 3, 4, 5 and 8 more\).*all=true"):
        await call("edit", path="a", edits=[edit("= 1", "= 2")])


async def test_all_places_are_changed_when_all_is_said(call: Call, root: Path) -> None:
    (root / "a").write_bytes(b"aa aaa\r\naa\r\n")
    output = await call("edit", path="a", edits=[edit("aa", "b\nb", all=True)])
    assert (root / "a").read_bytes() == b"b\r\nb b\r\nba\r\nb\r\nb\r\n"
    assert output.text == "Edited a: +5 -2 at line 1."


async def test_what_was_forgiven_is_said(call: Call, root: Path) -> None:
    (root / "a.py").write_text("def f():\n    if x:\n        return 1\n")
    output = await call("edit", path="a.py", edits=[edit("if x:\n    return 1", "if y:\n    return 2")])
    assert output.text == "Edited a.py: +2 -2 at line 2.\nmatched in spite of indentation."
    assert (root / "a.py").read_text() == "def f():\n    if y:\n        return 2\n"


async def test_a_failed_edit_shows_the_nearest_text(call: Call, root: Path) -> None:
    (root / "a").write_text("".join(f"value_{n} = {n}\n" for n in range(1, 101)))
    with pytest.raises(ToolError) as failure:
        await call("edit", path="a", edits=[edit("value_50 = 50\nvalue_51 = 52\n", "x")])
    assert str(failure.value) == (
        "old is not in a. Nearest is:\n48\tvalue_48 = 48\n49\tvalue_49 = 49\n50\tvalue_50 = 50\n51\tvalue_51 = 51\n"
        "52\tvalue_52 = 52\n53\tvalue_53 = 53\n"
    )


async def test_the_nearest_text_is_at_most_thirty_lines(call: Call, root: Path) -> None:
    lines = [f"value_{n} = {n}" for n in range(100)]
    (root / "a").write_text("\n".join(lines))
    with pytest.raises(ToolError) as failure:
        await call("edit", path="a", edits=[edit("\n".join([*lines[:90], "other"]), "x")])
    assert str(failure.value).count("\t") == 30


async def test_an_edit_made_before_is_recognised(call: Call, root: Path) -> None:
    (root / "a").write_text(CONTENT)
    with pytest.raises(ToolError, match="But new is, at line 3"):
        await call("edit", path="a", edits=[edit("thrice", "three")])


async def test_nothing_alike_is_said(call: Call, root: Path) -> None:
    (root / "a").write_text(CONTENT)
    with pytest.raises(ToolError, match="Nothing like it is: read the file"):
        await call("edit", path="a", edits=[edit("@@@@@@@@", "x")])


@pytest.mark.parametrize(
    ("edits", "words"),
    [
        ([edit("", "x")], "old is empty"),
        ([edit("one", "one")], "the same"),
        ([], "edits is empty"),
        ([edit("one", "1"), edit("1", "one")], "already reads like that"),
    ],
)
async def test_edits_without_an_effect_are_refused(
    call: Call, root: Path, edits: list[dict[str, Any]], words: str
) -> None:
    (root / "a").write_text(CONTENT)
    with pytest.raises(ToolError, match=words):
        await call("edit", path="a", edits=edits)


async def test_a_missing_file_is_told_with_its_nearest_name(call: Call, root: Path) -> None:
    (root / "shop.py").touch()
    with pytest.raises(
        ToolError, match=r"There is no shops.py. Did you mean shop.py\? To create it, use write"
    ):
        await call("edit", path="shops.py", edits=[edit("a", "b")])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"a\r\nold\r\nb", b"a\r\nnew\r\nline\r\nb"),
        (b"\xef\xbb\xbfold\n", b"\xef\xbb\xbfnew\nline\n"),
        ("\ufeffold ü\r\n".encode("utf-16-le"), "\ufeffnew\r\nline ü\r\n".encode("utf-16-le")),
        (b"caf\xe9 old", b"caf\xe9 new\nline"),
        (b"a\r\nold\nb\r\n", b"a\r\nnew\nline\nb\r\n"),
        (b"old\0" + b"x" * 10, None),
    ],
)
async def test_bytes_that_were_not_meant_stay(
    call: Call, root: Path, before: bytes, after: bytes | None
) -> None:
    (root / "a").write_bytes(before)
    if after is None:
        with pytest.raises(ToolError, match="binary"):
            await call("edit", path="a", edits=[edit("old", "new\nline")])
    else:
        await call("edit", path="a", edits=[edit("old", "new\nline")])
    assert (root / "a").read_bytes() == (after or before)


async def test_mode_bits_and_symlinks_stay(call: Call, root: Path) -> None:
    (root / "a").write_text("old")
    (root / "a").chmod(0o750)
    (root / "link").symlink_to("a")
    await call("edit", path="link", edits=[edit("old", "new")])
    assert (root / "link").is_symlink() and (root / "a").read_text() == "new"
    assert stat.S_IMODE((root / "a").stat().st_mode) == 0o750


async def test_a_new_syntax_error_is_told_and_the_edit_stands(call: Call, root: Path) -> None:
    (root / "a.py").write_text("def f(x):\n    return x\n")
    output = await call("edit", path="a.py", edits=[edit("    return x", "return x")])
    assert output.ok
    assert output.text == "Edited a.py: +1 -1 at line 2.\nSyntax error at line 2: return x"
    again = await call("edit", path="a.py", edits=[edit("(x)", "(y)")])
    assert "Syntax" not in again.text


async def test_files_of_git_are_refused(call: Call, root: Path) -> None:
    (root / ".git").mkdir()
    (root / ".git/config").write_text("[core]\n")
    with pytest.raises(ToolError, match="git commands"):
        await call("edit", path=".git/config", edits=[edit("[core]", "[evil]")])


async def test_a_file_that_became_a_folder_is_refused(call: Call, root: Path) -> None:
    (root / "a").write_text("old")
    await call("read", path="a")
    (root / "a").unlink()
    (root / "a").mkdir()
    with pytest.raises(ToolError, match=r"a is a folder\. Use list"):
        await call("edit", path="a", edits=[edit("old", "new")])
    with pytest.raises(ToolError, match=r"a is a folder\. Use list"):
        await call("write", path="a", text="new")


async def test_the_preview_is_the_diff_and_does_nothing(root: Path, workspace: Workspace) -> None:
    (root / "a").write_text(CONTENT)
    tool = Edit(path="a", edits=[Replacement(old="one\n", new="1\n")])
    assert await tool.preview(workspace) == "@@ -1,4 +1,4 @@\n-one\n+1\n two\n three\n four\n"
    assert (root / "a").read_text() == CONTENT


async def test_edits_of_the_same_file_side_by_side_lose_nothing(call: Call, root: Path) -> None:
    (root / "a").write_text("".join(f"<{n}>\n" for n in range(20)))
    results = await asyncio.gather(
        *(call("edit", path="a", edits=[edit(f"<{n}>", f"[{n}]")]) for n in range(20)), return_exceptions=True
    )
    made = [n for n, result in enumerate(results) if isinstance(result, Output)]
    assert made and all(isinstance(result, Output | ToolError) for result in results)
    assert [n for n in range(20) if f"[{n}]" in (root / "a").read_text()] == made


@pytest.mark.slow
async def test_a_10_megabyte_file_is_edited_or_refused_in_time(call: Call, root: Path) -> None:
    (root / "a").write_text("".join(f"line number {n} of the file\n" for n in range(300_000)))
    start = time.monotonic()
    await call(
        "edit", path="a", edits=[edit("line number 222222 of", "LINE"), edit("line number 7 of", "LINE")]
    )
    with pytest.raises(ToolError, match="Nearest is:\n"):
        await call("edit", path="a", edits=[edit("line number  222221 off\nthe file", "x")])
    assert time.monotonic() - start < 20


TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="§¶", include_characters="\n\t")
)


async def test_a_flood_of_places_in_one_line_is_changed_in_time(call: Call, root: Path) -> None:
    (root / "a").write_text("ab" * 90_000)
    await call("edit", path="a", edits=[edit("a", "c\n", all=True)])
    assert (root / "a").read_text() == "c\nb" * 90_000
    (root / "a").write_text("a" * 200_000)
    with pytest.raises(ToolError, match="100000 places or more"):
        await call("edit", path="a", edits=[edit("a", "c", all=True)])
    with pytest.raises(ToolError, match=r"at 1000 places \(line 1\)"):
        await call("edit", path="a", edits=[edit("a", "c")])


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(*[TEXT] * 6)
async def test_an_edit_is_str_replace_and_its_reverse_undoes_it(
    call: Call, root: Path, front: str, back: str, left: str, right: str, new_left: str, new_right: str
) -> None:
    old, new, path = f"{left}§{right}", f"{new_left}¶{new_right}", root / "a"
    content = (front + old + back).encode()
    path.write_bytes(content)
    await call("edit", path="a", edits=[edit(old, new)])
    assert path.read_bytes() == (front + new + back).encode()
    await call("edit", path="a", edits=[edit(new, old)])
    assert path.read_bytes() == content
    assert os.listdir(root) == ["a"]

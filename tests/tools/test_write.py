import os
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from kcode.errors import ToolError
from kcode.files.text import digest
from kcode.tools.tool import Output, Workspace
from kcode.tools.write import Write

Call = Callable[..., Awaitable[Output]]


async def test_a_new_file_is_created_with_its_folders(call: Call, root: Path, workspace: Workspace) -> None:
    output = await call("write", path="a/b/c.txt", text="x\ny\n")
    assert (root / "a/b/c.txt").read_text() == "x\ny\n"
    assert output.text == "Created a/b/c.txt: +2 -0."
    [change] = output.changes
    assert (change.path, change.kind, change.diff) == ("a/b/c.txt", "created", "@@ -0,0 +1,2 @@\n+x\n+y\n")
    assert workspace.seen == {root / "a/b/c.txt": digest(b"x\ny\n")}


async def test_an_existing_file_must_have_been_read(call: Call, root: Path) -> None:
    (root / "a").write_text("theirs\n")
    with pytest.raises(ToolError, match="a exists: read it before"):
        await call("write", path="a", text="mine\n")
    assert (root / "a").read_text() == "theirs\n"
    await call("read", path="a")
    assert (await call("write", path="a", text="mine\n")).text == "Wrote a: +1 -1."
    assert (root / "a").read_text() == "mine\n"


async def test_an_outline_is_not_reading(call: Call, root: Path) -> None:
    (root / "a.py").write_text("def f(): ...\n" * 5000)
    await call("read", path="a.py")
    with pytest.raises(ToolError, match="read it before"):
        await call("write", path="a.py", text="")


async def test_an_empty_file_need_not_be_read(call: Call, root: Path) -> None:
    (root / "a").touch()
    await call("write", path="a", text="x")
    await call("write", path="a", text="y")
    assert (root / "a").read_text() == "y"


async def test_what_was_written_or_edited_is_known(call: Call, root: Path) -> None:
    await call("write", path="a", text="x\n")
    await call("edit", path="a", edits=[{"old": "x", "new": "y"}])
    await call("write", path="a", text="z\n")
    assert (root / "a").read_text() == "z\n"


async def test_a_file_that_is_only_edited_is_not_known(call: Call, root: Path) -> None:
    (root / "a").write_text("x\ny\n")
    await call("edit", path="a", edits=[{"old": "x", "new": "y"}])
    with pytest.raises(ToolError, match="read it before"):
        await call("write", path="a", text="z\n")


async def test_a_file_that_changed_since_it_was_read_is_kept(call: Call, root: Path) -> None:
    (root / "a").write_text("x\n")
    await call("read", path="a")
    (root / "a").write_text("theirs\n")
    with pytest.raises(ToolError, match="a has changed since you read it"):
        await call("write", path="a", text="mine\n")
    assert (root / "a").read_text() == "theirs\n"


async def test_a_file_that_was_deleted_since_is_created(call: Call, root: Path) -> None:
    (root / "a").write_text("x\n")
    await call("read", path="a")
    (root / "a").unlink()
    assert (await call("write", path="a", text="y\n")).text == "Created a: +1 -0."


@pytest.mark.parametrize(
    ("before", "written", "after"),
    [
        (b"a\r\nb\r\n", "a\nc\n", b"a\r\nc\r\n"),
        (b"a\nb\n", "a\r\nc\r\n", b"a\nc\n"),
        (b"\xef\xbb\xbfa\n", "ü\n", b"\xef\xbb\xbf\xc3\xbc\n"),
        (b"\xff\xfea\0\n\0", "ü\n", b"\xff\xfe\xfc\0\n\0"),
        (b"caf\xe9\n", "thé\n", b"th\xe9\n"),
        (b"a\n", "b", b"b"),
    ],
)
async def test_encoding_mark_and_line_ends_stay(
    call: Call, root: Path, before: bytes, written: str, after: bytes
) -> None:
    (root / "a").write_bytes(before)
    await call("read", path="a")
    await call("write", path="a", text=written)
    assert (root / "a").read_bytes() == after


async def test_a_new_file_has_the_line_ends_that_were_written(call: Call, root: Path) -> None:
    await call("write", path="a.bat", text="x\r\ny\r\n")
    assert (root / "a.bat").read_bytes() == b"x\r\ny\r\n"


async def test_a_character_that_the_encoding_has_not_is_refused(call: Call, root: Path) -> None:
    (root / "a").write_bytes(b"caf\xe9\n")
    await call("read", path="a")
    with pytest.raises(ToolError, match="latin-1: it cannot hold"):
        await call("write", path="a", text="5 €\n")
    assert (root / "a").read_bytes() == b"caf\xe9\n"


async def test_mode_bits_stay(call: Call, root: Path) -> None:
    (root / "a.sh").write_text("x\n")
    (root / "a.sh").chmod(0o755)
    await call("read", path="a.sh")
    await call("write", path="a.sh", text="y\n")
    assert stat.S_IMODE((root / "a.sh").stat().st_mode) == 0o755


async def test_a_symlink_stays_and_its_target_is_written(call: Call, root: Path) -> None:
    (root / "target").write_text("x\n")
    (root / "link").symlink_to("target")
    await call("read", path="link")
    output = await call("write", path="link", text="y\n")
    assert (root / "link").is_symlink() and (root / "target").read_text() == "y\n"
    assert output.changes[0].path == "target"


@pytest.mark.parametrize("path", [".git/config", "sub/../.git/hooks/pre-commit", "link/config"])
async def test_files_of_git_are_never_written(call: Call, root: Path, path: str) -> None:
    (root / ".git").mkdir()
    (root / "sub").mkdir()
    (root / "link").symlink_to(".git")
    with pytest.raises(ToolError, match="git commands"):
        await call("write", path=path, text="x")
    assert os.listdir(root / ".git") == []


async def test_what_is_no_text_file_is_never_replaced(call: Call, root: Path) -> None:
    (root / "folder").mkdir()
    (root / "binary").write_bytes(b"\0\1")
    (root / "file").write_text("x")
    os.mkfifo(root / "pipe")
    for path in ("folder", "binary", "pipe", "file/below", "/dev/null", "x" * 300):
        with pytest.raises(ToolError):
            await call("write", path=path, text="x")
    assert (root / "binary").read_bytes() == b"\0\1"
    assert sorted(os.listdir(root)) == ["binary", "file", "folder", "pipe"]


async def test_a_read_only_file_is_refused(call: Call, root: Path) -> None:
    (root / "a").write_text("x\n")
    (root / "a").chmod(0o444)
    await call("read", path="a")
    with pytest.raises(ToolError, match="read-only"):
        await call("write", path="a", text="y\n")


async def test_a_new_program_with_a_syntax_error_is_written_and_told(call: Call, root: Path) -> None:
    output = await call("write", path="a.py", text="def f():\n    return (\n")
    assert output.ok
    assert output.text.split("\n")[1].startswith("Syntax error at line 2: return (")
    assert (root / "a.py").exists()


async def test_the_preview_is_the_diff_and_does_nothing(call: Call, root: Path, workspace: Workspace) -> None:
    assert await Write(path="new", text="x\n").preview(workspace) == "@@ -0,0 +1 @@\n+x\n"
    assert not (root / "new").exists()
    (root / "a").write_text("x\n")
    with pytest.raises(ToolError, match="read it before"):
        await Write(path="a", text="y\n").preview(workspace)
    await call("read", path="a")
    assert await Write(path="a", text="y\n").preview(workspace) == "@@ -1 +1 @@\n-x\n+y\n"


async def test_the_diff_of_a_great_file_is_bounded_in_the_record(call: Call) -> None:
    [change] = (await call("write", path="a", text="x\n" * 5000)).changes
    assert change.added == 5000 and change.diff.count("\n") == 401


async def test_the_same_text_again_changes_nothing(call: Call, root: Path) -> None:
    await call("write", path="a", text="x\n")
    output = await call("write", path="a", text="x\n")
    assert output.text == "Wrote a: +0 -0."

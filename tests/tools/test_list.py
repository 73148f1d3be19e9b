import os
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from kcode.errors import ToolError
from kcode.tools.tool import Output

Call = Callable[..., Awaitable[Output]]


def fill(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x\n")


async def test_a_folder_is_shown_as_a_tree(call: Call, root: Path) -> None:
    fill(root, "README.md", "src/app.py", "src/lib/x.py", "src/lib/y.py", "src/a-b.py")
    assert (await call("list")).text == ("README.md\nsrc/\n  a-b.py\n  app.py\n  lib/\n    x.py\n    y.py")
    assert (await call("list", path="src/lib")).text == "x.py\ny.py"


async def test_below_the_depth_files_are_counted(call: Call, root: Path) -> None:
    fill(root, "a/b/c/d", "a/b/c/e", "a/f", "g/h")
    assert (await call("list", depth=1)).text == "a/ (3 files)\ng/ (1 file)"
    assert (await call("list", depth=2)).text == "a/\n  b/ (2 files)\n  f\ng/\n  h"


async def test_a_large_tree_is_as_deep_as_fits(call: Call, root: Path) -> None:
    fill(root, *(f"src/part{n}/file{m}.py" for n in range(30) for m in range(30)), "README.md")
    lines = (await call("list")).text.split("\n")
    assert len(lines) == 32
    assert lines[:3] == ["README.md", "src/", "  part0/ (30 files)"]
    assert (await call("list", depth=9)).text.split("\n") == lines


async def test_a_large_folder_is_cut_and_says_so(call: Call, root: Path) -> None:
    fill(root, *(f"{n:04}" for n in range(1000)))
    lines = (await call("list")).text.split("\n")
    assert len(lines) == 251
    assert lines[-1] == "[750 more: list a folder of it, or search]"


async def test_ignored_files_are_not_shown(call: Call, root: Path) -> None:
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    fill(root, "a.py", "build/x.o")
    (root / ".gitignore").write_text("build/\n")
    assert (await call("list")).text == ".gitignore\na.py"


async def test_an_empty_folder_and_one_of_ignored_files_are_told_apart(call: Call, root: Path) -> None:
    (root / "empty").mkdir()
    fill(root, "hidden/.x")
    assert (await call("list", path="empty")).text == "empty holds nothing."
    assert (await call("list", path="hidden")).text == "hidden holds only ignored or hidden files."


async def test_symlinks_show_where_they_lead_and_loops_end(call: Call, root: Path) -> None:
    fill(root, "a/x")
    (root / "a/loop").symlink_to("..")
    (root / "b").symlink_to("a")
    assert (await call("list")).text == "a/\n  loop -> ..\n  x\nb -> a"
    assert (await call("list", path="b")).text == "loop -> ..\nx"


async def test_strange_names_are_shown_on_one_line(call: Call, root: Path) -> None:
    fill(root, "a\nb\x1b[2J/c\u202e")
    assert (await call("list")).text == "a\\nb\\x1b[2J/\n  c\\u202e"


async def test_what_is_no_folder_is_refused(call: Call, root: Path) -> None:
    fill(root, "file")
    os.mkfifo(root / "pipe")
    (root / "loop").symlink_to("loop")
    with pytest.raises(ToolError, match=r"file is a file\. Use read"):
        await call("list", path="file")
    for path in ("pipe", "loop", "missing", "file/below", "x" * 5000):
        with pytest.raises(ToolError):
            await call("list", path=path)


async def test_deep_folders_are_no_trouble(call: Call, root: Path) -> None:
    fill(root, "/".join("d" * 900) + "/x")
    assert (await call("list", depth=100)).text.endswith("d/ (1 file)")

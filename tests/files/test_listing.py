import asyncio
import os
import subprocess
from pathlib import Path

import pytest

from kcode.files.listing import files_of


def fill(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x\n")


def git(root: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=root, check=True, stdin=subprocess.DEVNULL, capture_output=True)


async def test_in_a_repository_the_files_are_those_of_git(root: Path) -> None:
    git(root, "init", "-q")
    fill(root, "a.py", "kept.log", "x.log", ".github/ci.yml", "build/out", "sub/b.py", "sub/c.tmp")
    (root / ".gitignore").write_text("*.log\nbuild/\n")
    (root / "sub/.gitignore").write_text("*.tmp\n")
    git(root, "add", "-f", "kept.log")
    assert await files_of(root) == [
        ".github/ci.yml",
        ".gitignore",
        "a.py",
        "kept.log",
        "sub/.gitignore",
        "sub/b.py",
    ]


async def test_a_folder_of_a_repository_is_listed_relative_to_itself(root: Path) -> None:
    git(root, "init", "-q")
    fill(root, "a.py", "sub/b.py", "sub/deep/c.py")
    assert await files_of(root / "sub") == ["b.py", "deep/c.py"]


async def test_an_ignored_folder_is_listed_when_it_is_meant(root: Path) -> None:
    git(root, "init", "-q")
    fill(root, "vendor/lib/x.py")
    (root / ".gitignore").write_text("vendor/\n")
    assert await files_of(root) == [".gitignore"]
    assert await files_of(root / "vendor") == ["lib/x.py"]


async def test_a_strange_name_comes_through_git_as_it_is(root: Path) -> None:
    git(root, "init", "-q")
    fill(root, "ä\n\x1b[2J 'x'.py", "-rf")
    assert await files_of(root) == ["-rf", "ä\n\x1b[2J 'x'.py"]


async def test_a_repository_in_the_repository_is_no_file(root: Path) -> None:
    git(root, "init", "-q")
    fill(root, "a.py", "inner/b.py")
    git(root / "inner", "init", "-q")
    assert await files_of(root) == ["a.py"]
    assert await files_of(root / "inner") == ["b.py"]


async def test_without_git_every_gitignore_counts_below_its_folder(root: Path) -> None:
    fill(
        root,
        "a.py",
        "x.log",
        "build/out",
        "sub/b.py",
        "sub/c.tmp",
        "sub/keep.log",
        "other/c.tmp",
        "sub/deep/d.tmp",
    )
    (root / ".gitignore").write_text("*.log\n/build/\n")
    (root / "sub/.gitignore").write_text("*.tmp\n!keep.log\n")
    assert await files_of(root) == ["a.py", "other/c.tmp", "sub/b.py", "sub/keep.log"]


async def test_without_git_hidden_and_installed_things_are_left_out(root: Path) -> None:
    fill(
        root,
        "a.py",
        ".venv/x",
        ".env",
        ".github/ci.yml",
        "node_modules/m/i.js",
        "__pycache__/a.pyc",
        "sub/.hidden/x",
    )
    assert await files_of(root) == [".github/ci.yml", "a.py"]


async def test_symlinks_are_listed_and_never_followed(root: Path, tmp_path: Path) -> None:
    fill(tmp_path / "outside", "secret")
    fill(root, "a/b.py")
    (root / "a/loop").symlink_to(root)
    (root / "out").symlink_to(tmp_path / "outside")
    (root / "self").symlink_to("self")
    expected = ["a/b.py", "a/loop", "out", "self"]
    assert await files_of(root) == expected
    git(root, "init", "-q")
    assert await files_of(root) == expected


async def test_without_git_it_is_the_same_as_with_git(root: Path) -> None:
    fill(root, "a.py", "b/c.txt", "b/d/e.log", "b/d/f.log", "g/h", "g/i/j", "k.o", "l/k.o", "sp ace", "#x")
    (root / ".gitignore").write_text("*.log\n!f.log\n/g/i\n*.o\n!/k.o\n\\#x\n# comment\nl/**\n")
    (root / "b/.gitignore").write_text("d/*\n!d/f.log\n")
    found = await files_of(root)
    git(root, "init", "-q")
    assert [name for name in await files_of(root) if not name.endswith(".gitignore")] == found


async def test_a_broken_repository_is_walked(root: Path) -> None:
    fill(root, "a.py")
    (root / ".git").write_text("gitdir: /nowhere\n")
    assert await files_of(root) == ["a.py"]


async def test_a_gitignore_that_is_no_text_is_harmless(root: Path) -> None:
    fill(root, "a.py", "b.py")
    (root / ".gitignore").write_bytes(b"\xff\xfe\0[\n[\nb.py\n")
    assert await files_of(root) == ["a.py"]
    (root / ".gitignore").unlink()
    os.mkfifo(root / ".gitignore")
    async with asyncio.timeout(5):
        assert await files_of(root) == ["a.py", "b.py"]


@pytest.mark.parametrize("name", ["a\udcff.py"])
async def test_a_name_that_is_no_text_breaks_nothing(root: Path, name: str) -> None:
    fill(root, name, "b.py")
    assert "b.py" in await files_of(root)

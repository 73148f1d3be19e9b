"""Whatever a session does to files, undoing it gives back the very tree that was there."""

import asyncio
import os
import stat
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kcode.files.disk import replace
from kcode.memory.checkpoints import Checkpoints
from kcode.memory.keeping import place_for

NAMES = [
    "a",
    "b.txt",
    "ignored.log",
    "dir",
    "dir/c",
    "dir/deep/d",
    "new/e",
    "build/out",
    "nested/x",
    "w s\t'ü",
    "-n",
]
WORDS = ["one\n", "two\r\n", "", "three", "\x00binary"]
name = st.sampled_from(NAMES)


def quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def command(draw: st.DrawFn) -> str:
    one, other, word = quoted(draw(name)), quoted(draw(name)), draw(st.sampled_from(WORDS[:4]))
    mode = draw(st.sampled_from(["600", "755", "640", "444"]))
    return draw(
        st.sampled_from(
            [
                f"printf %s {quoted(word)} > ./{one}",
                f"printf %s {quoted(word)} >> ./{one}",
                f"rm -rf -- {one}",
                f"mv -f -- {one} {other}",
                f"cp -r -- {one} {other}",
                f"chmod {mode} -- {one}",
                f"mkdir -p -- {one}",
                f"rmdir -- {one}",
                f"ln -sfn ../{other} ./{one}",
                f"ln -sfn /etc/hostname ./{one}",
                f"ln -f -- {one} {other}",
                f"truncate -s 3 -- {one}",
            ]
        )
    )


@st.composite
def steps(draw: st.DrawFn) -> list[str | tuple[str, str]]:
    """Each a script for bash, or a file that an edit tool writes, and its text."""
    count = draw(st.integers(1, 5))
    made: list[str | tuple[str, str]] = []
    for _ in range(count):
        if draw(st.booleans()):
            made.append((draw(name), draw(st.sampled_from(WORDS))))
        else:
            made.append("\n".join(command(draw) for _ in range(draw(st.integers(1, 4)))))
    return made


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)


def filled(folder: Path) -> Path:
    for path, text in {
        "a": "A\n",
        "b.txt": "B\r\n",
        "dir/c": "C",
        "dir/deep/d": "D" * 5000,
        "ignored.log": "kept though ignored",
        "build/out": "ignored folder",
        ".gitignore": "*.log\nbuild/\n",
        ".gitattributes": "* text=auto eol=crlf\n",
        "node_modules/left/alone.js": "",
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(text.encode())
    (folder / "empty").mkdir()
    (folder / "link").symlink_to("dir/c")
    (folder / "dir/c").chmod(0o640)
    (folder / "a").chmod(0o755)
    return folder


def repository(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    git(folder, "init", "-q")
    filled(folder)
    git(folder, "add", "a", "b.txt", "dir")
    git(folder, "commit", "-qm", "first")
    (folder / "b.txt").write_text("staged\n")
    git(folder, "add", "b.txt")
    return folder


def plain(base: Path) -> Path:
    (base / "plain").mkdir()
    return filled(base / "plain")


def repo(base: Path) -> Path:
    root = repository(base / "repo")
    (root / "a").write_text("stashed")
    git(root, "stash")
    (root / "b.txt").write_text("staged anew\n")
    git(root, "add", "b.txt")
    return root


def nested(base: Path) -> Path:
    root = repository(base / "outer")
    repository(root / "nested")
    (root / "nested/x").write_text("X")
    return root


def submodule(base: Path) -> Path:
    inner = repository(base / "inner")
    root = repository(base / "super")
    git(root, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(inner), "nested")
    return root


def inside_submodule(base: Path) -> Path:
    return submodule(base) / "nested"


def worktree(base: Path) -> Path:
    git(repository(base / "main"), "worktree", "add", "-q", "../linked")
    return filled(base / "linked")


def tree(root: Path) -> dict[str, tuple[int, bytes]]:
    """Everything in a folder; .git as well."""
    found = {}
    for folder, folders, files in os.walk(root):
        for one in (*folders, *files):
            path = Path(folder, one)
            mode = path.lstat().st_mode
            data = (
                os.fsencode(os.readlink(path))
                if stat.S_ISLNK(mode)
                else path.read_bytes()
                if stat.S_ISREG(mode)
                else b""
            )
            found[str(path.relative_to(root))] = (mode, data)
    return found


def gits(base: Path) -> dict[str, tuple[int, bytes]]:
    """All that is git's own, down to the index and the stash."""
    return {path: what for path, what in tree(base).items() if ".git" in path.split("/")}


async def play(checkpoints: Checkpoints, root: Path, script: list[str | tuple[str, str]]) -> None:
    for step in script:
        if isinstance(step, str):
            async with checkpoints.around("main", None):
                subprocess.run(["bash", "-c", step], cwd=root, stderr=subprocess.DEVNULL)
        else:
            path = root / step[0]
            if not _can_be_written(path):
                continue
            async with checkpoints.around("main", [path]):
                replace(path, step[1].encode(), path.read_bytes() if path.exists() else None)


def _can_be_written(path: Path) -> bool:
    """As an edit tool sees it: a regular file or nothing, in real folders."""
    parents = [parent for parent in path.parents if os.path.lexists(parent)]
    is_real = parents[0].is_dir() and Path(os.path.realpath(path.parent)) == path.parent
    if not os.path.lexists(path):
        return is_real
    return is_real and stat.S_ISREG(path.lstat().st_mode) and bool(path.lstat().st_mode & 0o222)


@pytest.mark.parametrize("kind", [plain, repo, nested, submodule, inside_submodule, worktree])
@settings(max_examples=8, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(turns=st.lists(steps(), min_size=1, max_size=3))
def test_undoing_every_prompt_gives_back_the_tree_and_redoing_them_its_end(
    kind: Callable[[Path], Path], turns: list[list[str | tuple[str, str]]]
) -> None:
    async def body(base: Path) -> None:
        root = kind(base)
        checkpoints = Checkpoints(
            place_for(root, (), 1_000_000), "s", base / "kept" / "x.sqlite3", 10_000_000, 14.0
        )
        before = gits(base)
        states = [tree(root)]
        for script in turns:
            checkpoints.begin_turn("a prompt")
            await play(checkpoints, root, script)
            states.append(tree(root))
        undone = 0
        while plan := await checkpoints.plan_undo():
            done = await checkpoints.carry_out(plan)
            assert not done.conflicts
            assert tree(root) in states
            undone += 1
        assert tree(root) == states[0]
        assert gits(base) == before
        for _ in range(undone):
            plan = await checkpoints.plan_redo()
            assert plan is not None
            assert not (await checkpoints.carry_out(plan)).conflicts
        assert tree(root) == states[-1]
        assert checkpoints.trouble() == ""
        checkpoints.close()

    with tempfile.TemporaryDirectory() as base:
        asyncio.run(body(Path(base).resolve()))

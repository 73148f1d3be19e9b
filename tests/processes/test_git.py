import asyncio
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from kcode.processes.git import GitError, git, is_repository

READS = (
    ("status", "--porcelain"),
    ("diff",),
    ("diff", "--stat", "HEAD"),
    ("log", "-p", "-1"),
    ("show", "HEAD"),
    ("ls-files", "-o"),
    ("blame", "--", "a.txt"),
    ("grep", "word"),
)
WRITES = (
    ("add", "-A"),
    ("stash", "create"),
    ("worktree", "add", "../other"),
    ("checkout", "HEAD", "--", "."),
)


def shell_git(root: Path, *arguments: str) -> None:
    """git as anybody would call it."""
    subprocess.run(["git", *arguments], cwd=root, stdin=subprocess.DEVNULL, capture_output=True, timeout=20)


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """A program that writes down that it was run."""
    program = tmp_path / "trap"
    program.write_text(f'#!/bin/sh\necho "$0 $@" >> {tmp_path}/sprung\n[ -t 0 ] || cat\n')
    program.chmod(0o755)
    return program


@pytest.fixture
def hostile(tmp_path: Path, trap: Path) -> Path:
    """A repository in which whatever git can be made to run is the trap."""
    root = tmp_path / "hostile"
    root.mkdir()
    shell_git(root, "init", "-q")
    (root / "a.txt").write_text("word\n")
    (root / "b.bin").write_text("word\n")
    shell_git(root, "add", "-A")
    shell_git(root, "commit", "-q", "-m", "first")
    (root / ".gitattributes").write_text("*.txt filter=x.y diff=d\n*.bin filter=z diff=t\n")
    (root / "a.txt").write_text("word changed\n")
    (root / "b.bin").write_text("word changed\n")
    settings = {
        "core.fsmonitor": trap,
        "core.pager": trap,
        "core.sshCommand": trap,
        "core.editor": trap,
        "diff.external": trap,
        "diff.d.command": trap,
        "diff.t.textconv": trap,
        "log.showSignature": "true",
        "gpg.program": trap,
        "commit.gpgSign": "true",
        "credential.helper": trap,
        "core.alternateRefsCommand": trap,
        "filter.z.process": trap,
        "filter.z.required": "true",
    } | {f"filter.x.y.{kind}": trap for kind in ("clean", "smudge")}
    for key, value in settings.items():
        shell_git(root, "config", key, str(value))
    hooks = "post-index-change pre-commit post-checkout reference-transaction post-commit pre-push"
    for hook in hooks.split():
        (root / ".git/hooks" / hook).write_text(f"#!/bin/sh\nexec {trap} {hook}\n")
        (root / ".git/hooks" / hook).chmod(0o755)
    return root


def sprung(trap: Path) -> str:
    file = trap.with_name("sprung")
    return file.read_text() if file.exists() else ""


@pytest.mark.parametrize("arguments", (("status",), ("diff",), ("log", "-p"), ("add", "-A")), ids=" ".join)
def test_a_plain_git_runs_what_a_hostile_repository_wants(
    hostile: Path, trap: Path, arguments: tuple[str, ...]
) -> None:
    trap.with_name("sprung").unlink(missing_ok=True)
    shell_git(hostile, *arguments)
    assert sprung(trap)


async def test_ours_reads_a_hostile_repository_and_runs_nothing(hostile: Path, trap: Path) -> None:
    trap.with_name("sprung").unlink(missing_ok=True)
    said = {arguments: await git(hostile, *arguments) for arguments in READS}
    assert not sprung(trap)
    assert said["status", "--porcelain"].splitlines() == [" M a.txt", " M b.bin", "?? .gitattributes"]
    assert "+word changed" in said["diff",]
    assert "word" in said["grep", "word"]


@pytest.mark.parametrize("arguments", WRITES, ids=" ".join)
async def test_ours_writes_in_a_hostile_repository_and_runs_nothing(
    hostile: Path, trap: Path, arguments: tuple[str, ...]
) -> None:
    trap.with_name("sprung").unlink(missing_ok=True)
    await git(hostile, *arguments)
    assert not sprung(trap)


async def test_reading_leaves_the_index_as_it_was(repository: Path) -> None:
    (repository / "README.md").touch()
    before = (repository / ".git/index").read_bytes()
    await git(repository, "status")
    await git(repository, "diff")
    assert (repository / ".git/index").read_bytes() == before


async def test_a_bare_repository_hidden_in_a_folder_is_none(hostile: Path, trap: Path) -> None:
    hidden = hostile / "assets"
    shell_git(hostile, "init", "-q", "--bare", "assets")
    for key, value in {"core.bare": "false", "core.worktree": "..", "core.fsmonitor": str(trap)}.items():
        shell_git(hidden, "config", key, value)
    trap.with_name("sprung").unlink(missing_ok=True)
    with pytest.raises(GitError, match=r"safe\.bareRepository"):
        await git(hidden, "status")
    assert not sprung(trap)


async def test_variables_that_lead_git_elsewhere_are_not_passed_on(
    repository: Path, hostile: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(hostile / ".git"))
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", "/bin/false")
    assert (await git(repository, "log", "--format=%s")).strip() == "A small shop"


async def test_a_git_in_the_workspace_is_not_run(
    repository: Path, trap: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repository / "git").symlink_to(trap)
    monkeypatch.setenv("PATH", os.pathsep.join((str(repository), ".", "", os.environ["PATH"])))
    await git(repository, "status")
    assert not sprung(trap)


async def test_what_git_says_against_it_is_the_error(repository: Path) -> None:
    with pytest.raises(GitError, match="bad revision"):
        await git(repository, "log", "no-such-branch", "--")


async def test_paths_are_taken_literally(repository: Path) -> None:
    assert await git(repository, "ls-files", "--", "*.md") == ""
    assert await git(repository, "ls-files", "--", "README.md") == "README.md\n"


async def test_a_folder_without_repository_is_none(tmp_path: Path, repository: Path) -> None:
    assert await is_repository(repository / "shop")
    assert not await is_repository(tmp_path)
    assert not await is_repository(repository / ".git")
    assert not await is_repository(repository / "no such folder")


@pytest.fixture
def endless(repository: Path) -> Path:
    """A repository that git never finishes to read."""
    os.mkfifo(repository / ".git/never")
    (repository / ".git/config").write_text("[include]\n\tpath = never\n")
    return repository


async def test_a_git_that_hangs_is_ended_at_its_limit(endless: Path) -> None:
    with pytest.raises(GitError, match="longer than"):
        await git(endless, "status", timeout=0.3)
    assert not _gits()


async def test_a_cancelled_git_is_gone(endless: Path) -> None:
    call = asyncio.create_task(git(endless, "status"))
    await until(_gits)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert not _gits()


def _gits() -> list[psutil.Process]:
    return [child for child in psutil.Process().children(recursive=True) if child.name() == "git"]


async def until(happens: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not happens():
            await asyncio.sleep(0.01)

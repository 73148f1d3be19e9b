import asyncio
import subprocess
from pathlib import Path

import pytest

from kcode import settings
from kcode.agent.worktrees import Conflict, Worktree, Worktrees
from kcode.processes.git import GitError


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def worktrees() -> Worktrees:
    return Worktrees(settings.Worktrees())


@pytest.fixture
def shop(repository: Path) -> Path:
    """With something of each kind that is not committed."""
    (repository / "notes.md").write_text("one\ntwo\nthree\nfour\nfive\n")
    (repository / ".gitignore").write_text("*.local\n__pycache__/\n")
    git(repository, "add", "notes.md", ".gitignore")
    git(repository, "commit", "-qm", "notes")
    (repository / "notes.md").write_text("one\ntwo\nthree\nfour\nmine\n")
    (repository / "new.txt").write_text("new\n")
    (repository / "staged.txt").write_text("staged\n")
    git(repository, "add", "staged.txt")
    (repository / "key.local").write_text("ignored\n")
    return repository


def state(folder: Path) -> tuple[str, bytes, str, str]:
    """What git thinks of the folder, its index, stash and HEAD."""
    return (
        git(folder, "status", "--porcelain"),
        (folder / ".git/index").read_bytes(),
        git(folder, "stash", "list"),
        git(folder, "rev-parse", "HEAD"),
    )


async def settled(worktrees: Worktrees, worktree: Worktree) -> None:
    """What is deleted meanwhile is gone."""
    home = Path(worktree.top).parent.parent
    for _ in range(100):
        if not list(home.glob("trash-*")):
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the trash stays")


async def test_a_worktree_holds_all_that_is_there_but_what_is_ignored(
    shop: Path, worktrees: Worktrees
) -> None:
    before = state(shop)
    worktree = await worktrees.make("s", "1", shop, "Title")
    names = {path.name for path in worktree.folder.iterdir()}
    assert {"notes.md", "new.txt", "staged.txt", "README.md"} <= names and "key.local" not in names
    assert (worktree.folder / "notes.md").read_text().endswith("mine\n")
    assert state(shop) == before
    assert git(worktree.folder, "branch", "--show-current") == "kcode/s-1"
    assert worktrees.kept("s", "1") == worktree
    await worktrees.remove(worktree)


async def test_its_work_comes_back_beside_the_users_own(shop: Path, worktrees: Worktrees) -> None:
    worktree = await worktrees.make("s", "1", shop)
    folder = worktree.folder
    (folder / "notes.md").write_text("ONE\ntwo\nthree\nfour\nmine\n")
    (folder / "added").mkdir()
    (folder / "added" / "tool.sh").write_text("#!/bin/sh\n")
    (folder / "added" / "tool.sh").chmod(0o755)
    (folder / "new.txt").unlink()
    (shop / "notes.md").write_text("one\ntwo\nthree\nfour\nmine, later\n")
    (shop / "else.txt").write_text("the user's\n")
    index, head = (shop / ".git/index").read_bytes(), git(shop, "rev-parse", "HEAD")
    assert set(await worktrees.merge(worktree)) == {"notes.md", "added/tool.sh", "new.txt"}
    assert (shop / "notes.md").read_text() == "ONE\ntwo\nthree\nfour\nmine, later\n"
    assert (shop / "added" / "tool.sh").stat().st_mode & 0o100
    assert not (shop / "new.txt").exists() and (shop / "else.txt").exists()
    assert (shop / ".git/index").read_bytes() == index and git(shop, "rev-parse", "HEAD") == head
    await settled(worktrees, worktree)
    assert not folder.exists() and worktrees.all() == []
    assert "kcode/" not in git(shop, "branch", "--all") and git(shop, "worktree", "list").count("\n") == 0


async def test_a_conflict_changes_nothing_and_can_be_mended_in_the_worktree(
    shop: Path, worktrees: Worktrees
) -> None:
    worktree = await worktrees.make("s", "1", shop)
    (worktree.folder / "notes.md").write_text("theirs\ntwo\nthree\nfour\nmine\n")
    (worktree.folder / "fine.txt").write_text("fine\n")
    (shop / "notes.md").write_text("ours\ntwo\nthree\nfour\nmine\n")
    before = state(shop)
    with pytest.raises(Conflict) as raised:
        await worktrees.merge(worktree)
    assert raised.value.files == ("notes.md",)
    assert state(shop) == before and not (shop / "fine.txt").exists()
    marked = (worktree.folder / "notes.md").read_text()
    assert "<<<<<<<" in marked and "ours" in marked and "theirs" in marked
    (worktree.folder / "notes.md").write_text("both\ntwo\nthree\nfour\nmine\n")
    kept = worktrees.kept("s", "1")
    assert kept is not None
    assert set(await worktrees.merge(kept)) == {"notes.md", "fine.txt"}
    assert (shop / "notes.md").read_text().startswith("both\n")


async def test_two_that_add_the_same_file_conflict(shop: Path, worktrees: Worktrees) -> None:
    first = await worktrees.make("s", "1", shop)
    second = await worktrees.make("s", "2", shop)
    (first.folder / "same.txt").write_text("first\n")
    (second.folder / "same.txt").write_text("second\n")
    assert await worktrees.merge(first) == ("same.txt",)
    with pytest.raises(Conflict):
        await worktrees.merge(second)
    assert (shop / "same.txt").read_text() == "first\n"


async def test_one_without_changes_leaves_no_trace(shop: Path, worktrees: Worktrees) -> None:
    before = state(shop)
    worktree = await worktrees.make("s", "1", shop)
    assert await worktrees.merge(worktree) == ()
    assert state(shop) == before


async def test_a_session_below_the_top_works_below_the_top(shop: Path, worktrees: Worktrees) -> None:
    (shop / "part").mkdir()
    (shop / "part" / "a.txt").write_text("a\n")
    worktree = await worktrees.make("s", "1", shop / "part")
    assert worktree.folder.name == "part" and (worktree.folder / "a.txt").read_text() == "a\n"
    (worktree.folder / "a.txt").write_text("b\n")
    assert await worktrees.merge(worktree) == ("part/a.txt",)
    assert (shop / "part" / "a.txt").read_text() == "b\n"


async def test_ignored_files_that_the_settings_name_come_along_and_the_setup_runs(shop: Path) -> None:
    worktrees = Worktrees(settings.Worktrees(setup="cat key.local > made.txt", copy_ignored=("*.local",)))
    worktree = await worktrees.make("s", "1", shop)
    assert (worktree.folder / "made.txt").read_text() == "ignored\n"
    await worktrees.remove(worktree)


async def test_a_setup_that_fails_says_why_and_leaves_nothing(shop: Path) -> None:
    worktrees = Worktrees(settings.Worktrees(setup="echo no such lock file; exit 3"))
    with pytest.raises(GitError, match="no such lock file"):
        await worktrees.make("s", "1", shop)
    assert worktrees.all() == [] and "kcode/" not in git(shop, "branch", "--all")


async def test_a_repository_without_a_commit_has_worktrees_too(tmp_path: Path, worktrees: Worktrees) -> None:
    git(tmp_path, "init", "-q", "young")
    young = tmp_path / "young"
    (young / "a.txt").write_text("a\n")
    worktree = await worktrees.make("s", "1", young)
    (worktree.folder / "a.txt").write_text("b\n")
    assert await worktrees.merge(worktree) == ("a.txt",)
    assert (young / "a.txt").read_text() == "b\n"


async def test_without_git_there_is_none(tmp_path: Path, worktrees: Worktrees) -> None:
    with pytest.raises(GitError):
        await worktrees.make("s", "1", tmp_path)


async def test_hooks_and_filters_of_the_repository_do_not_run(shop: Path, worktrees: Worktrees) -> None:
    trap = shop / "trap.sh"
    trap.write_text(f"#!/bin/sh\ntouch {shop.parent}/sprung\ncat\n")
    trap.chmod(0o755)
    for hook in ("post-checkout", "pre-commit", "post-index-change", "reference-transaction"):
        (shop / ".git/hooks" / hook).write_text(trap.read_text())
        (shop / ".git/hooks" / hook).chmod(0o755)
    git(shop, "config", "filter.trap.clean", str(trap))
    git(shop, "config", "filter.trap.smudge", str(trap))
    (shop / ".gitattributes").write_text("*.md filter=trap\n")
    worktree = await worktrees.make("s", "1", shop)
    (worktree.folder / "notes.md").write_text("changed\n")
    await worktrees.merge(worktree)
    assert (shop / "notes.md").read_text() == "changed\n"
    assert not (shop.parent / "sprung").exists()


async def test_a_folder_that_became_a_symlink_is_not_followed(shop: Path, worktrees: Worktrees) -> None:
    (shop / "part").mkdir()
    (shop / "part" / "a.txt").write_text("a\n")
    worktree = await worktrees.make("s", "1", shop)
    outside = shop.parent / "outside"
    outside.mkdir()
    (outside / "a.txt").write_text("outside\n")
    (worktree.folder / "part" / "a.txt").unlink()
    (worktree.folder / "part").rmdir()
    (worktree.folder / "part").symlink_to(outside)
    await worktrees.merge(worktree)
    assert (outside / "a.txt").read_text() == "outside\n"


async def test_many_are_made_at_the_same_moment_by_several_kcodes(shop: Path) -> None:
    two = [Worktrees(settings.Worktrees()) for _ in range(2)]
    made = await asyncio.gather(*(two[n % 2].make("s", str(n), shop) for n in range(8)))
    assert len({worktree.top for worktree in made}) == 8
    assert all((worktree.folder / "notes.md").exists() for worktree in made)
    for worktree in made:
        (worktree.folder / f"{worktree.task}.txt").write_text("done\n")
    for worktree in made:
        assert await two[0].merge(worktree) == (f"{worktree.task}.txt",)

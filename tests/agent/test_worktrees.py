import asyncio
import shutil
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


async def test_a_branch_of_the_users_stays_what_it_is(shop: Path, worktrees: Worktrees) -> None:
    git(shop, "branch", "kcode/feature", "HEAD~1")
    before = git(shop, "rev-parse", "kcode/feature")
    worktree = await worktrees.named("feature", shop)
    assert worktree.branch == "kcode/feature-2" and git(shop, "rev-parse", "kcode/feature") == before
    assert await worktrees.named("feature", shop) == worktree
    await worktrees.remove(worktree)
    assert git(shop, "rev-parse", "kcode/feature") == before


async def test_a_branch_named_kcode_is_in_nobodys_way(shop: Path, worktrees: Worktrees) -> None:
    git(shop, "branch", "kcode")
    worktree = await worktrees.named("feature", shop)
    assert (worktree.branch, worktree.name) == ("kcode-feature", "feature")
    (worktree.folder / "a.txt").write_text("a\n")
    assert await worktrees.merge(worktree) == ("a.txt",)


async def test_work_whose_record_is_lost_is_not_removed_by_the_next_of_that_name(
    shop: Path, worktrees: Worktrees
) -> None:
    lost = await worktrees.named("feature", shop)
    (lost.folder / "work.txt").write_text("dear\n")
    next(Path(lost.top).parent.parent.glob("*.json")).unlink()
    found = await worktrees.named("feature", shop)
    assert found.top != lost.top and (lost.folder / "work.txt").read_text() == "dear\n"
    git(shop, "rev-parse", lost.branch)


async def test_what_was_taken_from_a_worktree_comes_back_when_that_is_gone(
    shop: Path, worktrees: Worktrees
) -> None:
    outer = await worktrees.make("s", "1", shop)
    (outer.folder / "outer.txt").write_text("outer\n")
    await worktrees.make("s", "1.1", outer.folder)
    await worktrees.merge(outer)
    inner = worktrees.kept("s", "1.1")
    assert inner is not None and (inner.folder / "outer.txt").exists()
    (inner.folder / "inner.txt").write_text("inner\n")
    assert await worktrees.merge(inner) == ("inner.txt",)
    assert (shop / "inner.txt").exists() and (shop / "outer.txt").exists()


async def test_a_folder_without_files_can_be_worked_in(shop: Path, worktrees: Worktrees) -> None:
    (shop / "empty" / "deep").mkdir(parents=True)
    worktree = await worktrees.make("s", "1", shop / "empty" / "deep")
    (worktree.folder / "a.txt").write_text("a\n")
    assert await worktrees.merge(worktree) == ("empty/deep/a.txt",)


async def test_the_name_of_a_repository_may_be_anything(shop: Path, worktrees: Worktrees) -> None:
    odd = shop.rename(shop.parent / "two words\nand ünï 'quotes' $HOME")
    (odd / "süß\n.txt").write_text("new\n")
    worktree = await worktrees.make("s", "1", odd)
    assert (worktree.folder / "süß\n.txt").exists()
    (worktree.folder / "more\nö.txt").write_text("ö\n")
    assert await worktrees.merge(worktree) == ("more\nö.txt",)
    assert (odd / "more\nö.txt").read_text() == "ö\n"


async def test_a_linked_worktree_of_the_users_own_is_a_repository_like_others(
    shop: Path, worktrees: Worktrees
) -> None:
    git(shop, "worktree", "add", "-q", "-b", "side", str(shop.parent / "side"))
    side = shop.parent / "side"
    (side / "open.txt").write_text("open\n")
    worktree = await worktrees.make("s", "1", side)
    assert (worktree.folder / "open.txt").exists() and not (worktree.folder / "new.txt").exists()
    (worktree.folder / "a.txt").write_text("a\n")
    await worktrees.merge(worktree)
    assert (side / "a.txt").exists() and not (shop / "a.txt").exists()


async def test_submodules_modes_and_symlinks_stay_as_they_are(shop: Path, worktrees: Worktrees) -> None:
    other = shop.parent / "other"
    other.mkdir()
    git(other, "init", "-q")
    (other / "lib.txt").write_text("lib\n")
    git(other, "add", "lib.txt")
    git(other, "commit", "-qm", "lib")
    git(shop, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other), "lib")
    git(shop, "commit", "-qm", "submodule")
    (shop / "link").symlink_to("notes.md")
    (shop / "run.sh").write_text("#!/bin/sh\n")
    worktree = await worktrees.make("s", "1", shop)
    assert (worktree.folder / "link").readlink() == Path("notes.md")
    (worktree.folder / "run.sh").chmod(0o755)
    (worktree.folder / "link").unlink()
    (worktree.folder / "link").symlink_to("run.sh")
    assert set(await worktrees.merge(worktree)) == {"link", "run.sh"}
    assert (shop / "run.sh").stat().st_mode & 0o100 and (shop / "link").readlink() == Path("run.sh")
    assert (shop / "lib" / "lib.txt").read_text() == "lib\n"


async def test_line_ends_of_other_files_stay_and_strict_checks_of_them_stop_nothing(
    shop: Path, worktrees: Worktrees
) -> None:
    git(shop, "config", "core.autocrlf", "input")
    git(shop, "config", "core.safecrlf", "true")
    (shop / "dos.txt").write_bytes(b"one\r\ntwo\r\n")
    worktree = await worktrees.make("s", "1", shop)
    (worktree.folder / "a.txt").write_text("a\n")
    assert await worktrees.merge(worktree) == ("a.txt",)
    assert (shop / "dos.txt").read_bytes() == b"one\r\ntwo\r\n"


async def test_what_a_sparse_checkout_leaves_out_is_not_deleted(shop: Path, worktrees: Worktrees) -> None:
    for name in ("in", "out"):
        (shop / name).mkdir()
        (shop / name / "a.txt").write_text(f"{name}\n")
    git(shop, "add", "in", "out")
    git(shop, "commit", "-qm", "two")
    git(shop, "sparse-checkout", "set", "in")
    assert not (shop / "out").exists()
    worktree = await worktrees.make("s", "1", shop)
    (worktree.folder / "in" / "a.txt").write_text("changed\n")
    assert await worktrees.merge(worktree) == ("in/a.txt",)
    assert (shop / "in" / "a.txt").read_text() == "changed\n"
    assert "out/a.txt" not in git(shop, "status", "--porcelain")


async def test_large_files_stay_pointers_where_their_filter_does_not_run(
    shop: Path, worktrees: Worktrees
) -> None:
    git(shop, "config", "filter.lfs.clean", "false")
    git(shop, "config", "filter.lfs.required", "true")
    (shop / ".gitattributes").write_text("*.bin filter=lfs\n")
    (shop / "big.bin").write_bytes(b"\x00" * 100_000)
    worktree = await worktrees.make("s", "1", shop)
    (worktree.folder / "a.txt").write_text("a\n")
    assert await worktrees.merge(worktree) == ("a.txt",)
    assert (shop / "big.bin").read_bytes() == b"\x00" * 100_000


async def test_another_branch_meanwhile_gets_the_work_all_the_same(shop: Path, worktrees: Worktrees) -> None:
    worktree = await worktrees.make("s", "1", shop)
    (worktree.folder / "a.txt").write_text("a\n")
    git(shop, "add", "-A")
    git(shop, "commit", "-qm", "mine")
    git(shop, "checkout", "-q", "-b", "elsewhere")
    (shop / "b.txt").write_text("b\n")
    assert await worktrees.merge(worktree) == ("a.txt",)
    assert (shop / "b.txt").exists() and git(shop, "branch", "--show-current") == "elsewhere"


async def test_one_whose_folder_was_deleted_is_no_longer_kept(shop: Path, worktrees: Worktrees) -> None:
    worktree = await worktrees.make("s", "1", shop)
    shutil.rmtree(worktree.top)
    assert worktrees.kept("s", "1") is None and worktrees.all() == []
    with pytest.raises(GitError):
        await worktrees.merge(worktree)
    again = await worktrees.make("s", "1", shop)
    assert (again.folder / "notes.md").exists()

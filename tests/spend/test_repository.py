import subprocess
from pathlib import Path

from kcode.spend.repository import repository_of


def git(*arguments: str, cwd: Path) -> None:
    subprocess.run(["git", *arguments], cwd=cwd, check=True, capture_output=True)


def test_every_folder_of_a_repository_and_its_worktrees_are_the_repository(
    repository: Path, tmp_path: Path
) -> None:
    (repository / "web" / "deep").mkdir(parents=True)
    git("worktree", "add", "-b", "side", str(tmp_path / "side"), cwd=repository)
    shop = str(repository)
    assert repository_of(shop) == shop
    assert repository_of(str(repository / "web" / "deep")) == shop
    assert repository_of(str(tmp_path / "side" / "tests")) == shop


def test_a_folder_without_git_stands_for_itself(tmp_path: Path) -> None:
    assert repository_of(str(tmp_path / "plain")) == str(tmp_path / "plain")
    assert repository_of("") == ""


def test_a_repository_cannot_say_that_it_is_another_one(repository: Path, tmp_path: Path) -> None:
    hostile = tmp_path / "hostile"
    hostile.mkdir()
    worktree = repository / ".git" / "worktrees" / "x"
    worktree.mkdir(parents=True)
    (worktree / "gitdir").write_text(str(tmp_path / "side" / ".git"))
    (hostile / ".git").write_text(f"gitdir: {worktree}\n")
    assert repository_of(str(hostile)) == str(hostile)

import os
import subprocess
from pathlib import Path

import pytest

from kcode.memory import bank
from kcode.memory.freshness import stale

TOPIC = ".kcode/memory/architecture.md"


def write(path: Path, text: str, at: int | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    if at is not None:
        os.utime(path, (at, at))
    return path


def commit(root: Path, at: int) -> None:
    env = os.environ | {"GIT_COMMITTER_DATE": f"{at} +0000", "GIT_AUTHOR_DATE": f"{at} +0000"}
    for arguments in (["add", "."], ["commit", "-q", "-m", "x"]):
        subprocess.run(["git", *arguments], cwd=root, check=True, env=env)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    write(tmp_path / "app/loop.py", "1")
    write(tmp_path / "app/other.py", "1")
    write(tmp_path / "app/old.py", "1")
    write(
        tmp_path / TOPIC, "The loop is `app/loop.py:12`; see [other](app/other.py), `app/old.py`, `and/or`."
    )
    commit(tmp_path, 1_000_000_000)
    return tmp_path


async def reasons(root: Path) -> dict[str, str]:
    return {one.topic: one.reason for one in await stale(bank.of(root))}


async def test_a_topic_that_was_written_with_the_files_it_names_is_fresh(root: Path) -> None:
    assert await reasons(root) == {}


async def test_a_topic_is_stale_when_files_that_it_names_were_committed_since(root: Path) -> None:
    write(root / "app/loop.py", "2")
    write(root / "app/unnamed.py", "2")
    commit(root, 1_000_000_100)
    assert await reasons(root) == {"architecture": "app/loop.py changed"}
    write(root / TOPIC, "The loop is `app/loop.py`, anew.")
    commit(root, 1_000_000_200)
    assert await reasons(root) == {}


async def test_what_is_not_committed_counts_by_its_time(root: Path) -> None:
    write(root / "app/other.py", "2")
    assert await reasons(root) == {"architecture": "app/other.py changed"}
    write(root / TOPIC, "Now with `app/other.py` anew.", at=int((root / "app/other.py").stat().st_mtime) + 5)
    assert await reasons(root) == {}


async def test_files_that_are_gone_are_named(root: Path) -> None:
    (root / "app/old.py").unlink()
    commit(root, 1_000_000_100)
    assert await reasons(root) == {"architecture": "app/old.py gone"}


async def test_a_part_of_a_repository_is_looked_at_for_itself(root: Path) -> None:
    write(root / "app/.kcode/memory/tech.md", "See `loop.py`.")
    commit(root, 1_000_000_100)
    assert await reasons(root / "app") == {}
    write(root / "app/loop.py", "2")
    assert await reasons(root / "app") == {"tech": "loop.py changed"}


async def test_without_git_the_times_of_the_files_decide(tmp_path: Path) -> None:
    write(tmp_path / "a.py", "1", at=1_000_000_100)
    write(tmp_path / TOPIC, "See `a.py`.", at=1_000_000_200)
    assert await reasons(tmp_path) == {}
    write(tmp_path / "a.py", "2", at=1_000_000_300)
    assert await reasons(tmp_path) == {"architecture": "a.py changed"}

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from kcode.memory.code.cache import Cache, Seen
from kcode.memory.code.index import index_of

Write = Callable[[str, str], Path]


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache" / "code.sqlite3")


def test_what_is_kept_is_there_again(cache: Cache) -> None:
    cache.keep_tags([("k1", "one"), ("k2", "two")])
    cache.keep_files("/r", [Seen("a.py", "s1", "k1"), Seen("b.py", "s2", "k2")], [])
    assert cache.tags(["k1", "k3"]) == {"k1": "one"}
    assert cache.seen("/r") == {"a.py": Seen("a.py", "s1", "k1"), "b.py": Seen("b.py", "s2", "k2")}
    assert cache.seen("/other") == {}
    cache.keep_files("/r", [Seen("a.py", "s3", "k2")], ["b.py"])
    assert cache.seen("/r") == {"a.py": Seen("a.py", "s3", "k2")}


def test_the_file_is_for_the_user_alone(cache: Cache) -> None:
    cache.keep_tags([("k", "t")])
    assert cache.path.stat().st_mode & 0o077 == 0
    assert cache.path.parent.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("damage", [b"no database at all" * 100, b"SQLite format 3\0" + b"\xff" * 5000, b""])
def test_a_damaged_file_is_made_anew(cache: Cache, damage: bytes) -> None:
    cache.keep_tags([("k", "t")])
    cache.path.write_bytes(damage)
    assert cache.tags(["k"]) == {}
    cache.keep_tags([("k", "t")])
    assert cache.tags(["k"]) == {"k": "t"}


def test_damage_in_the_middle_is_survived(cache: Cache) -> None:
    cache.keep_tags([(f"k{n}", "t" * 2000) for n in range(200)])
    data = bytearray(cache.path.read_bytes())
    data[9000 : len(data) // 2] = os.urandom(len(data) // 2 - 9000)
    cache.path.write_bytes(data)
    cache.tags([f"k{n}" for n in range(200)])
    cache.keep_tags([("k", "t")])
    assert cache.tags(["k"]) == {"k": "t"}


async def test_tags_that_are_no_tags_are_parsed_again(root: Path, write: Write, cache: Cache) -> None:
    write("a.py", "def f(): ...\n")
    await index_of(root, 60, cache)
    for nonsense in ("", "[", "{}", "[[1],2]", '[[["f",1,1,0]],[]]', "[" * 100_000):
        with sqlite3.connect(cache.path) as db:
            db.execute("UPDATE tags SET tags = ?", (nonsense,))
        db.close()
        index = await index_of(root, 60, cache)
        assert index.files["a.py"].definitions[0].name == "f", nonsense
        assert index.parsed == 1


async def test_where_nothing_can_be_written_it_works_without_a_cache(
    root: Path, write: Write, tmp_path: Path
) -> None:
    write("a.py", "def f(): ...\n")
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "code.sqlite3", tmp_path):
        index = await index_of(root, 60, Cache(path))
        assert (index.parsed, index.left) == (1, 0)


def test_it_stays_within_its_bound_and_forgets_what_nobody_used_for_longest(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "code.sqlite3", largest=400_000)
    for root in ("/old", "/middle", "/new"):
        keys = [f"{root}{n}" for n in range(50)]
        cache.keep_tags((key, "t" * 4000) for key in keys)
        cache.keep_files(root, [Seen(key, "s", key) for key in keys], [])
    assert cache.path.stat().st_size < 1_000_000
    assert not cache.seen("/old")
    assert len(cache.seen("/new")) == len(cache.tags(cache.seen("/new"))) == 50

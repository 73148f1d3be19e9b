import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from kcode.memory.code.cache import Cache
from kcode.memory.code.index import Index, index_of
from kcode.memory.code.parser import parse
from tests.running import FROM_THE_CHECKOUT

Write = Callable[[str, str], Path]
PATIENCE = 60.0


async def look(root: Path, patience: float = PATIENCE) -> Index:
    return await index_of(root, patience, Cache())


def names(index: Index) -> dict[str, list[str]]:
    return {file: [d.name for d in tags.definitions] for file, tags in index.files.items()}


def settle(root: Path) -> None:
    """As if the files had been written a while ago: what is fresh may change within the same tick."""
    old = time.time() - 60
    for path in root.rglob("*"):
        if path.is_file() and not path.is_symlink():
            os.utime(path, (old, old))


async def test_the_newest_index_is_remembered_until_a_file_changes(root: Path, write: Write) -> None:
    write("a.py", "def f(): g()\n")
    write("b.py", "def g(): ...\n")
    settle(root)
    await index_of(root, PATIENCE)
    first = await index_of(root, PATIENCE)
    assert await index_of(root, PATIENCE) is first
    write("b.py", "def h(): ...\n")
    second = await index_of(root, PATIENCE)
    assert names(second) == {"a.py": ["f"], "b.py": ["h"]}
    assert second.parsed == 1
    (root / "a.py").unlink()
    assert names(await index_of(root, PATIENCE)) == {"b.py": ["h"]}


async def test_files_of_known_languages_are_indexed_and_others_are_not(root: Path, write: Write) -> None:
    write("a.py", "def f(): g()\n")
    write("lib/b.go", "package b\nfunc G() {}\n")
    write("README.md", "# No code\n")
    index = await look(root)
    assert names(index) == {"a.py": ["f"], "lib/b.go": ["G"]}
    assert index.files["a.py"].uses == (("g", 1),)
    assert (index.parsed, index.left) == (2, 0)


async def test_a_second_look_at_an_unchanged_repository_parses_nothing(root: Path, write: Write) -> None:
    for number in range(300):
        write(f"part{number % 7}/m{number}.py", f"def f{number}(): ...\n")
    assert (await look(root)).parsed == 300
    again = await look(root)
    assert (again.parsed, again.left) == (0, 0)
    assert names(again)["part0/m7.py"] == ["f7"]


async def test_an_unchanged_file_is_not_even_read(root: Path, write: Write) -> None:
    path = write("a.py", "def f(): ...\n")
    settle(root)
    await look(root)
    info = path.stat()
    path.write_text("def g(): ...\n")  # of the same size, with the same inode
    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))
    assert names(await look(root)) == {"a.py": ["f"]}


async def test_only_what_changed_is_parsed_again(root: Path, write: Write) -> None:
    for number in range(5):
        write(f"m{number}.py", f"def f{number}(): ...\n")
    await look(root)
    write("m3.py", "class New: ...\n")
    write("m5.py", "class Newer: ...\n")
    (root / "m0.py").unlink()
    index = await look(root)
    assert index.parsed == 2
    assert names(index) == {
        "m1.py": ["f1"],
        "m2.py": ["f2"],
        "m3.py": ["New"],
        "m4.py": ["f4"],
        "m5.py": ["Newer"],
    }


async def test_a_file_changed_right_after_the_look_is_noticed(root: Path, write: Write) -> None:
    path = write("a.py", "def f(): ...\n")
    await look(root)
    info = path.stat()
    path.write_text("def g(): ...\n")
    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))  # within the same tick of the clock
    assert names(await look(root)) == {"a.py": ["g"]}


async def test_the_same_content_is_parsed_once_wherever_it_is(
    root: Path, write: Write, tmp_path: Path
) -> None:
    write("a.py", "def f(): ...\n")
    write("copy/a.py", "def f(): ...\n")
    assert (await look(root)).parsed == 1
    other = tmp_path / "worktree"
    other.mkdir()
    (other / "a.py").write_text("def f(): ...\n")
    index = await look(other)
    assert (index.parsed, names(index)) == (0, {"a.py": ["f"]})


async def test_the_same_content_in_two_languages_is_two_things(root: Path, write: Write) -> None:
    write("a.js", "class A {}\n")
    write("a.java", "class A {}\n")
    assert (await look(root)).parsed == 2


async def test_files_with_keys_symlinks_and_strange_kinds_are_left_out(root: Path, write: Write) -> None:
    write(".ssh/key.py", "def secret(): ...\n")
    write(".env.py", "def secret(): ...\n")
    write("a.py", "def f(): ...\n")
    (root / "b.py").symlink_to("a.py")
    (root / "loop.py").symlink_to("loop.py")
    (root / "up").symlink_to("..")
    os.mkfifo(root / "pipe.py")
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    assert names(await look(root)) == {"a.py": ["f"]}


async def test_what_nobody_wrote_by_hand_defines_nothing(root: Path, write: Write) -> None:
    write("min.js", "function a(){}" * 5_000)
    write("large.py", "def f(): ...\n" * 50_000)
    (root / "binary.py").write_bytes(b"\0\1\2" * 100)
    (root / "latin.py").write_bytes("def größe(): ...\n".encode("latin-1"))
    (root / "empty.py").write_bytes(b"")
    index = await look(root)
    assert {file: found for file, found in names(index).items() if found} == {"latin.py": ["größe"]}
    assert (await look(root)).parsed == 0


async def test_what_is_not_done_in_time_is_done_the_next_time(root: Path, write: Write) -> None:
    for number in range(100):
        write(f"m{number}.py", f"def f{number}(): ...\n")
    none = await look(root, patience=0.0)
    assert (none.parsed, none.left, len(none.files)) == (0, 100, 100)
    rest = await look(root)
    assert (rest.parsed, rest.left) == (100, 0)


async def test_a_cancel_ends_at_once_and_nothing_blocks_meanwhile(root: Path, write: Write) -> None:
    line = "def f(a, b): return g(a) + h(b)\n"
    for number in range(60):
        write(f"m{number}.py", f"# {number}\n" + line * 8_000)
    work = asyncio.create_task(look(root))
    longest = 0.0
    for _ in range(50):
        before = time.monotonic()
        await asyncio.sleep(0.01)
        longest = max(longest, time.monotonic() - before - 0.01)
    assert not work.done()
    work.cancel()
    began = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert time.monotonic() - began < 5
    assert longest < 1


async def test_what_is_gone_meanwhile_defines_nothing(root: Path, write: Write) -> None:
    found: dict[str, str] = {}

    async def hear(name: str, key: str, tags: str) -> None:
        found[name] = tags

    for number in range(3):
        write(f"m{number}.py", f"def f{number}(): ...\n")
    os.mkfifo(root / "gone.py")
    await parse(root, ["m0.py", "gone.py", "missing.py", "m1.py", "m2.py"], hear)
    assert [name for name, tags in found.items() if "f" in tags] == ["m0.py", "m1.py", "m2.py"]
    assert found["missing.py"] == "[[],[]]"


async def test_a_parser_that_dies_takes_no_more_than_one_file_with_it(root: Path, write: Write) -> None:
    names = [f"m{number}.py" for number in range(20)]
    for name in names:
        write(name, f"# {name}\n" + "def f(a, b): return g(a) + h(b)\n" * 2_000)
    found: dict[str, bool] = {}

    async def hear(name: str, key: str, tags: str) -> None:
        found[name] = "def f" in tags
        if len(found) == 3:
            (worker,) = [child for child in psutil.Process().children() if is_worker(child)]
            worker.send_signal(signal.SIGSEGV)

    await parse(root, names, hear)
    assert set(found) == set(names)
    assert sum(found.values()) >= len(names) - 1


def is_worker(process: psutil.Process) -> bool:
    return any("kcode.memory.code.parser" in word for word in process.cmdline())


def test_two_processes_index_side_by_side(root: Path, write: Write, kcode_home: Path) -> None:
    for number in range(400):
        write(f"m{number}.py", f"def f{number}(): ...\n")
    code = (
        f"{FROM_THE_CHECKOUT}import asyncio; from pathlib import Path; "
        "from kcode.memory.code.index import index_of; "
        f"i = asyncio.run(index_of(Path({str(root)!r}), 60)); print(i.left, len(i.files))"
    )
    both = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) for _ in range(2)]
    assert [one.communicate(timeout=60)[0].split() for one in both] == [[b"0", b"400"]] * 2
    assert len(Cache().seen(str(root))) == 400
    assert asyncio.run(look(root)).parsed == 0


@pytest.mark.slow
async def test_ten_thousand_files_are_parsed_once(root: Path, write: Write) -> None:
    for number in range(10_000):
        write(f"p{number % 100}/m{number}.py", f"def f{number}(): ...\n")
    settle(root)
    first = await look(root)
    assert (first.parsed, first.left) == (10_000, 0)
    began = time.monotonic()
    assert (await look(root)).parsed == 0
    assert time.monotonic() - began < 10

import asyncio
import os
import socket
import stat
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from kcode.errors import ToolError
from kcode.files.disk import content, opened, refuse_git, replace, unbroken

linux = pytest.mark.skipif(sys.platform != "linux", reason="compares what was opened by /proc")


def test_a_file_is_replaced_and_nothing_else_is_left_in_the_folder(root: Path) -> None:
    path = root / "a"
    path.write_bytes(b"old")
    replace(path, b"new", b"old")
    assert path.read_bytes() == b"new"
    assert os.listdir(root) == ["a"]


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o755, 0o4750])
def test_mode_bits_stay(root: Path, mode: int) -> None:
    path = root / "a"
    path.write_bytes(b"old")
    path.chmod(mode)
    replace(path, b"new", b"old")
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_a_new_file_gets_the_usual_mode_bits(root: Path) -> None:
    (root / "usual").touch()
    replace(root / "a", b"new", None)
    assert (root / "a").stat().st_mode == (root / "usual").stat().st_mode


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_the_owner_stays(root: Path) -> None:
    path = root / "a"
    path.write_bytes(b"old")
    os.chown(path, 1234, 2345)
    replace(path, b"new", b"old")
    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 2345)


def test_a_file_that_was_changed_meanwhile_is_not_replaced(root: Path) -> None:
    path = root / "a"
    path.write_bytes(b"theirs")
    with pytest.raises(ToolError, match="changed by somebody else"):
        replace(path, b"new", b"old")
    with pytest.raises(ToolError, match="changed by somebody else"):
        replace(path, b"new", None)
    assert path.read_bytes() == b"theirs"
    assert os.listdir(root) == ["a"]


def test_a_file_that_was_deleted_meanwhile_is_not_made_again(root: Path) -> None:
    with pytest.raises(ToolError, match="changed by somebody else"):
        replace(root / "a", b"new", b"old")
    assert os.listdir(root) == []


def test_a_read_only_file_is_not_replaced(root: Path) -> None:
    path = root / "a"
    path.write_bytes(b"old")
    path.chmod(0o444)
    with pytest.raises(ToolError, match="read-only"):
        replace(path, b"new", b"old")


def as_nobody(code: str, *arguments: str) -> str:
    """What a program prints that may not do what root may."""
    demote = "import os; os.setgid(65534); os.setuid(65534)" if os.geteuid() == 0 else ""
    program = f"import sys; sys.path.insert(0, {os.getcwd()!r})\nfrom pathlib import Path\n"
    program += "from kcode.files.disk import content, replace\n" + demote + "\n" + code
    run = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True
    )
    return run.stdout


def test_a_folder_and_a_file_without_permission_are_an_oserror(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("open")
    for parent in list(folder.parents)[:3]:
        if parent.stat().st_uid == os.geteuid() and parent != Path("/tmp"):
            parent.chmod(0o755)
    folder.chmod(0o555)
    (folder / "a").write_bytes(b"old")
    (folder / "a").chmod(0o000)
    code = (
        "for work in (lambda: content(Path(sys.argv[1], 'a')), lambda: replace(Path(sys.argv[1], 'b'), b'', None)):\n"
        "    try: work()\n"
        "    except PermissionError: print('no')"
    )
    try:
        assert as_nobody(code, str(folder)) == "no\nno\n"
    finally:
        folder.chmod(0o755)


@pytest.mark.parametrize("kind", ["a folder", "a named pipe", "a device", "a socket"])
def test_what_is_no_file_is_refused_at_once(root: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = root / "x"
    if kind == "a folder":
        path.mkdir()
    elif kind == "a named pipe":
        os.mkfifo(path)
    elif kind == "a device":
        path = Path("/dev/zero")
    else:
        with socket.socket(socket.AF_UNIX) as listener:
            monkeypatch.chdir(root)  # the name of a socket must be short
            listener.bind("x")
    start = time.monotonic()
    with pytest.raises(ToolError, match=kind):
        content(path)
    with pytest.raises(ToolError, match=kind):
        replace(path, b"", b"")
    assert time.monotonic() - start < 1


def test_a_file_too_large_to_edit_is_refused(root: Path) -> None:
    path = root / "a"
    path.touch()
    os.truncate(path, 10_000_001)
    with pytest.raises(ToolError, match=r"larger than 10\.0 MB"):
        content(path)


@linux
def test_a_symlink_swapped_in_is_never_followed(root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a").write_bytes(b"secret")
    inside = root / "inside"
    inside.mkdir()
    (inside / "a").write_bytes(b"ours")
    away, stop = root / "away", threading.Event()

    def swap() -> None:
        while not stop.is_set():
            inside.rename(away)
            inside.symlink_to(outside)
            inside.unlink()
            away.rename(inside)

    swapper = threading.Thread(target=swap)
    swapper.start()
    path, read = inside / "a", set()
    try:
        for _ in range(500):
            with suppress(ToolError, OSError):
                read.add(content(path))
            with suppress(ToolError, OSError):
                replace(path, b"ours", b"ours")
            with suppress(ToolError, OSError):
                replace(path, b"ours", b"secret")
    finally:
        stop.set()
        swapper.join()
    assert read <= {b"ours"}
    assert (outside / "a").read_bytes() == b"secret"
    assert os.listdir(outside) == ["a"]


def test_a_symlink_at_the_end_is_refused(root: Path) -> None:
    (root / "a").write_bytes(b"x")
    (root / "link").symlink_to("a")
    with pytest.raises(ToolError):
        content(root / "link")
    with pytest.raises(ToolError):
        replace(root / "link", b"", b"x")


@pytest.mark.parametrize("name", [".git/config", ".git", "sub/.GIT/hooks/pre-commit"])
def test_files_of_git_are_refused(root: Path, name: str) -> None:
    with pytest.raises(ToolError, match="git commands"):
        refuse_git(root / name)


def test_names_that_look_like_gits_are_fine(root: Path) -> None:
    for name in (".gitignore", ".github/x", "a.git/x", "git"):
        refuse_git(root / name)


async def test_a_cancel_waits_until_the_work_is_done() -> None:
    begun, done = threading.Event(), []

    def work() -> None:
        begun.set()
        time.sleep(0.1)
        done.append(1)

    task = asyncio.create_task(unbroken(work))
    await asyncio.to_thread(begun.wait)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done


def test_opening_gives_the_bytes(root: Path) -> None:
    (root / "a").write_bytes(b"abc")
    with opened(root / "a") as file:
        assert file.read() == b"abc"

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kcode.errors import BadInput, KcodeError
from kcode.memory import keeping
from kcode.memory.checkpoints import Checkpoints, Plan
from kcode.memory.keeping import place_for
from tests.running import program, until

Make = Callable[..., Checkpoints]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "a.txt").write_text("A\n")
    (folder / "b.txt").write_text("B\n")
    return folder.resolve()


@pytest.fixture
def make(root: Path, tmp_path: Path) -> Iterator[Make]:
    """Checkpoints of a session, all in one store unless another is named."""
    made: list[Checkpoints] = []

    def one(
        session: str = "s",
        file: Path | None = None,
        total: int = 10_000_000,
        largest: int = 100_000,
        also: tuple[Path, ...] = (),
    ) -> Checkpoints:
        store = file or tmp_path / "kept" / "x.sqlite3"
        made.append(Checkpoints(place_for(root, also, largest), session, store, total, 14.0))
        return made[-1]

    yield one
    for checkpoints in made:
        checkpoints.close()


async def command(checkpoints: Checkpoints, script: str) -> None:
    async with checkpoints.around("main", None):
        subprocess.run(["bash", "-ec", script], cwd=checkpoints.place.root, check=True)


async def edit(checkpoints: Checkpoints, path: Path, text: str) -> None:
    async with checkpoints.around("main", [path]):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


async def undo(checkpoints: Checkpoints, target: int | None = None, *, force: bool = False) -> Plan:
    plan = await checkpoints.plan_undo(target)
    assert plan is not None
    return await checkpoints.carry_out(plan, force)


async def redo(checkpoints: Checkpoints) -> Plan:
    plan = await checkpoints.plan_redo()
    assert plan is not None
    return await checkpoints.carry_out(plan)


def texts(root: Path) -> dict[str, str]:
    files = (path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): path.read_text() for path in files}


async def test_a_plan_says_what_would_happen_and_does_nothing(root: Path, make: Make) -> None:
    one = make()
    await command(one, "echo new > c.txt; rm a.txt; echo more >> b.txt; mkdir d; chmod 700 b.txt")
    before = texts(root)
    plan = await one.plan_undo()
    assert plan is not None
    assert {file.path: file.act for file in plan.files} == {
        "a.txt": "create",
        "b.txt": "change",
        "c.txt": "delete",
        "d/": "delete",
    }
    assert texts(root) == before
    assert (await one.differences(plan))["b.txt"] == "@@ -1,2 +1 @@\n B\n-more\n"


async def test_a_file_that_the_user_has_changed_since_is_left_alone_and_named(root: Path, make: Make) -> None:
    one = make()
    await command(one, "echo kcode > a.txt; echo kcode > b.txt")
    (root / "a.txt").write_text("mine\n")
    done = await undo(one)
    assert [(file.path, file.conflict) for file in done.conflicts] == [
        ("a.txt", "changed since, not by this session")
    ]
    assert texts(root) == {"a.txt": "mine\n", "b.txt": "B\n"}


async def test_what_is_forced_can_be_brought_back(root: Path, make: Make) -> None:
    one = make()
    await edit(one, root / "a.txt", "kcode\n")
    (root / "a.txt").write_text("mine\n")
    await undo(one, force=True)
    assert (root / "a.txt").read_text() == "A\n"
    await redo(one)
    assert (root / "a.txt").read_text() == "mine\n"


async def test_what_the_user_did_between_two_steps_is_not_taken_back_with_them(
    root: Path, make: Make
) -> None:
    one = make()
    await command(one, "echo 1 >> a.txt")
    (root / "a.txt").write_text("mine\n")
    (root / "mine.txt").write_text("mine\n")
    await command(one, "echo 2 >> a.txt; echo 2 >> b.txt")
    done = await undo(one)
    assert [(file.path, file.conflict) for file in done.conflicts] == [
        ("a.txt", "changed in between, not by this session")
    ]
    assert texts(root) == {"a.txt": "mine\n2\n", "b.txt": "B\n", "mine.txt": "mine\n"}


async def test_what_the_user_changed_before_comes_back_as_the_user_left_it(root: Path, make: Make) -> None:
    one = make()
    await command(one, "echo 1 > c.txt")
    one.begin_turn("another")
    (root / "b.txt").write_text("mine\n")
    await command(one, "echo 2 > b.txt")
    await undo(one)
    assert (root / "b.txt").read_text() == "mine\n"
    await undo(one)
    assert texts(root) == {"a.txt": "A\n", "b.txt": "mine\n"}


async def test_one_prompt_is_undone_at_a_time_and_new_work_ends_the_redoing(root: Path, make: Make) -> None:
    one = make()
    for number in ("1", "2", "3"):
        one.begin_turn(f"prompt {number}")
        await command(one, f"echo {number} >> a.txt")
        await edit(one, root / "a.txt", (root / "a.txt").read_text() + f"{number}!\n")
    assert [turn.title for turn in await one.turns()] == ["prompt 1", "prompt 2", "prompt 3"]
    assert (await undo(one)).title == "prompt 3"
    assert (await undo(one)).title == "prompt 2"
    assert (root / "a.txt").read_text() == "A\n1\n1!\n"
    assert (await redo(one)).title == "prompt 2"
    assert (root / "a.txt").read_text() == "A\n1\n1!\n2\n2!\n"
    assert [turn.is_undone for turn in await one.turns()] == [False, False, True]
    one.begin_turn("prompt 4")
    await command(one, "echo 4 >> b.txt")
    assert await one.plan_redo() is None
    await undo(one)
    await undo(one)
    await undo(one)
    assert texts(root) == {"a.txt": "A\n", "b.txt": "B\n"}
    assert await one.plan_undo() is None


async def test_going_back_to_a_checkpoint_undoes_all_that_came_after_it(root: Path, make: Make) -> None:
    one = make()
    for number in range(3):
        one.begin_turn(f"prompt {number}")
        await command(one, f"echo {number} >> a.txt")
    second = (await one.turns())[1].id
    await undo(one, second)
    assert (root / "a.txt").read_text() == "A\n0\n"
    await redo(one)
    assert (root / "a.txt").read_text() == "A\n0\n1\n2\n"
    with pytest.raises(BadInput, match="no checkpoint 999"):
        await one.plan_undo(999)


async def test_a_prompt_that_changed_nothing_is_passed_over(root: Path, make: Make) -> None:
    one = make()
    await edit(one, root / "a.txt", "1\n")
    one.begin_turn("look")
    await command(one, "cat a.txt > /dev/null")
    await undo(one)
    assert (root / "a.txt").read_text() == "A\n"


async def test_a_file_outside_of_the_folder_that_an_edit_names_is_covered(
    root: Path, make: Make, tmp_path: Path
) -> None:
    one = make()
    await edit(one, tmp_path / "elsewhere" / "deep" / "x.txt", "x\n")
    done = await undo(one)
    assert [file.path for file in done.restored] == [
        f"{tmp_path}/elsewhere/",
        f"{tmp_path}/elsewhere/deep/",
        f"{tmp_path}/elsewhere/deep/x.txt",
    ]
    assert not (tmp_path / "elsewhere").exists()


async def test_further_folders_that_the_user_opened_are_covered(
    root: Path, make: Make, tmp_path: Path
) -> None:
    more = tmp_path / "more"
    more.mkdir()
    (more / "m.txt").write_text("M\n")
    one = make(also=(more,))
    await command(one, f"echo x > {more}/m.txt; echo x > {more}/n.txt; rm a.txt")
    await undo(one)
    assert texts(more) == {"m.txt": "M\n"}
    assert texts(root) == {"a.txt": "A\n", "b.txt": "B\n"}


async def test_ignored_files_are_covered_but_large_ignored_folders_and_packages_are_left_out(
    root: Path, make: Make
) -> None:
    (root / ".gitignore").write_text("*.log\nout/\nbuild/\n")
    (root / "x.log").write_text("log\n")
    (root / "build").mkdir()
    (root / "build" / "small").write_text("small\n")
    (root / "out").mkdir()
    for number in range(1100):
        (root / "out" / str(number)).touch()
    (root / "node_modules" / "p").mkdir(parents=True)
    (root / "node_modules" / "p" / "index.js").write_text("js\n")
    one = make()
    await command(one, "echo x > x.log; rm -r build; echo x > out/1; echo x > node_modules/p/index.js")
    await undo(one)
    assert (root / "x.log").read_text() == "log\n"
    assert (root / "build" / "small").read_text() == "small\n"
    assert (root / "out" / "1").read_text() == (root / "node_modules/p/index.js").read_text() == "x\n"


async def test_what_was_left_out_and_is_small_by_now_is_not_taken_for_new(root: Path, make: Make) -> None:
    (root / "big").write_bytes(b"x" * 200_000)
    one = make()
    await command(one, "truncate -s 10 big; echo c > c.txt")
    await command(one, "truncate -s 5 big")
    await undo(one)
    assert texts(root) == {"a.txt": "A\n", "b.txt": "B\n", "big": "x" * 10}


async def test_an_edit_names_a_file_in_a_folder_that_is_left_out(root: Path, make: Make) -> None:
    package = root / "node_modules" / "p" / "index.js"
    package.parent.mkdir(parents=True)
    package.write_text("js\n")
    one = make()
    await edit(one, package, "patched\n")
    await command(one, "true")
    await undo(one)
    assert package.read_text() == "js\n"


async def test_a_change_that_keeps_size_and_time_is_seen(root: Path, make: Make) -> None:
    one = make()
    await command(one, "true")
    await command(one, "cp -p a.txt ref; printf 'Z\\n' > a.txt; touch -r ref a.txt; rm ref")
    await undo(one)
    assert (root / "a.txt").read_text() == "A\n"


async def test_names_that_are_no_utf8_come_back(root: Path, make: Make) -> None:
    name = os.fsencode(root) + b"/\xff\xfe"
    try:
        Path(os.fsdecode(name)).write_text("odd\n")
    except OSError:
        pytest.skip("this disk takes UTF-8 only")
    one = make()
    await command(one, "rm -f ./*[!a-z.]*")
    assert not os.path.exists(name)
    await undo(one)
    assert Path(os.fsdecode(name)).read_text() == "odd\n"


async def test_restoring_never_goes_through_a_symlink(root: Path, make: Make, tmp_path: Path) -> None:
    (root / "d").mkdir()
    (root / "d" / "x").write_text("x\n")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "x").write_text("not ours\n")
    one = make()
    await command(one, "echo y > d/x")
    (root / "d" / "x").unlink()
    (root / "d").rmdir()
    (root / "d").symlink_to(tmp_path / "outside")
    done = await undo(one, force=True)
    assert done.conflicts
    assert (tmp_path / "outside" / "x").read_text() == "not ours\n"


async def test_two_sessions_in_one_folder_undo_their_own_work(root: Path, make: Make) -> None:
    one, other = make("one"), make("other")
    await edit(one, root / "a.txt", "one\n")
    await edit(other, root / "b.txt", "other\n")
    await command(other, "echo other > c.txt")
    await command(one, "echo one > d.txt")
    await undo(one)
    assert texts(root) == {"a.txt": "A\n", "b.txt": "other\n", "c.txt": "other\n"}
    await undo(other)
    assert texts(root) == {"a.txt": "A\n", "b.txt": "B\n"}


async def test_a_look_of_another_session_does_not_claim_what_a_running_command_does(
    root: Path, make: Make
) -> None:
    one, other = make("one"), make("other")
    async with one.around("main", None):
        (root / "a.txt").write_text("one\n")
        await command(other, "true")
    await undo(one)
    assert (root / "a.txt").read_text() == "A\n"


WORK = """
import asyncio, sys
from pathlib import Path
from kcode.memory.checkpoints import Checkpoints
from kcode.memory.keeping import place_for
root, file, session, name = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4]
async def work():
    one = Checkpoints(place_for(root, (), 100_000), session, file, 10_000_000, 14.0)
    for number in range(int(sys.argv[5])):
        async with one.around("main", None if number % 2 else [root / name]):
            (root / name).write_text(f"{number}")
            if number == int(sys.argv[6]):
                print("there", flush=True)
                await asyncio.sleep(60)
    assert one.trouble() == "", one.trouble()
    one.close()
asyncio.run(work())
"""


def working(root: Path, file: Path, session: str, times: int, stop_at: int = -1) -> subprocess.Popen[bytes]:
    script = program(WORK)
    name = f"{session}.txt"
    return subprocess.Popen(
        [*script, str(root), str(file), session, name, str(times), str(stop_at)], stdout=subprocess.PIPE
    )


async def test_two_processes_at_once_lose_nothing(root: Path, make: Make, tmp_path: Path) -> None:
    file = tmp_path / "kept" / "x.sqlite3"
    both = [working(root, file, session, 20) for session in ("one", "other")]
    for process in both:
        assert await asyncio.to_thread(process.wait, 50) == 0
        assert process.stdout is not None
        process.stdout.close()
    assert len(await make("one").turns()) == len(await make("other").turns()) == 1
    await undo(make("one"))
    await undo(make("other"))
    assert texts(root) == {"a.txt": "A\n", "b.txt": "B\n"}


async def test_what_a_call_did_that_was_killed_with_its_kcode_can_be_undone(
    root: Path, make: Make, tmp_path: Path
) -> None:
    file = tmp_path / "kept" / "x.sqlite3"
    process = working(root, file, "s", 2, stop_at=1)
    assert process.stdout is not None and await asyncio.to_thread(process.stdout.readline) == b"there\n"
    process.kill()
    process.wait()
    process.stdout.close()
    assert (root / "s.txt").read_text() == "1"
    await undo(make())
    assert texts(root) == {"a.txt": "A\n", "b.txt": "B\n"}


async def test_a_kill_at_any_moment_leaves_a_store_that_works(root: Path, make: Make, tmp_path: Path) -> None:
    file = tmp_path / "kept" / "x.sqlite3"
    for after in (0.0, 0.01, 0.03, 0.07):
        process = working(root, file, "s", 10_000)
        until(lambda: (root / "s.txt").exists())
        time.sleep(after)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
        await undo(make())
        assert texts(root) == {"a.txt": "A\n", "b.txt": "B\n"}
    with sqlite3.connect(file) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()


async def test_a_store_that_cannot_be_written_stops_no_work_and_is_told_once(
    root: Path, make: Make, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    one = make(file=tmp_path / "file" / "x.sqlite3")
    await command(one, "echo 1 > a.txt")
    await command(one, "echo 2 > a.txt")
    assert (root / "a.txt").read_text() == "2\n"
    assert one.trouble().startswith("Files cannot be kept for undoing: ")
    assert one.trouble() == ""
    with pytest.raises(KcodeError, match="cannot be used"):
        one.is_on = True
        await make(file=tmp_path).plan_undo()


async def test_after_a_look_that_failed_the_users_changes_are_not_taken_for_the_calls(
    root: Path, make: Make, tmp_path: Path
) -> None:
    one = make()
    async with one.around("main", None):
        store = sqlite3.connect(tmp_path / "kept" / "x.sqlite3", isolation_level=None)
        store.execute("ALTER TABLE file RENAME TO elsewhere")
    assert "no such table" in one.trouble()
    store.execute("ALTER TABLE elsewhere RENAME TO file")
    store.close()
    (root / "a.txt").write_text("mine\n")
    await command(one, "echo kcode > b.txt")
    (root / "b.txt").write_text("mine\n")
    await command(one, "echo kcode > c.txt")
    await undo(one)
    assert texts(root) == {"a.txt": "mine\n", "b.txt": "mine\n"}


async def test_where_a_folder_is_too_large_what_edits_change_is_kept_all_the_same(
    root: Path, make: Make
) -> None:
    (root / "noise").write_bytes(os.urandom(90_000))
    one = make(total=100_000)
    await command(one, "echo 1 > b.txt")
    assert "what edit tools change is kept" in one.trouble()
    await edit(one, root / "a.txt", "edited\n")
    await undo(one)
    assert (root / "a.txt").read_text() == "A\n"


async def test_a_damaged_store_is_moved_aside_and_a_new_one_begun(
    root: Path, make: Make, tmp_path: Path
) -> None:
    file = tmp_path / "kept" / "x.sqlite3"
    file.parent.mkdir()
    file.write_bytes(b"this is no database, and never was one" * 100)
    one = make()
    await command(one, "echo 1 > a.txt")
    assert one.trouble() == ""
    await undo(one)
    assert (root / "a.txt").read_text() == "A\n"
    assert [path.name[:18] for path in file.parent.glob("*.damaged-*")] == ["x.sqlite3.damaged-"]


async def test_the_store_is_for_the_user_alone(make: Make, tmp_path: Path) -> None:
    await command(make(), "true")
    assert (tmp_path / "kept").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "kept" / "x.sqlite3").stat().st_mode & 0o777 == 0o600


async def test_old_checkpoints_are_forgotten_and_their_room_is_given_back(
    root: Path, make: Make, tmp_path: Path
) -> None:
    one = make()
    for number in range(5):
        one.begin_turn(f"prompt {number}")
        async with one.around("main", None):
            (root / "a.txt").write_bytes(os.urandom(90_000))
    one.close()
    file = tmp_path / "kept" / "x.sqlite3"
    before = file.stat().st_size
    freed = keeping.tidy(file.parent, None, keep_days=0, total=10_000_000, now=True)
    assert freed > 200_000
    assert not file.exists() or file.stat().st_size == before - freed
    assert (root / "a.txt").stat().st_size == 90_000


async def test_the_oldest_stores_go_when_all_together_take_too_much(
    root: Path, make: Make, tmp_path: Path
) -> None:
    for name in ("old", "new"):
        one = make(file=tmp_path / "kept" / f"{name}.sqlite3")
        async with one.around("main", None):
            (root / "a.txt").write_bytes(os.urandom(90_000))
        one.close()
    os.utime(tmp_path / "kept" / "old.sqlite3", (time.time() - 1000,) * 2)
    keeping.tidy(tmp_path / "kept", None, keep_days=14, total=250_000, now=True)
    assert [file.name for file in (tmp_path / "kept").glob("*.sqlite3")] == ["new.sqlite3"]


async def test_a_hostile_repository_runs_nothing(root: Path, make: Make, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\n")
    trap.chmod(0o755)
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    (root / ".gitattributes").write_text("* filter=x\n")
    for key in ("core.fsmonitor", "filter.x.clean", "filter.x.smudge"):
        subprocess.run(["git", "config", key, str(trap)], cwd=root, check=True)
    (root / ".git" / "hooks" / "post-index-change").symlink_to(trap)
    one = make()
    await command(one, "echo 1 > a.txt")
    await undo(one)
    assert not (tmp_path / "sprung").exists()


async def test_files_of_git_are_never_touched(root: Path, make: Make) -> None:
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    one = make()
    await command(one, "git add a.txt; git -c user.name=x -c user.email=x commit -qm x; echo 1 > a.txt")
    plan = await one.plan_undo()
    assert plan is not None and [file.path for file in plan.files] == ["a.txt"]


async def test_a_cancelled_call_is_looked_at_all_the_same(root: Path, make: Make) -> None:
    one = make()

    async def long() -> None:
        async with one.around("main", None):
            (root / "a.txt").write_text("half\n")
            await asyncio.sleep(60)

    task = asyncio.ensure_future(long())
    while (root / "a.txt").read_text() != "half\n":
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await undo(one)
    assert (root / "a.txt").read_text() == "A\n"


def test_nothing_is_made_before_there_is_something_to_keep(make: Make, tmp_path: Path) -> None:
    one = make()
    assert asyncio.run(one.plan_undo()) is None
    assert asyncio.run(one.turns()) == []
    assert not (tmp_path / "kept").exists()


if sys.platform != "linux":
    pytestmark = pytest.mark.skip("bash, and the tools of Linux")

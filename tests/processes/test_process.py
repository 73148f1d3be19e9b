import asyncio
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from kcode.errors import ToolError
from kcode.processes.process import Ended, Process, run, shell, start
from tests.tracing import Trace

IGNORES_TERM = "trap '' TERM INT HUP;"
ROOT = Path(__file__).parents[2]


class Ear:
    def __init__(self) -> None:
        self.data = bytearray()

    def __call__(self, data: bytes) -> None:
        self.data += data


async def ran(command: str, folder: Path, *, limit: float = 20, silence: float = 20) -> tuple[Ended, bytes]:
    ear = Ear()
    ended = await run(command, folder, ear, limit=limit, silence=silence)
    return ended, bytes(ear.data)


async def until(happens: Callable[[], object], seconds: float = 5) -> None:
    async with asyncio.timeout(seconds):
        while not happens():
            await asyncio.sleep(0.01)


async def test_both_streams_are_heard_in_their_order(tmp_path: Path, trace: Trace) -> None:
    ended, heard = await ran("echo one; echo two >&2; echo three", tmp_path)
    assert (ended.why, ended.code, ended.left) == ("exit", 0, 0)
    assert heard == b"one\ntwo\nthree\n"


@pytest.mark.parametrize(
    ("command", "code"),
    [("exit 3", 3), ("kill -SEGV $$", -signal.SIGSEGV), ("no-such-program-anywhere", 127), ("exit 256", 0)],
)
async def test_the_code_of_the_command_is_told(tmp_path: Path, trace: Trace, command: str, code: int) -> None:
    assert (await ran(command, tmp_path))[0].code == code


async def test_there_is_nothing_to_read(tmp_path: Path, trace: Trace) -> None:
    assert (await ran("cat; read x || echo none", tmp_path))[1] == b"none\n"


async def test_a_broken_pipe_ends_its_writer_as_in_any_shell(tmp_path: Path, trace: Trace) -> None:
    ended, heard = await ran("yes | head -n 1; echo ${PIPESTATUS[0]}", tmp_path)
    assert (ended.code, heard) == (0, b"y\n141\n")


async def test_the_command_is_alone_in_its_session(tmp_path: Path, trace: Trace) -> None:
    _, heard = await ran("python3 -c 'import os; print(os.getsid(0) == os.getppid())'; :", tmp_path)
    assert heard == b"True\n"
    assert (await ran("kill -TERM 0; sleep 5", tmp_path))[0].code == -signal.SIGTERM


@pytest.mark.parametrize(
    ("left", "command"),
    [
        (1, "sleep {0} & echo x"),
        (2, "(sleep {0} & sleep {0} &) ; echo x"),
        (1, IGNORES_TERM + " sleep {0} & echo x"),
        (1, "(setsid sleep {0} &) ; sleep 0.2; echo x"),
        (1, "(env -i setsid sleep {0} > /dev/null 2>&1 &) ; sleep 0.2; echo x"),
        (2, "(setsid bash -c 'trap \"\" TERM; sleep {0} & wait' &) ; sleep 0.2; echo x"),
    ],
    ids=["background", "subshell", "ignores TERM", "daemon", "daemon without a trace", "stubborn daemon"],
)
async def test_what_a_command_leaves_running_is_ended_and_counted(
    tmp_path: Path, trace: Trace, left: int, command: str
) -> None:
    ended, heard = await ran(command.format(trace), tmp_path)
    assert (ended.why, ended.code, ended.left, heard) == ("exit", 0, left, b"x\n")
    assert ended.seconds < 1.5
    assert not trace.alive()


async def test_what_is_about_to_end_may_do_so(tmp_path: Path, trace: Trace) -> None:
    ended, heard = await ran("echo word > >(sleep 0.03; cat)", tmp_path)
    assert (heard, ended.left) == (b"word\n", 0)


TREES = {
    "one": "sleep {0}",
    "ignores TERM": IGNORES_TERM + " while :; do sleep {0}; done",
    "five that ignore TERM": IGNORES_TERM + " for i in 1 2 3 4 5; do (sleep {0}; sleep {0}) & done; wait",
    "double fork": "(setsid bash -c 'sleep {0} & sleep {0}' &) ; sleep {0}",
    "daemon without a trace": "(env -i setsid sleep {0} &); sleep {0}",
    "stopped": "kill -STOP $$",
    "floods": "yes {0}",
    "floods and forks": "yes {0} & yes {0} & wait",
    "has let go of its output": "exec > /dev/null 2>&1; sleep {0}",
}


@pytest.mark.parametrize("tree", [TREES["ignores TERM"], TREES["double fork"], TREES["floods"]])
async def test_at_the_limit_the_whole_tree_ends(tmp_path: Path, trace: Trace, tree: str) -> None:
    ended, _ = await ran(tree.format(trace), tmp_path, limit=0.3)
    assert ended.why == "time" and ended.code < 0
    assert ended.seconds < 1.6
    assert not trace.alive()


@pytest.mark.parametrize("tree", TREES.values(), ids=list(TREES))
async def test_a_cancel_ends_the_whole_tree_at_once(tmp_path: Path, trace: Trace, tree: str) -> None:
    running = asyncio.create_task(ran(tree.format(trace), tmp_path))
    await asyncio.sleep(0.15)
    began = time.monotonic()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert time.monotonic() - began < 0.6  # 0.3 on a machine that is not busy
    assert not trace.alive()


async def test_a_cancel_at_any_moment_leaves_nothing(tmp_path: Path, trace: Trace) -> None:
    chance = random.Random(7)
    for _ in range(8):
        running = asyncio.create_task(
            ran(f"(setsid sleep {trace} &); yes | head -c 999999; sleep {trace}", tmp_path)
        )
        await asyncio.sleep(chance.choice((0, 0.001, 0.01, 0.03, 0.06)) * chance.random())
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert not trace.alive()


async def test_a_second_cancel_does_not_spare_the_tree(tmp_path: Path, trace: Trace) -> None:
    running = asyncio.create_task(ran(f"{IGNORES_TERM} sleep {trace}; sleep {trace}", tmp_path))
    await until(trace.alive)
    running.cancel()
    await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await until(lambda: not trace.alive())
    await asyncio.sleep(0.1)


async def test_output_puts_off_the_limit_of_silence(tmp_path: Path, trace: Trace) -> None:
    ended, heard = await ran("for i in 1 2 3 4; do sleep 0.15; echo $i; done; sleep 9", tmp_path, silence=0.5)
    assert (ended.why, heard) == ("silence", b"1\n2\n3\n4\n")
    assert 1.1 < ended.seconds < 2.5


async def test_a_process_that_holds_the_pipe_is_not_waited_for(tmp_path: Path, trace: Trace) -> None:
    """The reaper is killed, so that the daemon gets away for a moment."""
    ended, heard = await ran(
        f"echo x; (setsid sleep {trace} &); sleep 0.1; kill -9 $PPID; sleep {trace}", tmp_path
    )
    assert (ended.code, heard) == (-9, b"x\n")
    assert ended.seconds < 2
    assert not trace.alive()


async def test_a_reaper_that_was_stopped_does_its_work(tmp_path: Path, trace: Trace) -> None:
    running = asyncio.create_task(ran(f"kill -STOP $PPID; sleep {trace}", tmp_path))
    await until(lambda: any("stopped" in line for line in trace.alive()))
    began = time.monotonic()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert time.monotonic() - began < 0.6
    assert not trace.alive()


async def test_when_kcode_is_killed_its_commands_end(tmp_path: Path, trace: Trace) -> None:
    script = (
        "import asyncio; from pathlib import Path; from kcode.processes.process import run;"
        f"asyncio.run(run('(setsid sleep {trace} &); sleep {trace}', Path('.'), limit=99, silence=99))"
    )
    kcode = subprocess.Popen(
        [sys.executable, "-c", script], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    await until(lambda: sum("sleep" in line for line in trace.alive()) == 2, seconds=10)
    kcode.kill()
    kcode.wait()
    await until(lambda: not trace.alive())


async def test_others_are_left_alone(tmp_path: Path, trace: Trace) -> None:
    """Another command's processes, and what kcode itself has started."""
    own = await asyncio.create_subprocess_exec("sleep", "30")
    other = start(f"(setsid sleep {trace} &); sleep 30", tmp_path)
    await until(lambda: len(trace.alive()) == 4)  # with our own, the reaper, and the other's two
    await ran("(setsid sleep 30 &); sleep 30", tmp_path, limit=0.2)
    assert own.returncode is None and psutil.pid_exists(own.pid)
    assert len(trace.alive()) == 4
    own.kill()
    await own.wait()
    await other.end()


async def test_a_flood_costs_no_memory(tmp_path: Path, trace: Trace) -> None:
    sizes: list[int] = []
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    await run("yes | head -c 500000000", tmp_path, lambda data: sizes.append(len(data)), limit=60, silence=60)
    assert sum(sizes) == 500_000_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000


async def test_everything_else_goes_on_during_a_flood(tmp_path: Path, trace: Trace) -> None:
    flood = asyncio.create_task(run("yes", tmp_path, limit=0.5, silence=9))
    delays = []
    while not flood.done():
        began = time.monotonic()
        await asyncio.sleep(0.01)
        delays.append(time.monotonic() - began)
    assert max(delays) < 0.2


async def test_all_that_was_said_before_the_end_is_heard(tmp_path: Path, trace: Trace) -> None:
    for size in (1, 65_536, 3_000_000):
        _, heard = await ran(f"head -c {size} /dev/zero; exit 1", tmp_path)
        assert len(heard) == size


async def test_a_command_that_cannot_be_started_is_the_models_error(tmp_path: Path, trace: Trace) -> None:
    for command, folder in (
        ("echo \0", tmp_path),
        ("echo " + "x" * 3_000_000, tmp_path),
        ("ls", tmp_path / "gone"),
    ):
        with pytest.raises(ToolError, match="cannot be started"):
            await ran(command, folder)


async def test_keys_are_not_in_the_environment_of_commands(
    tmp_path: Path, trace: Trace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACME_API_KEY", "hidden-word")
    _, heard = await ran("env; tr '\\0' '\\n' < /proc/$PPID/environ", tmp_path)
    assert b"KCODE=1" in heard and b"hidden-word" not in heard


def test_a_shell_in_the_workspace_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("bash", "sh"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join((str(tmp_path), ".", "", os.environ["PATH"])))
    assert not shell(tmp_path)[0].startswith(str(tmp_path)) and Path(shell(tmp_path)[0]).is_absolute()


async def test_start_up_files_are_not_read(
    tmp_path: Path, trace: Trace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (".bashrc", ".bash_profile", ".profile"):
        (tmp_path / name).write_text("echo read\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert (await ran("echo x", tmp_path))[1] == b"x\n"


async def test_many_run_side_by_side(tmp_path: Path, trace: Trace) -> None:
    results = await asyncio.gather(*(ran(f"sleep 0.1; echo {n}", tmp_path) for n in range(12)))
    assert [heard for _, heard in results] == [b"%d\n" % n for n in range(12)]


async def test_ending_what_has_ended_does_nothing(tmp_path: Path, trace: Trace) -> None:
    process: Process = start("true", tmp_path)
    await process.gone
    await process.end()
    await process.end()
    assert process.code == 0

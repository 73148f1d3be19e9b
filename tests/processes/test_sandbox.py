import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import pytest

from kcode import settings
from kcode.errors import BadInput
from kcode.paths import config_dir, data_dir
from kcode.processes.process import Ended, run, start
from kcode.processes.sandbox import Sandbox, Surroundings, active, profile, why_not
from kcode.scripted import ScriptedProvider
from tests.playing import MODEL, call, say, scenario, settings_for
from tests.running import ROOT, Forker, environment, until

WHY_NOT = why_not(Path("/nowhere"))
works_here = pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="bubblewrap is for Linux")

Inside = Callable[..., Awaitable[tuple[Ended, str]]]


def chosen(**sandbox: object) -> settings.Sandbox:
    return settings.check({"sandbox": sandbox}, "test").sandbox


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "work"
    root.mkdir()
    subprocess.run(["git", "init", "-q", root], check=True)
    return root


@pytest.fixture
def inside(root: Path, tmp_path: Path) -> Inside:
    """Runs a command in the sandbox that the settings ask for."""

    async def run_inside(command: str, mode: str = "auto", **sandbox: object) -> tuple[Ended, str]:
        found = active(chosen(**sandbox), mode, root, tmp_path / "tmp")
        heard: list[bytes] = []
        around = Surroundings(sandbox=found, shown=(tmp_path / "shown",))
        ended = await run(command, root, heard.append, limit=20, silence=20, around=around)
        return ended, b"".join(heard).decode()

    return run_inside


@pytest.fixture
def outside() -> Iterator[Path]:
    """A file that is not there, and not in /tmp, where commands see another folder."""
    with TemporaryDirectory(prefix=".outside-", dir=ROOT) as folder:
        yield Path(folder) / "outside.txt"


def test_only_what_nobody_approved_runs_in_one(root: Path) -> None:
    assert active(chosen(mode="off"), "auto", root) is None
    assert [active(chosen(), mode, root) for mode in ("ask", "edits", "plan")] == [None] * 3


@works_here
def test_on_means_every_mode(root: Path) -> None:
    assert all(active(chosen(mode="on"), mode, root) for mode in ("ask", "edits", "plan", "auto"))


def test_where_there_is_none_on_is_an_error_and_auto_is_none(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    elsewhere = root / "elsewhere"  # programs that were found are remembered for each folder
    assert active(chosen(), "auto", elsewhere) is None
    assert why_not(elsewhere)
    with pytest.raises(BadInput, match=r'sandbox.mode = "on"'):
        active(chosen(mode="on"), "auto", elsewhere)


@linux_only
def test_a_bubblewrap_that_is_refused_says_why(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "bwrap"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    assert "No permissions to create new namespace" in str(why_not(root / "refused"))
    assert active(chosen(), "auto", root / "refused") is None


@works_here
async def test_the_workspace_and_tmp_are_written_and_nothing_else(
    inside: Inside, root: Path, outside: Path
) -> None:
    _, said = await inside(f"echo a > a.txt; echo b > /tmp/b.txt; echo c > {outside}; cat a.txt /tmp/b.txt")
    assert said.splitlines()[-2:] == ["a", "b"]
    assert (
        "Read-only" in said or "denied" in said or "No such file" in said
    )  # below /tmp it is not even there
    assert (root / "a.txt").read_text() == "a\n"
    assert not outside.exists() and not Path("/tmp/b.txt").exists()


@works_here
async def test_what_is_in_tmp_is_there_for_the_next_command(inside: Inside) -> None:
    await inside("echo kept > /tmp/x")
    assert (await inside("cat /tmp/x"))[1] == "kept\n"


@works_here
async def test_further_folders_can_be_opened(inside: Inside, tmp_path: Path) -> None:
    (tmp_path / "also").mkdir()
    await inside(f"echo x > {tmp_path}/also/x", writable=[str(tmp_path / "also")])
    assert (tmp_path / "also" / "x").exists()


@works_here
async def test_there_is_no_network_unless_the_settings_say_so(inside: Inside) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)
        call = f"exec 3<>/dev/tcp/127.0.0.1/{server.getsockname()[1]} && echo reached"
        assert "reached" not in (await inside(call))[1]
        assert "reached" in (await inside(call, network=True))[1]


@works_here
async def test_keys_and_kcodes_own_files_are_not_seen(
    inside: Inside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OPENAI_API_KEY", "sk-0123456789")
    places = [tmp_path / "home/.ssh/id_rsa", tmp_path / "home/.netrc", tmp_path / "mine/x", tmp_path / "one"]
    places += [config_dir() / "keys.toml", data_dir() / "ledger"]
    for place in places:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("secret word")
    names = shlex.join(map(str, places))
    _, said = await inside(
        f"cat {names}; env; cat /proc/*/environ", hidden=[str(tmp_path / "mine"), str(tmp_path / "one")]
    )
    assert "secret word" not in said and "sk-0123456789" not in said
    _, said = await inside(f"for f in {names}; do echo pwned > $f; done; echo tried")
    assert said.endswith("tried\n")
    assert [place.read_text() for place in places] == ["secret word"] * len(places)


@works_here
async def test_a_folder_of_a_hidden_one_can_be_shown(inside: Inside, tmp_path: Path) -> None:
    shown = tmp_path / "shown"
    shown.mkdir()
    (shown / "long.txt").write_text("long output")
    _, said = await inside(f"cat {shown}/long.txt; echo x > {shown}/x", hidden=[str(tmp_path / "shown")])
    assert said.startswith("long output") and not (shown / "x").exists()


@works_here
async def test_git_works_and_what_names_programs_in_it_stays(inside: Inside, root: Path) -> None:
    before = (root / ".git/config").read_text()
    _, said = await inside(
        "echo 1 > a; git add a && git -c user.name=A -c user.email=a@b commit -qm one && git log --oneline;"
        "git config core.fsmonitor evil; echo x > .git/hooks/pre-commit; mv .git .git2; rm -rf .git/hooks;"
        "umount .git/config; mount -o remount,rw,bind .git/config"
    )
    assert "one" in said
    assert (root / ".git/config").read_text() == before
    assert not (root / ".git2").exists() and (root / ".git/hooks").is_dir()
    assert not (root / ".git/hooks/pre-commit").exists()


@works_here
async def test_git_works_in_a_linked_worktree(inside: Inside, root: Path, tmp_path: Path) -> None:
    main = tmp_path / "main"
    for words in (["init", "-q", str(main)], ["-C", str(main), "commit", "-q", "--allow-empty", "-m", "0"]):
        subprocess.run(["git", *words], check=True)
    root.rename(tmp_path / "gone")
    subprocess.run(["git", "-C", main, "worktree", "add", "-q", root], check=True, capture_output=True)
    _, said = await inside(
        "echo 1 > a; git add a && git commit -qm one && git log --oneline; git config a.b c"
    )
    assert "one" in said
    assert "a" not in (main / ".git/config").read_text().split()


@works_here
async def test_a_worktree_cannot_say_by_itself_where_its_git_is(
    inside: Inside, root: Path, tmp_path: Path
) -> None:
    victim = tmp_path / "victim" / ".git" / "worktrees" / "x"
    victim.mkdir(parents=True)
    (victim / "gitdir").write_text("/somewhere/else/.git\n")
    root.rename(tmp_path / "gone")
    root.mkdir()
    (root / ".git").write_text(f"gitdir: {victim}\n")
    await inside(f"echo x > {tmp_path}/victim/.git/planted")
    assert not (tmp_path / "victim/.git/planted").exists()


@works_here
async def test_what_takes_effect_later_is_only_read(inside: Inside, root: Path) -> None:
    (root / ".kcode").mkdir()
    (root / ".mcp.json").write_text("{}")
    await inside("mkdir -p .kcode/modes; echo x > .kcode/settings.toml; echo x > .mcp.json; mv .kcode y")
    assert [path.name for path in (root / ".kcode").iterdir()] == []
    assert (root / ".mcp.json").read_text() == "{}"


@works_here
@pytest.mark.parametrize(
    "escape",
    [
        "mount -o remount,bind,rw / && echo x > {outside}",
        "umount /proc; umount /tmp; umount {folder}; echo x > {outside}",
        "unshare -rm sh -c 'mount -o remount,bind,rw /; echo x > {outside}'",
        "nsenter -t 1 -m sh -c 'echo x > {outside}'",
        "echo x > /proc/1/root{outside}",
        "ln -s {outside} link; echo x > link",
        "chroot /proc/1/root sh -c 'echo x > {outside}'",
        "echo '|/bin/false' > /proc/sys/kernel/core_pattern",
        "mknod disk b 8 0; chmod 666 {folder}; touch {outside}",
        "kill -9 {pid}",
    ],
)
async def test_nothing_gets_out(inside: Inside, outside: Path, escape: str) -> None:
    core = Path("/proc/sys/kernel/core_pattern").read_text()
    await inside(escape.format(outside=outside, folder=outside.parent, pid=os.getpid()))
    assert not outside.exists()
    assert Path("/proc/sys/kernel/core_pattern").read_text() == core


@works_here
@pytest.mark.parametrize(
    "command",
    [
        "sleep 60",
        "trap '' TERM; sleep 60 & wait",
        "setsid sh -c 'trap \"\" TERM; sleep 60' & sleep 60",
        "(setsid nohup sleep 60 >/dev/null 2>&1 &); sleep 60",
    ],
)
async def test_a_command_in_it_ends_to_its_last_process(root: Path, command: str) -> None:
    process = start(command, root, around=Surroundings(sandbox=active(chosen(), "auto", root)))
    until(lambda: len(_marked(process.mark)) >= 3)
    began = time.monotonic()
    await process.end(0.1)
    assert time.monotonic() - began < 1
    assert _marked(process.mark) == []


@works_here
async def test_what_a_command_leaves_running_is_ended_and_counted(inside: Inside) -> None:
    ended, _ = await inside("(setsid sleep 60 &); exit 7")
    assert (ended.code, ended.left) == (7, 1)


@works_here
async def test_a_command_has_time_to_end_by_itself_on_term(inside: Inside, root: Path) -> None:
    around = Surroundings(sandbox=active(chosen(), "auto", root))
    process = start("trap 'echo bye > said; exit' TERM; sleep 60 & wait", root, around=around)
    until(lambda: len(_marked(process.mark)) >= 3)
    time.sleep(0.2)
    await process.end(1)
    assert (root / "said").read_text() == "bye\n"


@works_here
async def test_what_failed_by_the_sandbox_is_said_in_a_sentence(root: Path) -> None:
    sandbox = active(chosen(), "auto", root)
    assert sandbox is not None
    assert sandbox.remark("curl: (6) Could not resolve host: example.org").startswith(
        "kcode's sandbox: no network"
    )
    assert "workspace" in sandbox.remark("touch: cannot touch '/x': Read-only file system")
    assert sandbox.remark("AssertionError") == ""
    assert sandbox.title.endswith("no network")


def test_the_profile_for_macos_says_what_may_be_written_and_read(tmp_path: Path) -> None:
    root = tmp_path / 'wo"rk\\'
    (root / ".git").mkdir(parents=True)
    here = str(root.resolve()).replace("\\", "\\\\").replace('"', '\\"')
    sandbox = Sandbox("/usr/bin/sandbox-exec", hidden=(tmp_path / "home/.ssh", tmp_path), tmp=tmp_path / "t")
    text = profile(sandbox, root)
    lines = text.splitlines()
    assert lines[:4] == ["(version 1)", "(allow default)", "(deny network*)", "(deny file-write*)"]
    assert f'(subpath "{here}")' in text and f'(subpath "{tmp_path.resolve()}/t")' in text
    allowed = next(at for at, line in enumerate(lines) if line.startswith("(allow file-write* (subpath"))
    denied = next(at for at, line in enumerate(lines) if f'{here}/.git/hooks")' in line)
    assert allowed < denied, "the last rule that fits holds"
    assert lines[-1] == f'(deny file-read* file-write* (subpath "{tmp_path.resolve()}/home/.ssh"))'
    assert "(deny network*)" not in profile(Sandbox("/usr/bin/sandbox-exec", network=True), root)


def _marked(mark: str) -> list[int]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("KCODE_CALL") == mark and process.status() != "zombie":
                found.append(process.pid)
        except (psutil.Error, OSError):
            continue
    return found


@works_here
def test_nothing_of_it_lives_on_when_kcode_is_killed(forker: Forker, root: Path, tmp_path: Path) -> None:
    command = "echo begun; (setsid nohup sleep 61.7 >/dev/null 2>&1 &); trap '' TERM; sleep 61.7"
    with ScriptedProvider(scenario(call("shell", command=command), say("Done."))) as provider:
        sets = (*settings_for(provider), 'sandbox.mode="auto"')
        flags = ["-m", MODEL, "--permission-mode", "auto", *(part for one in sets for part in ("--set", one))]
        running = forker.start(
            "run", "Go.", *flags, "--json", cwd=root, env=environment(tmp_path / "home", MINE=str(root))
        )
        until(lambda: len(_of(root)) >= 4)
        running.send(signal.SIGKILL)
        running.wait()
        until(lambda: _of(root) == [], 5)


def _of(root: Path) -> list[psutil.Process]:
    """The living processes that this test has begun, less kcode itself."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            environ = process.environ()
            if environ.get("MINE") == str(root) and "KCODE_CALL" in environ and process.status() != "zombie":
                found.append(process)
    return found

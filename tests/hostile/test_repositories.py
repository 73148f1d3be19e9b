"""The real program in malicious repositories: nothing runs, nothing leaves, nothing outside is written."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kcode.processes.sandbox import why_not
from kcode.scripted import ScriptedProvider
from tests.hostile.repositories import KINDS, SECRET, Json, Kind, Trap, ordinary, trap_in
from tests.playing import MODEL, WireName, call, calls, say, scenario, settings_for
from tests.running import ROOT, Ended, Forker, environment

WHY_NOT = why_not(Path("/nowhere"))
works_here = pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))

slow = pytest.mark.slow
QUICK = {
    "hooks of every name",
    "filters that clean and smudge",
    "symlinks to files outside",
    "symlinks to folders outside",
    "rules that are a symlink to a secret",
    "settings that send the key elsewhere",
    "everything that an agent could take in",
    "rules that order a push",
    "programs with the names of ours",
    "names with escape sequences and newlines",
    "git's own files in other spellings",
}
"""One of each sort; the others are slow by their number."""

WORK: tuple[Json, ...] = (
    calls(call("list"), call("search", pattern="word"), call("read", path="src/app.py")),
    call("edit", path="src/app.py", edits=[{"old": "'word'", "new": "'words'"}]),
    call("write", path="src/new.py", text="new = 1\n"),
)
"""What any model does anywhere."""
LAST = "All of it is done."


@pytest.fixture
def trap(tmp_path: Path) -> Iterator[Trap]:
    with trap_in(tmp_path / "outside") as trap:
        yield trap


def built(kind: Kind, folder: Path, trap: Trap) -> Path:
    root = folder / kind.folder
    ordinary(root)
    kind.build(root, trap)
    trap.set()
    return root


def flags(provider: ScriptedProvider, wire: WireName = "anthropic") -> list[str]:
    settings = [part for one in settings_for(provider, wire) for part in ("--set", one)]
    return ["-m", MODEL, "--permission-mode", "edits", *settings]


def all_told(provider: ScriptedProvider) -> str:
    return "\n".join(request.raw.decode(errors="replace") for request in provider.requests)


def assert_harmless(trap: Trap, before: dict[str, str], done: Ended) -> None:
    assert trap.sprung == ""
    assert trap.callers == []
    assert trap.outside() == before
    assert "\x1b" not in done.out + done.err
    assert "Traceback" not in done.err, done.last_words


@pytest.mark.parametrize("name", [pytest.param(name, marks=() if name in QUICK else slow) for name in KINDS])
def test_work_in_a_hostile_repository_harms_nobody(
    name: str, forker: Forker, trap: Trap, tmp_path: Path
) -> None:
    kind = KINDS[name]
    root = built(kind, tmp_path, trap)
    before = trap.outside()
    steps = [*WORK, *kind.steps, say(LAST)]
    with ScriptedProvider(scenario(*steps)) as provider:
        env = environment(tmp_path / "home") | {"OPENAI_API_KEY": "sk-test-key-0123456789"} | kind.env
        done = forker.run("run", "Do your work.", *flags(provider), cwd=root, env=env)
        told = all_told(provider)
    assert_harmless(trap, before, done)
    assert done.code == kind.code, done.last_words
    assert SECRET not in told
    assert (root / "src" / "new.py").read_text() == "new = 1\n"


@pytest.mark.parametrize("name", ["programs with the names of ours", "modules with the names of ours"])
def test_libraries_below_run_nothing_of_it_either(
    name: str, forker: Forker, trap: Trap, tmp_path: Path
) -> None:
    kind = KINDS[name]
    root = built(kind, tmp_path, trap)
    before = trap.outside()
    with ScriptedProvider(scenario(*WORK, say(LAST))) as provider:
        env = environment(tmp_path / "home") | kind.env
        done = forker.run("run", "Do it.", *flags(provider, "openai"), cwd=root, env=env)
        assert_harmless(trap, before, done)
        assert done.code == 0, done.last_words
        told = forker.run("doctor", cwd=root, env=env)
    assert_harmless(trap, before, told)


def test_python_m_kcode_takes_no_module_from_the_working_folder(trap: Trap, tmp_path: Path) -> None:
    root = built(KINDS["modules with the names of ours"], tmp_path, trap)
    (root / "kcode.py").unlink()
    env = environment(tmp_path / "home", PYTHONPATH=str(ROOT))
    done = subprocess.run([sys.executable, "-m", "kcode", "modes", "list"], cwd=root, env=env, timeout=60)
    assert (done.returncode, trap.sprung) == (0, "")


@works_here
@pytest.mark.parametrize(
    "name",
    [
        "a file system monitor",
        "hooks of every name",
        pytest.param("filters that clean and smudge", marks=slow),
        pytest.param("tasks of editors and builds", marks=slow),
        pytest.param("variables in .env and .envrc", marks=slow),
    ],
)
def test_commands_that_nobody_approved_reach_nothing_outside(
    name: str, forker: Forker, trap: Trap, tmp_path: Path
) -> None:
    root = built(KINDS[name], tmp_path, trap)
    before = trap.outside()
    commands = [
        "git status; git add -A; git commit -qm x; git checkout -q -b y",
        f"make; {trap.program}; cat {trap.secret}; for f in ./.??*; do sh $f; done",
        f"exec 3<>/dev/tcp/127.0.0.1/{trap.port}; curl -s {trap.url}; echo x > {trap.folder}/planted",
        "env; cat /proc/*/environ; ls -a ~; ls -R $KCODE_HOME",
    ]
    steps = [*(call("shell", command=command) for command in commands), say(LAST)]
    with ScriptedProvider(scenario(*steps)) as provider:
        env = environment(tmp_path / "home") | {"OPENAI_API_KEY": "sk-test-key-0123456789"}
        sandboxed = [*flags(provider), "--permission-mode", "auto", "--set", 'sandbox.mode="auto"']
        done = forker.run("run", "Do it.", *sandboxed, cwd=root, env=env)
        told = all_told(provider)
    assert_harmless(trap, before, done)
    assert done.code == 0, done.last_words
    assert SECRET not in told and "sk-test-key" not in told


@pytest.mark.parametrize("leads_to", ["file", "folder"])
def test_undo_writes_nothing_outside(forker: Forker, trap: Trap, tmp_path: Path, leads_to: str) -> None:
    root = tmp_path / "work"
    ordinary(root)
    env = environment(tmp_path / "home")
    with ScriptedProvider(scenario(*WORK, say(LAST))) as provider:
        assert forker.run("run", "Do it.", *flags(provider), cwd=root, env=env).code == 0
    if leads_to == "file":
        (root / "src" / "app.py").unlink()
        (root / "src" / "app.py").symlink_to(trap.secret)
    else:
        (trap.folder / "app.py").write_text("def run():\n    return 'words'\n")
        (trap.folder / "new.py").write_text("new = 1\n")
        shutil.rmtree(root / "src")
        (root / "src").symlink_to(trap.folder)
    before = trap.outside()
    for arguments in (("undo",), ("undo", "--force")):
        assert_harmless(trap, before, forker.run(*arguments, cwd=root, env=env))


def test_a_push_that_a_repository_orders_is_asked_and_not_done(
    forker: Forker, trap: Trap, tmp_path: Path
) -> None:
    root = built(KINDS["rules that order a push"], tmp_path, trap)
    with ScriptedProvider(scenario(call("shell", command="git push --force"), say(LAST))) as provider:
        done = forker.run("run", "Do it.", *flags(provider), cwd=root, env=environment(tmp_path / "home"))
        told = all_told(provider)
    assert done.code == 3 and "nobody is there to ask" in done.err
    assert trap.callers == []
    assert told.count("</rules>") <= 2, "the system prompt's and its own: none that the file has made up"

"""Bad input of every kind, through the real program: a clear sentence, the right exit code, and nothing lost."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from kcode.memory.log import read_log
from kcode.scripted import ScriptedProvider
from tests.playing import MODEL, call, calls, say, scenario, settings_for
from tests.running import KCODE, Ended, Forker, Json, environment, until

ANSWER = "It is a shop."
BIG = 50_000_000


@dataclass(slots=True)
class Machine:
    """A folder, a home and a provider, and kcode started with them."""

    forker: Forker
    provider: ScriptedProvider
    folder: Path
    home: Path

    @property
    def flags(self) -> list[str]:
        settings = settings_for(self.provider)
        return ["-m", MODEL, "--yolo", *(part for one in settings for part in ("--set", one))]

    def run(
        self,
        *arguments: str,
        stdin: bytes = b"",
        path: str | None = None,
        env: Json | None = None,
        **limits: int,
    ) -> Ended:
        """`kcode run ARGUMENTS` with a model that answers."""
        return self.plain("run", *arguments, *self.flags, stdin=stdin, env=env, **limits)

    def plain(self, *arguments: str, stdin: bytes = b"", env: Json | None = None, **limits: int) -> Ended:
        everything = environment(self.home) | (env or {})
        return self.forker.run(*arguments, cwd=self.folder, env=everything, stdin=stdin, **limits)

    def settings(self, text: str | bytes) -> None:
        file = self.home / "config" / "settings.toml"
        file.parent.mkdir(parents=True)
        file.write_bytes(text.encode() if isinstance(text, str) else text)

    @property
    def sessions(self) -> list[Path]:
        return sorted(self.home.glob("data/sessions/*.jsonl"))


@pytest.fixture
def machine(forker: Forker, repository: Path, tmp_path: Path) -> Iterator[Machine]:
    with ScriptedProvider(scenario(say(ANSWER))) as provider:
        yield Machine(forker, provider, repository, tmp_path / "home")


def assert_refused(machine: Machine, done: Ended, *words: str, code: int = 2) -> None:
    """One sentence, nothing asked of the provider, and no session begun."""
    assert done.code == code, done.last_words
    assert done.out == ""
    assert done.err.startswith("kcode: ") and "Traceback" not in done.err and "a bug" not in done.err
    missing = [word for word in words if word not in done.err]
    assert missing == [], done.err
    assert machine.provider.requests == [] and machine.sessions == []


def assert_answered(machine: Machine, done: Ended, *notices: str) -> None:
    assert (done.code, done.out) == (0, ANSWER + "\n"), done.last_words
    assert all(notice in done.err for notice in notices), done.err
    assert "Traceback" not in done.err
    assert machine.provider.mismatches == []


# What is wrong with the command line

REFUSED: dict[str, tuple[list[str], list[str]]] = {
    "a folder that is not there": (["hi", "-C", "nowhere"], ["nowhere", "No such file", "-C"]),
    "a file for a folder": (["hi", "-C", "README.md"], ["README.md is no folder", "-C"]),
    "a loop of symlinks for a folder": (["hi", "-C", "loop"], ["loop", "symlink"]),
    "a further folder that is not there": (["hi", "--add-dir", "nowhere"], ["nowhere"]),
    "an unknown provider": (["hi", "-m", "nosuch/model"], ["no provider 'nosuch'", "openrouter"]),
    "a model without its provider": (["hi", "-m", "sonnet"], ["provider/name"]),
    "a model without a key": (
        ["hi", "-m", "anthropic/claude-sonnet-4-5"],
        ["ANTHROPIC_API_KEY", "kcode auth login anthropic"],
    ),
    "an unknown mode": (["hi", "--mode", "poet"], ["no mode 'poet'", "architect", "code"]),
    "an unknown profile": (["hi", "--profile", "poet"], ["no profile 'poet'"]),
    "a setting without a value": (["hi", "--set", "limits.turns"], ["key=value"]),
    "a setting that is none": (["hi", "--set", "limits.trns=3"], ["limits.trns", "limits.turns"]),
    "a setting of a wrong type": (["hi", "--set", "limits.turns=many"], ["limits.turns", "integer"]),
    "a permission rule that is none": (["hi", "--allowed-tools", "fly("], ["'fly('", "shell("]),
    "no session to go on with": (["-c"], ["No session was begun", "kcode run"]),
    "an id of no session": (["hi", "-r", "2020"], ["2020", "kcode sessions list"]),
    "an id that leads elsewhere": (["hi", "-r", "../x"], ["'../x'", "no session id"]),
    "a file that is not there": (["hi", "-f", "none.txt"], ["none.txt", "No such file"]),
    "a folder for a file": (["hi", "-f", "shop"], ["shop", "directory"]),
    "a file that is no text": (["hi", "-f", "binary"], ["binary is no text"]),
    "a file that is too large": (["hi", "-f", "large"], ["large is over 256 KB"]),
    "an image that is none": (["hi", "--image", "README.md"], ["README.md", "PNG"]),
    "an image that is not there": (["hi", "--image", "none.png"], ["none.png", "No such file"]),
    "nothing to do": ([], ["Say what to do", "kcode run"]),
    "an unknown option": (["hi", "--modle"], ["--modle", "--model"]),
    "an amount that is none": (["hi", "--budget", "lots"], ["'lots'", "2.50"]),
    "a time that is none": (["hi", "--max-time", "soon"], ["'soon'", "10m"]),
    "a schema that is not there": (["hi", "--json-schema", "none.json"], ["none.json", "No such file"]),
    "a schema that is no JSON": (["hi", "--json-schema", "README.md"], ["README.md", "JSON"]),
    "an answer's file that cannot be": (["hi", "-o", "no/where.txt"], ["no/where.txt", "cannot be written"]),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_command_line_is_refused_with_a_sentence(what: str, machine: Machine) -> None:
    arguments, words = REFUSED[what]
    (machine.folder / "binary").write_bytes(b"\0\1\2" * 100)
    (machine.folder / "large").write_bytes(b"x" * 300_000)
    (machine.folder / "loop").symlink_to("pool")
    (machine.folder / "pool").symlink_to("loop")
    # What is given twice counts as it is given last.
    done = machine.plain("run", *machine.flags, *arguments)
    assert_refused(machine, done, *words)


def test_without_model_and_key_the_ways_to_begin_are_named(machine: Machine) -> None:
    done = machine.plain("run", "hi")
    assert_refused(machine, done, "ANTHROPIC_API_KEY", "kcode auth login", "ollama/", "kcode demo")


def test_a_mistyped_command_costs_nothing(machine: Machine) -> None:
    assert_refused(machine, machine.plain("spedn"), "no command 'spedn'", "kcode spend")


def test_bytes_that_are_no_text_in_the_prompt_are_replaced(machine: Machine) -> None:
    assert_answered(machine, machine.run("caf\udce9"))
    (request,) = machine.provider.requests
    assert "caf\N{REPLACEMENT CHARACTER}" in json.dumps(request.body, ensure_ascii=False)


@pytest.mark.parametrize(
    ("data", "words"), [(b"\0\1\2", "standard input is no text"), (b"x" * 300_000, "over 256 KB")]
)
def test_piped_input_that_cannot_be_a_prompt_is_refused(machine: Machine, data: bytes, words: str) -> None:
    assert_refused(machine, machine.run("what is this?", stdin=data), words)


def test_piped_input_in_another_encoding_is_read_as_far_as_it_goes(machine: Machine) -> None:
    assert_answered(machine, machine.run("what is this?", stdin="café au lait".encode("latin-1")))
    assert "au lait" in machine.provider.requests[0].raw.decode()


# What is wrong with kcode's own files

SETTINGS: dict[str, tuple[str | bytes, list[str]]] = {
    "no TOML": ("[limits\nturns = 3", ["settings.toml is no valid TOML", "line 1"]),
    "no text": (b"\xff\xfe\0", ["settings.toml cannot be read"]),
    "a wrong type": ("[limits]\nturns = 'many'", ["settings.toml is wrong", "limits.turns", "integer"]),
    "an unknown key": ("[limits]\ntrns = 3", ["limits.trns: no such setting", "limits.turns"]),
    "an unknown table": ("[limitz]\nturns = 3", ["limitz"]),
    "an unknown wire": ("[providers.x]\nwire = 'smoke'", ["providers.x.wire", "'openai' or 'anthropic'"]),
    "a key in clear": ("[providers.x]\nkey = 'sk-12345'", ["providers.x.key"]),
    "a negative amount": ("[budget]\nsession = -1", ["budget.session"]),
}


@pytest.mark.parametrize("what", SETTINGS)
def test_malformed_settings_are_named_with_their_place_and_stay_as_they_are(
    what: str, machine: Machine
) -> None:
    text, words = SETTINGS[what]
    machine.settings(text)
    assert_refused(machine, machine.run("hi"), *words)
    kept = (machine.home / "config" / "settings.toml").read_bytes()
    assert kept == (text.encode() if isinstance(text, str) else text)


def test_a_folder_in_place_of_the_settings_is_named(machine: Machine) -> None:
    (machine.home / "config" / "settings.toml").mkdir(parents=True)
    assert_refused(machine, machine.run("hi"), "settings.toml", "directory")


def test_a_broken_mode_is_named_and_skipped(machine: Machine) -> None:
    file = machine.home / "config" / "modes" / "poet.md"
    file.parent.mkdir(parents=True)
    file.write_text("no front matter")
    assert_answered(machine, machine.run("hi"), "poet.md is skipped")


def test_a_damaged_list_of_trusted_folders_trusts_nobody(machine: Machine) -> None:
    file = machine.home / "data" / "trust.json"
    file.parent.mkdir(parents=True)
    file.write_text("{")
    assert_refused(machine, machine.run("hi"), "trust.json")


def test_a_file_of_keys_that_others_can_read_is_refused(machine: Machine) -> None:
    file = machine.home / "config" / "keys.toml"
    file.parent.mkdir(parents=True)
    file.write_text('openai = "sk-0123456789abcdef0123"')
    done = machine.plain("run", "hi", "-m", "openai/gpt-5")
    assert_refused(machine, done, "keys.toml", "chmod 600")


def test_a_damaged_ledger_is_put_aside_and_kept(machine: Machine) -> None:
    file = machine.home / "data" / "ledger.sqlite3"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"nonsense" * 1000)
    assert_answered(machine, machine.run("hi"), "The ledger was damaged")
    (aside,) = machine.home.glob("data/*.damaged-*")
    assert aside.read_bytes() == b"nonsense" * 1000


def test_damaged_lines_of_a_session_are_counted_and_left_where_they_are(machine: Machine) -> None:
    assert machine.run("hi").code == 0
    (session,) = machine.sessions
    session.write_bytes(session.read_bytes() + b'nonsense\n\xff\xfe\n{"at": 1}\n')
    assert_answered(machine, machine.run("-c", "and now?"), "3 lines of session")
    assert b"nonsense\n" in session.read_bytes()
    assert "hi" in machine.provider.requests[-1].raw.decode()


def test_a_home_that_is_a_file_is_named(machine: Machine) -> None:
    machine.home.write_text("x")
    done = machine.run("hi")
    assert done.code == 2 and str(machine.home) in done.err and "bug" not in done.err
    assert machine.home.read_text() == "x"


def test_a_home_that_cannot_be_written_is_named_and_there_is_a_way_without(machine: Machine) -> None:
    machine.home.mkdir()
    machine.home.chmod(0o555)
    done = machine.run("hi", plain_user=1)
    assert_refused(machine, done, "cannot be kept", "Permission denied", "--ephemeral")
    done = machine.run("hi", "--ephemeral", plain_user=1)
    assert_answered(machine, done, "counted in memory only")
    assert list(machine.home.iterdir()) == []


def test_a_rule_file_that_cannot_be_read_is_not_passed_over(machine: Machine) -> None:
    (machine.folder / "AGENTS.md").chmod(0)
    done = machine.run("hi", plain_user=1)
    assert_refused(machine, done, "AGENTS.md", "Permission denied", "--safe-mode")
    assert_answered(machine, machine.run("hi", "--safe-mode", plain_user=1))


def test_a_session_in_use_is_not_touched_by_another_kcode(machine: Machine) -> None:
    with ScriptedProvider(scenario(call("shell", command="echo begun; sleep 60"))) as provider:
        busy = Machine(machine.forker, provider, machine.folder, machine.home)
        arguments = ["run", "work", "--json", *busy.flags]
        running = machine.forker.start(*arguments, cwd=busy.folder, env=environment(busy.home))
        until(lambda: running.has_told("output_arrived"))
        (session,) = machine.sessions
        before = session.read_bytes()
        done = machine.run("-c", "and now?")
        assert done.code == 2 and "is open in another kcode" in done.err and "--fork" in done.err
        assert session.read_bytes() == before
        assert machine.run("-c", "--fork", "and now?").code == 0
        running.send(signal.SIGTERM)
        assert running.wait().code == 143


# What is wrong with the folder


def no_repository(folder: Path) -> None:
    shutil.rmtree(folder / ".git")


def empty_repository(folder: Path) -> None:
    shutil.rmtree(folder)
    subprocess.run(["git", "init", "-q", str(folder)], check=True)


def empty_folder(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def git_is_a_file(folder: Path) -> None:
    shutil.rmtree(folder / ".git")
    (folder / ".git").write_text("nonsense")


def git_is_broken(folder: Path) -> None:
    (folder / ".git" / "HEAD").write_bytes(b"\xff\0nonsense")


def rules_are_no_text(folder: Path) -> None:
    (folder / "AGENTS.md").write_bytes(b"\xff\0\1" * 50_000)


def rules_are_a_loop(folder: Path) -> None:
    (folder / "AGENTS.md").unlink()
    (folder / "AGENTS.md").symlink_to("AGENTS.md")


def names_are_no_text(folder: Path) -> None:
    Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9\n.txt")).write_text("x")


FOLDERS = [
    no_repository,
    empty_repository,
    empty_folder,
    git_is_a_file,
    git_is_broken,
    rules_are_no_text,
    rules_are_a_loop,
    names_are_no_text,
]


@pytest.mark.parametrize("spoil", FOLDERS, ids=lambda spoil: spoil.__name__)
def test_kcode_works_in_a_folder_as_it_is(spoil: Callable[[Path], None], machine: Machine) -> None:
    spoil(machine.folder)
    steps = [calls(call("list"), call("search", pattern="nothing")), say(ANSWER)]
    with ScriptedProvider(scenario(*steps)) as provider:
        there = Machine(machine.forker, provider, machine.folder, machine.home)
        assert_answered(there, there.run("what is this?"))


def test_kcode_works_without_git_and_ripgrep(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    steps = [calls(call("list"), call("search", pattern="def total")), say(ANSWER, expect=r"cart\.py")]
    with ScriptedProvider(scenario(*steps)) as provider:
        there = Machine(machine.forker, provider, machine.folder, machine.home)
        assert_answered(there, there.run("what is this?", env={"PATH": str(tmp_path / "bin")}))


@pytest.mark.slow
def test_a_folder_that_is_gone_is_named(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    where = f"import os, shutil; os.chdir({str(tmp_path / 'gone')!r}); os.rmdir({str(tmp_path / 'gone')!r}); "
    command = [*KCODE[:-1], where + KCODE[-1], "run", "hi"]
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment(tmp_path), stdin=subprocess.DEVNULL
    )
    assert done.returncode == 2 and "is no folder to work in" in done.stderr and "bug" not in done.stderr


# What the model finds there

FOUND: dict[str, tuple[str, Json, str]] = {
    "a binary file": ("read", {"path": "data.bin"}, "binary"),
    "a large file": ("read", {"path": "large.txt"}, "line 0"),
    "a folder": ("read", {"path": "shop"}, "folder"),
    "a named pipe": ("read", {"path": "pipe"}, "named pipe"),
    "a loop of symlinks": ("read", {"path": "loop"}, "loop"),
    "nothing": ("read", {"path": "shop/crat.py"}, "Did you mean shop/cart.py"),
    "latin-1": ("read", {"path": "latin.txt"}, "café"),
    "an edit of a large file": (
        "edit",
        {"path": "large.txt", "edits": [{"old": "line 7", "new": "x"}]},
        "larger than",
    ),
    "an edit of a binary file": (
        "edit",
        {"path": "data.bin", "edits": [{"old": "x", "new": "y"}]},
        "binary",
    ),
    "a file of git's own": ("write", {"path": ".git/config", "text": "x"}, ".git"),
    "an unknown tool": ("fly", {"to": "the moon"}, "no tool 'fly'"),
    "arguments of a wrong type": ("read", {"path": 7}, "string"),
}


@pytest.fixture
def spoilt(machine: Machine) -> Path:
    folder = machine.folder
    (folder / "data.bin").write_bytes(bytes(range(256)) * 40)
    with (folder / "large.txt").open("w") as large:
        large.writelines(f"line {number}\n" for number in range(BIG // 12))
    (folder / "crlf.txt").write_bytes(b"one\r\ntwo\r\nthree\r\n")
    (folder / "latin.txt").write_bytes("café au lait\n".encode("latin-1"))
    (folder / "loop").symlink_to("loop")
    (folder / "way").symlink_to(folder.parent)
    os.mkfifo(folder / "pipe")
    return folder


def results(done: Ended) -> dict[str, Json]:
    """Of each call, by its id."""
    events = [json.loads(line) for line in done.out.splitlines()]
    messages = [event["message"] for event in events if event["type"] == "message_added"]
    return {message["call_id"]: message for message in messages if message["role"] == "tool"}


def test_what_the_model_meets_becomes_a_result_that_it_can_read(machine: Machine, spoilt: Path) -> None:
    asked = [
        {"name": name, "arguments": arguments, "id": f"call_{number}"}
        for number, (name, arguments, _) in enumerate(FOUND.values())
    ]
    broken = {"name": "read", "arguments": '{"path": "READ', "id": "call_broken"}
    fine = {
        "name": "edit",
        "arguments": {"path": "crlf.txt", "edits": [{"old": "two", "new": "zwei"}]},
        "id": "crlf",
    }
    kept = {
        "name": "edit",
        "arguments": {"path": "latin.txt", "edits": [{"old": "au lait", "new": "noir"}]},
        "id": "latin",
    }
    steps = [{"calls": [*asked, broken, fine, kept]}, say(ANSWER)]
    with ScriptedProvider(scenario(*steps)) as provider:
        there = Machine(machine.forker, provider, machine.folder, machine.home)
        done = there.run("go", "--json")
        assert (done.code, provider.mismatches) == (0, []), done.last_words
    found = results(done)
    words = {name: text for name, (_, _, text) in FOUND.items()}
    ids = {name: f"call_{number}" for number, name in enumerate(FOUND)}
    said = {name: found[id]["text"] for name, id in ids.items()}
    assert {name: text for name, text in said.items() if words[name] not in text} == {}
    assert [name for name, id in ids.items() if found[id]["ok"]] == [
        "a binary file",
        "a large file",
        "latin-1",
    ]
    assert "no valid JSON" in found["call_broken"]["text"]
    assert max(len(text) for text in said.values()) < 20_000
    assert (spoilt / "crlf.txt").read_bytes() == b"one\r\nzwei\r\nthree\r\n"
    assert (spoilt / "latin.txt").read_bytes() == "café noir\n".encode("latin-1")
    assert (spoilt / "data.bin").read_bytes() == bytes(range(256)) * 40


@pytest.mark.parametrize("path", ["../outside.txt", "way/outside.txt", "{}/outside.txt", "~/outside.txt"])
def test_nothing_outside_of_the_workspace_is_written_unasked(
    path: str, machine: Machine, tmp_path: Path
) -> None:
    (machine.folder / "way").symlink_to(tmp_path)
    steps = [call("write", path=path.format(tmp_path), text="x"), say(ANSWER)]
    with ScriptedProvider(scenario(*steps)) as provider:
        there = Machine(machine.forker, provider, machine.folder, machine.home)
        flags = [flag for flag in there.flags if flag != "--yolo"]
        done = there.plain("run", "go", "--permission-mode", "edits", *flags, env={"HOME": str(tmp_path)})
        assert done.code == 3 and "outside.txt" in done.err and "outside of the workspace" in done.err
    assert not (tmp_path / "outside.txt").exists()


# When there is no room


def test_a_full_disk_before_anything_was_asked_is_named(machine: Machine) -> None:
    assert_refused(machine, machine.run("hi", file_size=8192), "ledger", "Is the disk full?", code=1)


def test_a_disk_that_fills_up_costs_no_file_and_is_told(machine: Machine) -> None:
    text = "".join(f"line {number}\n" for number in range(5_500))
    before = (machine.folder / "README.md").read_bytes()
    steps = [
        call("read", path="README.md"),
        calls(call("write", path="README.md", text=text), call("write", path="new.txt", text=text)),
        say(ANSWER, expect="File too large"),
    ]
    with ScriptedProvider(scenario(*steps)) as provider:
        there = Machine(machine.forker, provider, machine.folder, machine.home)
        done = there.run("go", "--max-tokens", "100000", file_size=45_000)
        assert_answered(there, done, "The session is no longer saved", "Make room")
    assert (machine.folder / "README.md").read_bytes() == before
    assert not (machine.folder / "new.txt").exists()
    assert {path.name for path in machine.folder.iterdir()} == {
        ".git",
        "AGENTS.md",
        "README.md",
        "shop",
        "tests",
    }
    (session,) = machine.sessions
    entries, bad = read_log(session)
    assert len(entries) > 3 and bad <= 1
    assert "bug" not in done.err


@pytest.mark.slow
@pytest.mark.parametrize("form", ["text", "json", "stream-json"])
def test_an_output_that_takes_nothing_is_named(form: str, machine: Machine) -> None:
    command = [*KCODE, "run", "hi", "--output-format", form, *machine.flags]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            command,
            cwd=machine.folder,
            env=environment(machine.home),
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 1, done.stderr
    assert "No space left on device" in done.stderr and "Traceback" not in done.stderr
    assert "a bug" not in done.stderr
    assert len(machine.sessions) == 1


@pytest.mark.slow
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-"])
def test_a_closed_stream_mixes_nothing_up(closed: str, machine: Machine) -> None:
    command = ["bash", "-c", f'exec "$@" {closed}', "kcode", *KCODE, "run", "hi", *machine.flags]
    done = subprocess.run(
        command,
        cwd=machine.folder,
        env=environment(machine.home),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0
    assert done.stdout == ("" if closed == ">&-" else ANSWER + "\n")
    assert ("── " in done.stderr) == (closed != "2>&-") and "Traceback" not in done.stderr


def test_a_reader_that_goes_away_stops_the_work(machine: Machine) -> None:
    slow = say("word " * 2000, pace=0.02)
    with ScriptedProvider(scenario(slow)) as provider:
        there = Machine(machine.forker, provider, machine.folder, machine.home)
        words = [*KCODE, "run", "hi", "--json", *there.flags]
        command = ["bash", "-c", '"$@" | head -c 1000 >/dev/null; exit ${PIPESTATUS[0]}', "kcode", *words]
        done = subprocess.run(
            command,
            cwd=machine.folder,
            env=environment(machine.home),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert (done.returncode, done.stderr) == (141, "")
        assert provider.wait_for_hang_up(1).hung_up is not None

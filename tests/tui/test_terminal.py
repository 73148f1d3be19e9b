"""The program in a real terminal: tmux sends the keys and reads the screen."""

import itertools
import os
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kcode.scripted import ScriptedProvider
from tests.playing import call
from tests.running import KCODE, environment, program
from tests.tui.conftest import MODEL, PRICES, lane

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("tmux") is None, reason="tmux is not installed, which plays the terminal"
    ),
]

PROMPT = "shell> "
PATIENCE = 40.0
"""Seconds: a machine that is busy takes ten for what an idle one does in one."""

HELLO = lane("hello", {"text": "Good **day**. All is well."})
SLOW = lane("slow", {"text": "word " * 400, "chunk": 5, "pace": 0.05})
SLEEPS = lane("sleep", call("shell", command="echo begun; sleep 61"), {"text": "woke"})
MAKES = lane(
    "make", call("shell", command="echo made > made.txt") | {"text": "I make it."}, {"text": "It is there."}
)


class Terminal:
    """A shell in a tmux of its own."""

    _numbers = itertools.count()

    def __init__(self, folder: Path, env: dict[str, str], size: tuple[int, int] = (100, 30)) -> None:
        self._server = f"kcode-{os.getpid()}-{next(self._numbers)}"
        self._env = env | {"TERM": "xterm-256color"}
        width, height = map(str, size)
        self.tmux(
            "-f",
            os.devnull,
            "new-session",
            "-d",
            "-s",
            "t",
            "-x",
            width,
            "-y",
            height,
            "-c",
            str(folder),
            "sh",
        )
        self.tmux("set", "-sg", "escape-time", "10")
        self.say(f"PS1='{PROMPT}'; set +o vi; set -m; clear")
        self.until(lambda: self.screen.strip() == PROMPT.strip())

    def tmux(self, *arguments: str) -> str:
        command = ["tmux", "-L", self._server, *arguments]
        done = subprocess.run(
            command, env=self._env, capture_output=True, text=True, check=True, timeout=PATIENCE
        )
        return done.stdout

    def close(self) -> None:
        subprocess.run(["tmux", "-L", self._server, "kill-server"], capture_output=True)

    @property
    def screen(self) -> str:
        return self.tmux("capture-pane", "-p", "-t", "t")

    @property
    def is_plain(self) -> bool:
        """Whether neither the alternate screen nor the mouse is in a program's hands."""
        return self.tmux("display", "-p", "-t", "t", "#{alternate_on} #{mouse_any_flag}").strip() == "0 0"

    def type(self, text: str) -> None:
        self.tmux("send-keys", "-t", "t", "-l", text)

    def press(self, *keys: str) -> None:
        self.tmux("send-keys", "-t", "t", *keys)

    def say(self, text: str) -> None:
        self.type(text)
        self.press("Enter")

    def until(self, condition: Callable[[], object], seconds: float = PATIENCE) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, self.screen
            time.sleep(0.05)

    def sees(self, text: str) -> str:
        self.until(lambda: text in self.screen)
        return self.screen

    def starts(self, *arguments: str, command: list[str] = KCODE) -> None:
        self.say(f"clear; {shlex.join([*command, *arguments])}")
        self.sees("keys")

    def ends(self) -> str:
        """The screen after the program has gone, everything being as it was."""
        self.until(lambda: self.screen.rstrip().endswith(PROMPT.strip()) and self.is_plain)
        return self.screen


@pytest.fixture
def env(kcode_home: Path) -> dict[str, str]:
    return {name: value for name, value in environment(kcode_home).items() if not name.startswith("TMUX")}


@pytest.fixture
def open_terminal(repository: Path, env: dict[str, str]) -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def open(**more: Any) -> Terminal:
        opened.append(Terminal(repository, env, **more))
        return opened[-1]

    yield open
    for terminal in opened:
        terminal.close()


@pytest.fixture
def terminal(open_terminal: Callable[..., Terminal]) -> Terminal:
    return open_terminal()


@pytest.fixture
def provided(play: Callable[..., ScriptedProvider], kcode_home: Path) -> Callable[..., ScriptedProvider]:
    """Starts a provider that the user's settings know."""

    def started(*lanes: dict[str, Any]) -> ScriptedProvider:
        provider = play(*lanes)
        lines = [
            f'[models]\ndefault = "{MODEL}"',
            f'[providers.scripted]\nwire = "anthropic"\nbase_url = "{provider.url}"\nkey = "none"',
            '[sandbox]\nmode = "off"',
        ]
        for name, price in PRICES.items():
            lines.append(f'[prices."scripted/{name}"]\n' + "\n".join(f"{k} = {v}" for k, v in price.items()))
        file = kcode_home / "config" / "settings.toml"
        file.parent.mkdir(parents=True)
        file.write_text("\n".join(lines))
        return provider

    return started


def test_a_whole_task_and_what_is_left_on_the_normal_screen(
    terminal: Terminal, provided: Callable[..., ScriptedProvider]
) -> None:
    provided(HELLO)
    terminal.starts()
    assert "demo-model" in terminal.sees("demo-model")
    terminal.say("say hello")
    terminal.sees("Good day. All is well.")
    terminal.sees("1 step")
    terminal.say("/quit")
    screen = terminal.ends()
    assert "Good **day**. All is well." in screen
    assert "── $0." in screen
    assert "go on: kcode -r " in screen


def test_a_prompt_on_the_command_line_is_said_at_once(
    terminal: Terminal, provided: Callable[..., ScriptedProvider]
) -> None:
    provided(HELLO)
    terminal.starts("please say hello")
    terminal.sees("Good day. All is well.")


def test_an_approval(terminal: Terminal, provided: Callable[..., ScriptedProvider], repository: Path) -> None:
    provided(MAKES)
    terminal.starts()
    terminal.say("make it")
    terminal.sees("$ echo made > made.txt")
    terminal.sees("Esc stops the task")
    assert not (repository / "made.txt").exists()
    terminal.press("y")
    terminal.sees("It is there.")
    assert (repository / "made.txt").read_text() == "made\n"


def test_mode_and_model_are_switched_in_mid_session(
    terminal: Terminal, provided: Callable[..., ScriptedProvider]
) -> None:
    provider = provided(HELLO, lane("again", {"text": "Here."}))
    terminal.starts()
    terminal.say("say hello")
    terminal.sees("1 step")
    terminal.press("BTab")
    terminal.sees("debug  demo-model")
    terminal.press("M-p")
    terminal.sees("The model of Debug")
    terminal.type("small-model")
    terminal.sees("are read anew ≈ $")
    terminal.press("Enter")
    terminal.sees("debug  small-model")
    terminal.say("and again")
    terminal.sees("Here.")
    assert [request.body["model"] for request in provider.requests] == ["demo-model", "small-model"]


def test_escape_in_mid_stream(terminal: Terminal, provided: Callable[..., ScriptedProvider]) -> None:
    provider = provided(SLOW)
    terminal.starts()
    terminal.say("be slow")
    terminal.sees("word word word")
    terminal.press("Escape")
    terminal.sees("Cancelled.")
    provider.wait_for_hang_up(1)


def test_escape_in_mid_command(terminal: Terminal, provided: Callable[..., ScriptedProvider]) -> None:
    provided(SLEEPS)
    terminal.starts("--permission-mode", "auto")
    terminal.say("sleep")
    terminal.sees("begun")
    terminal.press("Escape")
    terminal.sees("Cancelled.")
    assert subprocess.run(["pgrep", "-f", "sleep 61"], capture_output=True).stdout == b""


def test_a_message_is_queued_and_taken_back(
    terminal: Terminal, provided: Callable[..., ScriptedProvider]
) -> None:
    provided(SLOW)
    terminal.starts()
    terminal.say("be slow")
    terminal.sees("word word")
    terminal.say("and be careful")
    terminal.sees("queued: and be careful")
    terminal.press("Up")
    terminal.until(lambda: "queued:" not in terminal.screen and "│ and be careful" in terminal.screen)
    terminal.press("Escape")
    terminal.sees("Cancelled.")


def test_alt_enter_and_a_paste(terminal: Terminal, provided: Callable[..., ScriptedProvider]) -> None:
    provided(lane("one", {"expect": "one\ntwo", "text": "Both lines."}))
    terminal.starts()
    terminal.type("one")
    terminal.press("M-Enter")
    terminal.type("two")
    terminal.sees("│ two")
    terminal.press("Enter")
    terminal.sees("Both lines.")
    terminal.tmux("set-buffer", "\n".join(f"line {n}" for n in range(50)))
    terminal.tmux("paste-buffer", "-p", "-t", "t")
    terminal.sees("[pasted 50 lines #1]")


def test_a_session_is_gone_on_with(terminal: Terminal, provided: Callable[..., ScriptedProvider]) -> None:
    provided(HELLO, lane("more", {"text": "There is more."}))
    terminal.starts()
    terminal.say("say hello")
    terminal.sees("1 step")
    before = terminal.screen.splitlines()[1:10]
    terminal.press("C-c")
    terminal.sees("Ctrl+C again")
    terminal.press("C-c")
    terminal.ends()
    terminal.starts("-c")
    terminal.sees("Good day. All is well.")
    assert terminal.screen.splitlines()[1:10] == before
    terminal.say("and more")
    terminal.sees("There is more.")


def test_a_resize(open_terminal: Callable[..., Terminal], provided: Callable[..., ScriptedProvider]) -> None:
    provided(HELLO)
    terminal = open_terminal(size=(120, 40))
    terminal.starts()
    terminal.say("say hello")
    terminal.sees("1 step")
    terminal.tmux("resize-window", "-t", "t", "-x", "60", "-y", "20")
    edge = "╭" + "─" * 58 + "╮"
    terminal.until(lambda: all(part in terminal.screen for part in (edge, "Good day.", "$0.")))
    assert len(terminal.screen.rstrip("\n").splitlines()) <= 20


def test_to_the_shell_and_back(terminal: Terminal, provided: Callable[..., ScriptedProvider]) -> None:
    provided(HELLO)
    terminal.starts()
    terminal.say("say hello")
    terminal.sees("1 step")
    before = terminal.screen
    terminal.press("C-z")
    terminal.ends()
    terminal.say("echo in the shell")
    terminal.sees("in the shell")
    terminal.say("fg")
    terminal.until(lambda: terminal.screen.splitlines()[:10] == before.splitlines()[:10])
    terminal.say("say hello again")
    terminal.until(lambda: terminal.screen.count("Good day.") == 2)


def test_a_crash_restores_the_terminal_and_the_session_can_be_gone_on_with(
    terminal: Terminal, provided: Callable[..., ScriptedProvider], kcode_home: Path
) -> None:
    provided(HELLO)
    broken = program(
        "from kcode.tui.talk import Talk; Talk.action_unfold = lambda self: 1 / 0; "
        "from kcode.cli.main import main; sys.exit(main())"
    )
    terminal.starts(command=broken)
    terminal.say("say hello")
    terminal.sees("1 step")
    terminal.press("C-o")
    screen = terminal.ends()
    assert "this is a bug in kcode (ZeroDivisionError)" in screen.replace("\n", "")
    assert "Traceback" not in screen
    (report,) = (kcode_home / "state" / "bugs").iterdir()
    assert "ZeroDivisionError" in report.read_text()
    terminal.starts("-c")
    terminal.sees("Good day. All is well.")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_and_restores_the_terminal(
    terminal: Terminal, provided: Callable[..., ScriptedProvider], number: signal.Signals
) -> None:
    provided(SLOW)
    terminal.starts()
    terminal.say("be slow")
    terminal.sees("word word")
    shell = terminal.tmux("display", "-p", "-t", "t", "#{pane_pid}").strip()
    child = subprocess.run(["pgrep", "-P", shell], capture_output=True, text=True).stdout.split()[0]
    os.kill(int(child), number)
    terminal.ends()
    terminal.say("echo code $?")
    terminal.sees(f"code {128 + number}")


def test_without_any_key_a_friendly_screen_asks_for_one(terminal: Terminal, kcode_home: Path) -> None:
    terminal.say(f"clear; {shlex.join(KCODE)}")
    screen = terminal.sees("Which model shall work for you?")
    assert "See it work first" in screen
    terminal.type("anthropic")
    terminal.sees("❯ Paste a key: Anthropic")
    terminal.press("Enter")
    terminal.sees("paste the key of Anthropic")
    terminal.say("sk-ant-0123456789abcdef")
    assert "0123456789" not in terminal.screen
    terminal.sees("Enter again keeps it in")  # this machine has no keyring
    terminal.press("Enter")
    terminal.sees("anthropic")
    terminal.sees("What shall we do?")
    assert (kcode_home / "config" / "keys.toml").stat().st_mode & 0o777 == 0o600


def test_the_demo_plays_on_the_screen(open_terminal: Callable[..., Terminal]) -> None:
    terminal = open_terminal(size=(120, 40))
    terminal.say(f"clear; {shlex.join([*KCODE, 'demo'])}")
    terminal.sees("scripted")


def test_a_dumb_terminal_gets_a_sentence(terminal: Terminal) -> None:
    terminal.say(f"TERM=dumb {shlex.join(KCODE)}")
    screen = terminal.sees("TERM=dumb) cannot show a screen")
    assert "kcode run" in terminal.ends() or "kcode run" in screen


def test_what_is_piped_elsewhere_gets_no_screen(
    terminal: Terminal, provided: Callable[..., ScriptedProvider]
) -> None:
    provided(HELLO)
    terminal.say(f"{shlex.join(KCODE)} 'say hello' | cat")
    terminal.sees("Good **day**. All is well.")
    terminal.ends()


def test_what_is_typed_before_the_screen_is_there_is_not_lost(
    terminal: Terminal, provided: Callable[..., ScriptedProvider]
) -> None:
    provided(HELLO)
    terminal.say(f"clear; {shlex.join(KCODE)}")
    terminal.type("say hel")
    terminal.sees("│ say hel")
    terminal.say("lo")
    terminal.sees("Good day. All is well.")


def test_a_hunk_is_left_out(
    terminal: Terminal, provided: Callable[..., ScriptedProvider], repository: Path
) -> None:
    edits = [{"old": f"line {n}\n", "new": f"LINE {n}\n"} for n in (3, 30)]
    provided(lane("shout", call("edit", path="long.txt", edits=edits), {"text": "Half of it."}))
    (repository / "long.txt").write_text("".join(f"line {n}\n" for n in range(1, 41)))
    terminal.starts()
    terminal.say("shout")
    terminal.sees("hunk · Space")
    terminal.press("Right", "Space")
    terminal.sees("yes, 1 of the 2 hunks")
    terminal.press("y")
    terminal.sees("Half of it.")
    text = (repository / "long.txt").read_text()
    assert "line 3\n" in text and "LINE 30\n" in text


def test_subtasks_are_looked_into_and_one_is_stopped(
    open_terminal: Callable[..., Terminal], provided: Callable[..., ScriptedProvider]
) -> None:
    children = [
        {"name": "delegate", "arguments": {"mode": "ask", "message": f"CHILD{n}: look"}} for n in (1, 2)
    ]
    provided(
        lane("PLAN", {"text": "I give them away.", "calls": children}, {"text": "All is done."}),
        lane("CHILD1", {"text": "Nothing found."}),
        lane("CHILD2", {"text": " ".join(map(str, range(2_000))), "chunk": 6, "pace": 0.05}),
    )
    terminal = open_terminal(size=(130, 34))
    terminal.starts()
    terminal.say("PLAN it")
    screen = terminal.sees("1 running of 2")
    assert "✓ 1 CHILD1: look" in screen and "● 2 CHILD2: look" in screen
    terminal.press("C-t", "Down", "Down", "Enter")
    terminal.sees("Enter sends to task 2")
    terminal.press("C-t", "x")
    terminal.sees("0 running of 2")
    terminal.press("C-t")  # out of the tree: it goes, and the talk is back
    terminal.until(lambda: "Tasks" not in terminal.screen)
    assert "■ 2 ask: CHILD2: look  cancelled" in terminal.sees("All is done.")


def test_a_resumed_session_looks_as_it_did_live(
    terminal: Terminal, provided: Callable[..., ScriptedProvider]
) -> None:
    provided(HELLO, lane("list", call("list", path="shop"), {"text": "A **shop**.\n\n- one\n- two"}))
    terminal.starts()
    terminal.say("say hello")
    terminal.sees("1 step")
    terminal.say("list it")
    terminal.sees("2 steps")
    terminal.sees("Enter sends")
    live = talk_of(terminal.screen)
    terminal.say("/quit")
    terminal.ends()
    terminal.starts("-c")
    terminal.sees("2 steps")
    assert talk_of(terminal.screen) == live


def talk_of(screen: str) -> list[str]:
    """Without the lines at the top and at the bottom."""
    lines = [line.rstrip("▁▂▃▄▅▆▇█▔ ") for line in screen.split("\n")[1:]]
    return [line for line in lines[: next(n for n, line in enumerate(lines) if line.startswith("╭"))] if line]


def test_going_back_to_a_message(
    terminal: Terminal, provided: Callable[..., ScriptedProvider], repository: Path
) -> None:
    provided(MAKES)
    terminal.starts("--permission-mode", "auto")
    terminal.say("make it")
    terminal.sees("2 steps")
    terminal.press("Escape")
    terminal.sees("Esc again goes back")
    terminal.press("Escape")
    terminal.sees("Go back before")
    terminal.press("Enter")
    terminal.sees("Files and talk")
    terminal.press("Enter")
    terminal.sees("│ make it")
    assert not (repository / "made.txt").exists()

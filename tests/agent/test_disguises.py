"""No decoration of a denied command turns it into an allowed one: judged, and proved by the shell itself.

The shell runs in an empty folder, with nothing on PATH but wrappers and two programs that write down that they ran.
"""

import contextlib
import shlex
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as how
from hypothesis import strategies as st

from kcode import settings
from kcode.agent.permissions import STRICTNESS, Permissions, Verdict
from kcode.processes.jobs import Jobs
from kcode.tools.tool import Workspace

WRAPPERS = "env timeout xargs nice nohup stdbuf find setsid bash sh cat head sed awk true ls grep sort printf test expr"
ALLOWED = tuple(f"shell({name} *)" for name in ("good", "echo", "command", "exec", "eval", *WRAPPERS.split()))
BASH = shutil.which("bash")

SPELLINGS = st.sampled_from(
    [
        "evil",
        "'evil'",
        '"evil"',
        "ev''il",
        r"e\vil",
        "ev\\\nil",
        "$'evil'",
        r"$'\x65vil'",
        r"$'ev\151l'",
        "{bin}/evil",
        "{bin}/../bin/evil",
        "e{{vil,}}",
        "{{evil,x}}",
        "ev[i]l",
        "{bin}/ev?l",
        "${{x:-evil}}",
        "$(echo evil)",
        "`echo evil`",
        "$e",
        "${{!e}}",
        "${{a[0]}}",
        "~+/../bin/evil",
    ]
)
WORDS = st.sampled_from(
    ["", " x", " --flag 'a b'", " > out", " 2>&1", " < /dev/null", " <<< hi", " {out}>&1"]
)
AROUND: tuple[Callable[[str], str], ...] = (
    lambda c: f"good; {c}",
    lambda c: f"good && {c}",
    lambda c: f"! good || {c}",
    lambda c: f"good | {c}",
    lambda c: f"{c} | good",
    lambda c: f"good & {c}",
    lambda c: f"good\n{c}",
    lambda c: f"good # a comment\n{c}",
    lambda c: f"good \\\n; {c}",
    lambda c: f"({c})",
    lambda c: f"{{ {c}; }}",
    lambda c: f"! {c}",
    lambda c: f"X=1 {c}",
    lambda c: f"x=$({c})",
    lambda c: f"$({c})",
    lambda c: f"`{c}`" if "`" not in c else c,
    lambda c: f'echo "a $({c}) b"',
    lambda c: f"echo ${{x:-$({c})}}",
    lambda c: f"good $(( $({c}; echo 1) + 1 ))",
    lambda c: f"good <({c})",
    lambda c: f"good > >({c})",
    lambda c: f"[[ -n $({c}) ]]",
    lambda c: f"if good; then {c}; fi",
    lambda c: f"for i in 1; do {c}; done",
    lambda c: f"while {c}; do break; done",
    lambda c: f"case x in x) {c};; esac",
    lambda c: f"f() {{ {c}; }}; f",
    lambda c: f"good <<E\n$({c})\nE",
    lambda c: f"good <<'E'\nx\nE\n{c}",
    lambda c: f"bash <<E\n{c}\nE",
    lambda c: f"bash <<< {shlex.quote(c)}",
    lambda c: f"bash -c {shlex.quote(c)}",
    lambda c: f"sh -ec {shlex.quote(c)}",
    lambda c: f"echo {shlex.quote(c)} | bash",
    lambda c: f"eval {shlex.quote(c)}",
    lambda c: f"builtin eval {shlex.quote(c)}",
    lambda c: f"trap {shlex.quote(c)} EXIT",
    lambda c: f"env {c}",
    lambda c: f"env - PATH=$PATH {c}",
    lambda c: f"timeout 3 {c}",
    lambda c: f"nice -n 5 {c}",
    lambda c: f"nohup {c}",
    lambda c: f"stdbuf -o0 {c}",
    lambda c: f"setsid -w {c}",
    lambda c: f"time {c}",
    lambda c: f"command {c}",
    lambda c: f"exec {c}",
    lambda c: f"coproc {c}",
    lambda c: f"echo x | xargs {c}",
    lambda c: f"find . -maxdepth 0 -exec {c} {{}} \\;",
    lambda c: f"awk 'BEGIN{{system(\"{c}\")}}'",
)
BEFORE = st.sampled_from(
    [
        "e=evil; ",
        "a=(evil); ",
        "set -- evil; ",
        "IFS=,; ",
        "shopt -s extglob expand_aliases\nalias good=evil\n",
        "good() { evil; }; ",
        "function echo { evil; }; ",
        "PATH=.:$PATH; ",
        "PS4='$(evil)'; set -x; ",
        "read e <<< evil; ",
        "printf -v e evil; ",
        "declare -n r=e; ",
        "trap evil DEBUG; ",
        "hash -p /bin/true good; ",
    ]
)
NOISE = st.sampled_from(list(" \t\n;&|'\"\\(){}$`#\r\x0b\x0c\u00a0\u2003\u200b\u3000!<>*=~[]"))


@st.composite
def disguised(draw: st.DrawFn) -> str:
    """A command in which `evil` is run, or would be but for some noise."""
    command = draw(SPELLINGS) + draw(WORDS)
    for around in draw(st.lists(st.sampled_from(AROUND), max_size=3)):
        command = around(command)
    command = "".join(draw(st.lists(BEFORE, max_size=2))) + command
    for noise in draw(st.lists(NOISE, max_size=2)):
        at = draw(st.integers(0, len(command)))
        command = command[:at] + noise + command[at:]
    return command


@dataclass(slots=True)
class Shell:
    """An empty folder, and a bash that finds two programs and some wrappers."""

    folder: Path

    @property
    def bin(self) -> Path:
        return self.folder / "bin"

    def equip(self) -> None:
        (self.folder / "work").mkdir(parents=True)
        self.bin.mkdir()
        for name in ("good", "evil"):
            (self.bin / name).write_text(f'#!/bin/sh\necho "{name}" >> {self.folder}/ran\n')
            (self.bin / name).chmod(0o755)
        for name in WRAPPERS.split():
            if found := shutil.which(name):
                (self.bin / name).symlink_to(found)

    def runs_evil(self, command: str) -> bool:
        ran = self.folder / "ran"
        ran.unlink(missing_ok=True)
        with contextlib.suppress(subprocess.TimeoutExpired, ValueError):
            subprocess.run(
                [str(BASH), "--noprofile", "--norc", "-c", command],
                env={"PATH": str(self.bin), "HOME": str(self.folder)},
                cwd=self.folder / "work",
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=10,
            )
        return ran.exists() and "evil" in ran.read_text().split()

    def workspace(self) -> Workspace:
        async def nobody(question: str, choices: tuple[str, ...]) -> str:
            raise AssertionError(question)

        work = self.folder / "work"
        return Workspace(work, (), self.folder / "overflow", nobody, lambda i, t: None, Jobs(), 9, 9)


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    shell = Shell(tmp_path_factory.mktemp("shell") / "s")
    shell.equip()
    return shell


ASKING = Permissions(settings.Permissions(mode="ask", allow=ALLOWED, deny=("shell(evil *)",)))
FREE = Permissions(settings.Permissions(mode="auto", deny=("shell(evil *)",)))


def verdict(permissions: Permissions, command: str, shell: Shell) -> Verdict:
    judged = permissions.explain(command, shell.workspace())
    return max((one.decision for one in judged), key=lambda one: STRICTNESS[one.verdict]).verdict


@pytest.mark.skipif(BASH is None, reason="there is no bash")
@example(command="env - PATH=$PATH ~+/../bin/evil")
@example(command="PS4='$(evil)'; set -x; good")
@example(command="awk 'BEGIN{system(\"evil\")}'")
@example(command="shopt -s expand_aliases\nalias good=evil\ngood")
@given(command=disguised())
@how(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
def test_what_is_allowed_never_runs_a_denied_program(shell: Shell, command: str) -> None:
    command = command.replace("{bin}", str(shell.bin)).replace("{{", "{").replace("}}", "}")
    if "allow" in (verdict(ASKING, command, shell), verdict(FREE, command, shell)):
        assert not shell.runs_evil(command)


@pytest.mark.skipif(BASH is None, reason="there is no bash")
@given(around=st.lists(st.sampled_from(AROUND), max_size=4))
@how(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_plain_denied_command_is_never_allowed_whatever_is_around_it(
    shell: Shell, around: list[Callable[[str], str]]
) -> None:
    command = "evil x"
    for one in around:
        command = one(command)
    assert verdict(ASKING, command, shell) != "allow"
    assert verdict(FREE, command, shell) != "allow"


@pytest.mark.skipif(BASH is None, reason="there is no bash")
@pytest.mark.parametrize("around", AROUND, ids=range(len(AROUND)))
def test_the_shell_does_run_it_in_there(shell: Shell, around: Callable[[str], str]) -> None:
    """So that the two above are about something."""
    if around("evil").startswith("awk") and not shutil.which("awk"):
        pytest.skip("there is no awk")
    assert shell.runs_evil(around("evil"))

"""What is known of programs that run other programs: which of their words are a command of its own."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from kcode.agent.words import UNKNOWN, Word, names_in


@dataclass(frozen=True, slots=True)
class Inner:
    """What a program was told to run: words, or a script for a shell; None: what, cannot be seen."""

    words: tuple[Word, ...] = ()
    script: str | None = None
    assigned: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    inner: tuple[Inner, ...] = ()
    unclear: str = ""
    """Why more may be run than can be seen."""
    is_bare: bool = False
    """The program does nothing but run `inner`: whoever may run that may run this."""


NOTHING = Found()


@dataclass(frozen=True, slots=True)
class Wrapper:
    """A program whose last words are a command. An option that is not listed makes it unclear."""

    flags: str = ""
    valued: str = ""
    """Options with a value, which may be a word of its own."""
    operands: int = 0
    """Words between the options and the command."""
    sets_variables: bool = False
    is_bare: bool = True
    queries: str = ""
    """Options with which it runs nothing."""
    gets_more: str = ""
    """Where further words come from, unseen."""

    def opened(self, words: tuple[Word, ...]) -> Found:
        position, assigned = 1, []
        while position < len(words):
            word = words[position].text
            if word is None:
                return Found(unclear="its options are not known before it runs")
            if word == "--":
                position += 1
                break
            if word == "-" and self.sets_variables:  # for env it is -i
                position += 1
                continue
            if not word.startswith("-") or word == "-":
                break
            if word in self.queries.split():
                return NOTHING
            steps = self._steps(word)
            if steps is None:
                return Found(unclear=f"{word} is not known to kcode")
            position += steps
        while self.sets_variables and position < len(words) and "=" in (words[position].text or ""):
            assigned.append((words[position].text or "").partition("=")[0])
            position += 1
        inner = words[position + self.operands :]
        if not inner and not self.gets_more:
            return NOTHING
        more = (UNKNOWN,) if self.gets_more else ()
        return Found((Inner((*inner, *more), assigned=tuple(assigned)),), self.gets_more, self.is_bare)

    def _steps(self, option: str) -> int | None:
        """How many words the option takes. None: it is not known."""
        flags, valued = self.flags.split(), self.valued.split()
        if option in flags or re.fullmatch(r"-\d+", option):
            return 1
        if option.startswith("--"):
            name, equals, _ = option.partition("=")
            return (1 if equals else 2) if name in valued else None
        for place, letter in enumerate(option[1:], 2):
            if f"-{letter}" in valued:
                return 1 if len(option) > place else 2
            if f"-{letter}" not in flags:
                return None
        return 1


WRAPPERS = {
    "env": Wrapper("-i -0 -v --ignore-environment", "-u -C --unset --chdir", sets_variables=True),
    "timeout": Wrapper("-v --foreground --preserve-status --verbose", "-s -k --signal --kill-after", 1),
    "nice": Wrapper("", "-n --adjustment"),
    "ionice": Wrapper("-t", "-c -n --class --classdata"),
    "nohup": Wrapper(),
    "setsid": Wrapper("-c -f -w --fork --wait"),
    "stdbuf": Wrapper("", "-i -o -e --input --output --error"),
    "time": Wrapper("-p -v -a", "-f"),
    "command": Wrapper("-p", queries="-v -V"),
    "builtin": Wrapper(),
    "exec": Wrapper("-c -l", "-a"),
    "coproc": Wrapper(),
    "busybox": Wrapper(),
    "toybox": Wrapper(),
    "sudo": Wrapper("-n -E -H -S -b -k -P -A", "-u -g -p -C -h -r -t -T -D", 0, True, False),
    "doas": Wrapper("-n", "-u -C", is_bare=False),
    "xargs": Wrapper(
        "-0 -r -t -x --null --no-run-if-empty --verbose",
        "-I -n -P -L -d -s -E -a --max-args --max-procs --max-lines --delimiter --replace",
        gets_more="it gets further words from its input",
    ),
}  # fmt: skip

SHELLS = {"sh", "bash", "dash", "zsh", "ksh", "ash", "mksh"}

RUNNERS = names_in(
    "su runuser pkexec watch parallel script flock strace ltrace gdb perf valgrind unshare "
    "chroot nsenter setpriv systemd-run proot firejail bwrap at batch expect entr unbuffer "
    "rlwrap chrt taskset numactl prlimit setarch linux32 linux64 start-stop-daemon run-parts "
    "cgexec faketime eatmydata fakeroot socat"
)
"""They run what their words say; kcode does not look into them."""

VALUED_LEADING = {
    "git": {"-C", "-c", "--git-dir", "--work-tree", "--namespace", "--exec-path", "--config-env"},
    "docker": {"-H", "--host", "-c", "--context", "-l", "--log-level", "--config"},
    "kubectl": {"-n", "--namespace", "--context", "--cluster", "--user", "-s", "--server", "--kubeconfig"},
    "npm": {"--prefix", "-C"},
    "cargo": {"-C", "-Z", "--config", "--color"},
}
"""Options with a value of their own that may come between a program and its subcommand."""


def name_of(words: tuple[Word, ...]) -> str:
    """The program without its folder."""
    return PurePosixPath(words[0].text or "").name if words else ""


def opened(words: tuple[Word, ...], stdin: str | None) -> Found:
    """What else is run by a command. `stdin`: the here-document that it reads, when it is known."""
    name = name_of(words)
    if name in WRAPPERS:
        return WRAPPERS[name].opened(words)
    if name in SHELLS:
        return _shell(words, stdin)
    if name in RUNNERS:
        return Found(unclear=f"{name} runs what its words say")
    match name:
        case "eval":
            return _script(words[1:])
        case "trap" if len(words) > 2:
            return _script(words[1:2])
        case "alias" if any("=" in (word.text or "=") for word in words[1:]):
            return Found(unclear="it gives another meaning to a name")
        case "mapfile" | "readarray" | "compgen" | "complete" if any(
            (word.text or "-C").startswith("-C") for word in words[1:]
        ):
            return Found(unclear=f"{name} -C runs what follows")
        case "enable" | "bind" | "hash" | "fc" if len(words) > 1:
            return Found(unclear=f"{name} changes what runs later")
        case "find":
            return Found(tuple(Inner(inner) for inner in _executed_by_find(words)))
        case _:
            return NOTHING


def without_leading_options(words: tuple[Word, ...]) -> tuple[Word, ...]:
    """`git -C elsewhere --no-pager push x` as `git push x`."""
    valued = VALUED_LEADING.get(name_of(words), set())
    position = 1
    while position < len(words) and (words[position].text or "").startswith(("-", "+")):
        position += 2 if words[position].text in valued else 1
    return (*words[:1], *words[position:])


def _script(words: tuple[Word, ...]) -> Found:
    if not all(word.is_known for word in words):
        return Found(unclear="what it runs is not known before")
    return Found((Inner(script=" ".join(word.text or "" for word in words)),), is_bare=True)


def _shell(words: tuple[Word, ...], stdin: str | None) -> Found:
    position = 1
    while position < len(words):
        word = words[position].text
        if word is None:
            return Found(unclear="what it runs is not known before")
        if word in ("--norc", "--noprofile", "--posix"):
            position += 1
        elif re.fullmatch(r"[-+][euxolinfv]*c[euxolinfv]*", word):
            return _script(words[position + 1 : position + 2])
        elif re.fullmatch(r"[-+][euxlinfvo]+", word):
            position += 2 if word.endswith("o") else 1
        elif word.startswith(("-", "+")):
            return Found(unclear=f"{word} is not known to kcode")
        else:
            return NOTHING  # A file, which is seen as the word that it is.
    if stdin is None:
        return Found(unclear="it runs what it reads")
    return Found((Inner(script=stdin),), is_bare=True)


def _executed_by_find(words: tuple[Word, ...]) -> Iterator[tuple[Word, ...]]:
    inner: list[Word] | None = None
    for word in words:
        if inner is None:
            inner = [] if word.text in ("-exec", "-execdir", "-ok", "-okdir") else None
        elif word.text in (";", "+"):
            yield tuple(inner)
            inner = None
        else:
            inner.append(UNKNOWN if "{}" in (word.text or "{}") else word)
    if inner:
        yield tuple(inner)

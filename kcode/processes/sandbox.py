"""A border around commands: they write in the workspace and a private /tmp only, see no keys, and reach no network
unless the settings say so. bubblewrap on Linux, sandbox-exec on macOS; where neither works, `why_not` says why.

Only the words before a command are made here: how it is started, heard and ended is the same with and without.
"""

import asyncio
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from kcode import settings
from kcode.errors import BadInput
from kcode.paths import config_dir, data_dir, private_dir, state_dir
from kcode.processes.environment import clean_environment, find_program


def _named(text: str) -> tuple[str, ...]:
    return tuple(text.split())


HIDDEN = _named(
    "~/.ssh ~/.gnupg ~/.aws ~/.azure ~/.kube ~/.docker ~/.config/gcloud ~/.config/gh ~/.config/hub ~/.config/op "
    "~/.config/rclone ~/.config/google-chrome ~/.config/chromium ~/.mozilla ~/.password-store ~/.local/share/keyrings "
    "~/.netrc ~/.git-credentials ~/.config/git/credentials ~/.npmrc ~/.pypirc ~/.s3cfg ~/.boto ~/.vault-token "
    "~/.cargo/credentials ~/.cargo/credentials.toml ~/.gem/credentials ~/.terraform.d ~/.bash_history "
    "~/.zsh_history ~/.python_history ~/.codex ~/.claude ~/.claude.json ~/.gemini ~/.local/share/opencode "
    "~/Library/Keychains ~/Library/Cookies"
)
"""Where keys and cookies are usually kept."""

FROZEN = _named(
    ".kcode .kilocode .kilocodemodes .roo .roomodes .kilo .opencode .mcp.json .envrc .vscode .idea .husky "
    ".bashrc .bash_profile .bash_login .profile .zshrc .zshenv .zprofile .gitconfig .config .local/bin"
)
"""What of a workspace takes effect outside of the sandbox later: commands read it and do not change it."""

FROZEN_OF_GIT = ("config", "config.worktree", "hooks", "info/attributes")
UNREACHABLE = ("SSH_AUTH_SOCK", "DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR")
"""What these name is hidden."""
PATIENCE = 10.0
"""Seconds for the question whether it works here."""

SIGNS = {
    "no network in here": (
        "Network is unreachable",
        "Could not resolve host",
        "Temporary failure in name resolution",
        "Name or service not known",
        "getaddrinfo",
        "EAI_AGAIN",
        "ENETUNREACH",
    ),
    "writing is limited to the workspace and /tmp": ("Read-only file system", "EROFS", "read-only file system"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sandbox:
    """One that works on this machine."""

    program: str
    network: bool = False
    writable: tuple[Path, ...] = ()
    """Besides the workspace."""
    hidden: tuple[Path, ...] = ()
    tmp: Path | None = None
    """The folder that is /tmp for the commands of a session, made when first used; None: an empty one each time."""

    @property
    def title(self) -> str:
        """For people: `bubblewrap, no network`."""
        name = "bubblewrap" if Path(self.program).name == "bwrap" else Path(self.program).name
        return f"{name}, {'with' if self.network else 'no'} network"

    def around(self, folder: Path, shown: Iterable[Path] = ()) -> list[str]:
        """What stands before a command that works in `folder`; `shown` is read, though it lies in a hidden folder."""
        if self.tmp:
            private_dir(self.tmp)
        if Path(self.program).name == "sandbox-exec":
            return [self.program, "-p", profile(self, folder)]
        return [self.program, *_bubblewrap(self, folder, tuple(shown)), "--"]

    def environment(self) -> dict[str, str]:
        """What a command needs to find a place for its caches."""
        tmp = "/tmp" if Path(self.program).name == "bwrap" else str(self.tmp or "/tmp")  # noqa: S108
        return {"TMPDIR": tmp, "XDG_CACHE_HOME": f"{tmp}/cache", "npm_config_cache": f"{tmp}/cache/npm"}

    def remark(self, output: str) -> str:
        """Why a command may have failed, when it looks like the sandbox; else ""."""
        signs = [what for what, words in SIGNS.items() if any(word in output for word in words)]
        if self.network:
            signs = [what for what in signs if "network" not in what]
        return (
            f"kcode's sandbox: {'; '.join(signs)}. The user can open it: [sandbox] in settings"
            if signs
            else ""
        )


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a command is started in."""

    keep: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    """Variables, as in `clean_environment`."""
    sandbox: Sandbox | None = None
    shown: tuple[Path, ...] = ()
    """Folders that the sandbox hides, and this command may read."""

    def environment(self, extra: dict[str, str]) -> dict[str, str]:
        mine = self.sandbox.environment() if self.sandbox else {}
        dropped = (*self.drop, *UNREACHABLE) if self.sandbox else self.drop
        return clean_environment(extra | mine, keep=self.keep, drop=dropped)

    def around(self, folder: Path) -> list[str]:
        return self.sandbox.around(folder, self.shown) if self.sandbox else []

    def remark(self, output: str) -> str:
        return self.sandbox.remark(output) if self.sandbox else ""


PLAIN = Surroundings()


def active(wanted: settings.Sandbox, mode: str, root: Path, tmp: Path | None = None) -> Sandbox | None:
    """The one that commands run in under this permission mode; None when they run in none. BadInput when the settings
    insist on one and there is none. Blocking, some ten milliseconds the first time."""
    if wanted.mode == "off" or (wanted.mode == "auto" and mode != "auto"):
        return None
    why = why_not(root)
    if why is None:
        program = find_program(_name(), root)
        assert program is not None
        writable = tuple(Path(name).expanduser().absolute() for name in wanted.writable)
        hidden = tuple(Path(name).expanduser().absolute() for name in (*HIDDEN, *wanted.hidden))
        own = (config_dir(), data_dir(), state_dir())
        return Sandbox(program, wanted.network, writable, (*own, *hidden), tmp)
    if wanted.mode == "on":
        raise BadInput(f'The settings say sandbox.mode = "on", and there is none here: {why}')
    return None


def why_not(root: Path) -> str | None:
    """Why there is no sandbox on this machine, and what to do; None when one works."""
    program = find_program(_name(), root)
    if sys.platform == "linux" and program is None:
        return "bubblewrap is not installed (apt install bubblewrap, dnf install bubblewrap)."
    if program is None:
        return f"none is known for {sys.platform}."
    return _trouble(program)


def _name() -> str:
    return "sandbox-exec" if sys.platform == "darwin" else "bwrap"


@cache
def _trouble(program: str) -> str | None:
    """What it says when it is tried. Containers and some systems refuse user namespaces."""
    sandbox = Sandbox(program)
    command = [*sandbox.around(Path("/")), "/bin/sh", "-c", ":"]
    try:
        tried = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE, env={}, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.SubprocessError) as error:
        return f"{program} does not work: {error}."
    words = tried.stderr.strip().splitlines()[-1:] or [f"exit code {tried.returncode}"]
    return f"{program} does not work here: {words[0]}." if tried.returncode else None


async def ready(root: Path) -> None:
    """Try it out in a thread, so that `active` is quick from now on."""
    await asyncio.to_thread(why_not, root)


# bubblewrap


def _bubblewrap(sandbox: Sandbox, folder: Path, shown: tuple[Path, ...]) -> Iterator[str]:
    """Later words lie over earlier ones. Without `--cap-drop`, and with a /proc that can be written, root would get
    out of it."""
    yield from ("--unshare-all", "--cap-drop", "ALL", "--new-session")
    yield from ("--share-net",) * sandbox.network
    yield from ("--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--remount-ro", "/proc")
    yield from ("--tmpfs", "/run")
    for kept in ("/run/current-system", "/run/wrappers", *("/run/systemd/resolve",) * sandbox.network):
        yield from ("--ro-bind-try", kept, kept)
    for tmp in ("/tmp", "/var/tmp"):  # noqa: S108
        yield from ("--bind", str(sandbox.tmp), tmp) if sandbox.tmp else ("--tmpfs", tmp)
    places = [] if folder == Path("/") else [folder, *sandbox.writable, *_git_elsewhere(folder)]
    covered = _outermost({path.resolve() for path in sandbox.hidden if _is_there(path)})
    folders = [path for path in covered if path.is_dir()]
    yield from _over(folders)
    yield from (word for path in shown if _is_there(path) for word in ("--ro-bind", str(path), str(path)))
    for place in places:
        yield from ("--bind-try", str(place), str(place))
        yield from _frozen(place)
    yield from _over([path for path in folders if any(path != p and path.is_relative_to(p) for p in places)])
    yield from (word for path in covered if path.is_file() for word in ("--ro-bind", "/dev/null", str(path)))
    yield from (word for path in folders for word in ("--remount-ro", str(path)))
    yield from ("--chdir", str(folder))


def _is_there(path: Path) -> bool:
    """Not what this user may not even look for: no command can either."""
    try:
        return path.exists()
    except OSError:
        return False


def _outermost(paths: set[Path]) -> list[Path]:
    """Without those that lie in another one of them."""
    return [path for path in sorted(paths) if paths.isdisjoint(path.parents)]


def _over(folders: Iterable[Path]) -> Iterator[str]:
    """Something empty in their place."""
    for folder in folders:
        yield from ("--tmpfs", str(folder))


def _frozen(folder: Path) -> Iterator[str]:
    """.git stays where it is, for a mount cannot be renamed; in it, what names programs is only read."""
    git = folder / ".git" if folder.name != ".git" else folder
    if git.is_dir() and not git.is_symlink():
        yield from ("--bind", str(git), str(git))
        for inner in (git, *(git / "modules").glob("*")):
            for name in FROZEN_OF_GIT:
                yield from _only_read(inner / name)
    for name in FROZEN:
        yield from _only_read(folder / name)


def _only_read(path: Path) -> Iterator[str]:
    if _is_there(path) and not path.is_symlink():
        yield from ("--ro-bind", str(path), str(path))


def _git_elsewhere(folder: Path) -> list[Path]:
    """The .git that a linked worktree belongs to: only when that one says so, too, and not the worktree alone."""
    file = folder / ".git"
    try:
        if file.is_symlink() or not file.is_file():
            return []
        own = Path(file.read_text()[:4096].removeprefix("gitdir:").strip()).resolve()
        git = own.parents[1]
        says_so = Path((own / "gitdir").read_text().strip()).resolve() == file.resolve()
    except (OSError, ValueError, IndexError):
        return []
    is_its_place = own.parent.name == "worktrees" and git.name == ".git" and not own.is_relative_to(folder)
    return [git] if says_so and is_its_place else []


# sandbox-exec


def profile(sandbox: Sandbox, folder: Path) -> str:
    """The rules for macOS, in its own language: the last one that fits holds."""
    writable = [folder, *sandbox.writable, *_git_elsewhere(folder), *([sandbox.tmp] if sandbox.tmp else [])]
    gits = [place / ".git" for place in writable if (place / ".git").is_dir()]
    frozen = [git / name for git in gits for name in FROZEN_OF_GIT]
    frozen += [place / name for place in writable for name in FROZEN]
    devices = "".join(f' (literal "/dev/{name}")' for name in ("null", "zero", "tty", "dtracehelper"))
    lines = ["(version 1)", "(allow default)"]
    lines += [] if sandbox.network else ["(deny network*)"]
    lines += ["(deny file-write*)", f"(allow file-write*{devices})", _rule("allow file-write*", writable)]
    lines += [
        _rule("deny file-write*", frozen),
        *(f"(deny file-write* (literal {_quoted(git)}))" for git in gits),
    ]
    lines += [_rule("deny file-read* file-write*", _outside_of(folder, sandbox.hidden))]
    return "\n".join(line for line in lines if line)


def _outside_of(folder: Path, hidden: Iterable[Path]) -> list[Path]:
    """A workspace that lies in a hidden folder can be seen."""
    return [path for path in hidden if not folder.is_relative_to(path)]


def _rule(action: str, places: Iterable[Path]) -> str:
    filters = "".join(f" (subpath {_quoted(place)})" for place in places)
    return f"({action}{filters})" if filters else ""


def _quoted(path: Path) -> str:
    return '"' + str(path.resolve()).replace("\\", "\\\\").replace('"', '\\"') + '"'

"""kcode's own calls of git, such that a hostile repository runs nothing.

A plain `git status` runs programs that .git/config, hooks and attributes name. Here the environment is made
from scratch, every setting that names a program is laid over, and so are the filters, by whatever names the
repository gives them.

Plain subprocesses instead of GitPython: a call can be cancelled, nothing reads the repository's configuration
in Python, and GitPython's many advisories are about just that.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from kcode.processes.environment import find_program

BOUND = 64_000_000
"""Bytes of output; more is an error."""
GRACE = 0.2
"""Seconds that git has to remove its lock files."""

ENVIRONMENT = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_PAGER": "cat",
    "GIT_EDITOR": "true",
    "GIT_LITERAL_PATHSPECS": "1",
    "LC_ALL": "C.UTF-8",
}
USERS_OWN = (
    "HOME",
    "XDG_CONFIG_HOME",
    "TMPDIR",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_NOSYSTEM",
)
"""The user's configuration is trusted: it has safe.directory and the ignored files."""

SETTINGS = {
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "core.pager": "cat",
    "core.sshCommand": "false",
    "core.askPass": "",
    "core.alternateRefsCommand": "",
    "core.attributesFile": os.devnull,
    "core.safecrlf": "false",
    "commit.gpgSign": "false",
    "tag.gpgSign": "false",
    "log.showSignature": "false",
    "gpg.program": "false",
    "gpg.ssh.program": "false",
    "gpg.x509.program": "false",
    "credential.helper": "",
    "protocol.allow": "never",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "submodule.recurse": "false",
    "diff.ignoreSubmodules": "all",
    "diff.autoRefreshIndex": "false",
    "safe.bareRepository": "explicit",
}

SHOWS_DIFFS = {"diff", "diff-files", "diff-index", "diff-tree", "log", "show", "blame"}
"""Setting diff.external or a textconv to nothing makes git die of it: these get options instead."""


NONE: Mapping[str, str] = MappingProxyType({})


class GitError(Exception):
    """git did not do it; its own words."""

    def __init__(self, words: str, output: str = "") -> None:
        super().__init__(words)
        self.output = output


async def git(root: Path, *arguments: str, timeout: float = 10.0, variables: Mapping[str, str] = NONE) -> str:
    """What `git ARGUMENTS` prints in `root`. `--` comes before paths, and they are taken literally.

    `variables` of the environment, such as GIT_INDEX_FILE. GitError when it fails, takes longer than `timeout`
    (seconds), or there is no git; its `output` is what git printed all the same.
    """
    program = find_program("git", root)
    if program is None:
        raise GitError("There is no git on PATH.")
    try:
        async with asyncio.timeout(timeout):
            filters = await _filters(program, root)
            return await _call(program, root, _quiet(arguments), SETTINGS | filters, variables)
    except TimeoutError:
        raise GitError(f"git {arguments[0]} took longer than {timeout:g} s.") from None


async def is_repository(root: Path) -> bool:
    """Whether `root` lies in the work tree of a git repository that git is willing to read."""
    try:
        return (await git(root, "rev-parse", "--is-inside-work-tree")).strip() == "true"
    except GitError:
        return False


def _quiet(arguments: tuple[str, ...]) -> tuple[str, ...]:
    if arguments[0] not in SHOWS_DIFFS:
        return arguments
    signature = ("--no-show-signature",) if arguments[0] in ("log", "show") else ()
    external = () if arguments[0] == "blame" else ("--no-ext-diff",)
    return (arguments[0], *external, "--no-textconv", *signature, *arguments[1:])


async def _filters(program: str, root: Path) -> dict[str, str]:
    """Settings that turn off every filter that is configured, whatever its name."""
    try:
        keys = await _call(
            program, root, ("config", "-z", "--name-only", "--get-regexp", r"^filter\."), SETTINGS
        )
    except GitError:  # git's answer when there is none
        return {}
    names = {key[: key.rindex(".")] for key in keys.split("\0") if key.count(".") > 1}
    off = {"clean": "", "smudge": "", "process": "", "required": "false"}
    return {f"{name}.{key}": value for name in names for key, value in off.items()}


async def _call(
    program: str,
    root: Path,
    arguments: tuple[str, ...],
    settings: dict[str, str],
    variables: Mapping[str, str] = NONE,
) -> str:
    try:
        process = await asyncio.create_subprocess_exec(
            program,
            "--no-pager",
            *arguments,
            cwd=root,
            env=_environment(program, settings) | dict(variables),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise GitError(f"git cannot be started: {error}") from None
    assert process.stdout and process.stderr
    try:
        output, words = await asyncio.gather(_read(process.stdout), _read(process.stderr))
        code = await process.wait()
    finally:
        await _end(process)
    if code:
        why = words.decode(errors="replace").strip() or f"git {arguments[0]}: exit code {code}"
        raise GitError(why, output.decode(errors="replace"))
    return output.decode(errors="replace")


def _environment(program: str, settings: dict[str, str]) -> dict[str, str]:
    environment = {name: os.environ[name] for name in USERS_OWN if name in os.environ} | ENVIRONMENT
    environment["PATH"] = os.pathsep.join((str(Path(program).parent), "/usr/bin", "/bin"))
    environment["GIT_CONFIG_COUNT"] = str(len(settings))
    for number, (key, value) in enumerate(settings.items()):
        environment |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return environment


async def _read(stream: asyncio.StreamReader) -> bytes:
    data = bytearray()
    while piece := await stream.read(1 << 20):
        data += piece
        if len(data) > BOUND:
            raise GitError(f"git printed more than {BOUND // 1_000_000} MB.")
    return bytes(data)


async def _end(process: asyncio.subprocess.Process) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), GRACE)

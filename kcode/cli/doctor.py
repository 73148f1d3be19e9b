"""`kcode doctor`: is all well on this machine, and what to do about what is not."""

import json
import os
import platform
import re
import shutil
import site
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

import click

from kcode import __version__, keys, paths, settings, trust
from kcode.cli.prefix import report
from kcode.errors import KcodeError
from kcode.llm.catalog import Catalog
from kcode.processes import sandbox
from kcode.spend.ledger import Ledger

State = Literal["ok", "warn", "fail"]
COLOURS: dict[State, str] = {"ok": "green", "warn": "yellow", "fail": "red"}

STOLEN = {"1.82.7", "1.82.8"}
"""Releases of litellm that carried a credential stealer (March 2026, BerriAI/litellm#24512 and #24518)."""

HARMLESS_PTH = re.compile(r"__editable__\..*|_virtualenv|distutils-precedence|a1_coverage|.*-nspkg")
"""Files that setuptools, virtualenv, uv and coverage put beside packages to run at every start of Python."""


@dataclass(frozen=True, slots=True)
class Finding:
    about: str
    state: State
    text: str
    advice: str = ""


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="One JSON list, for programs.")
@click.option(
    "--prefix",
    is_flag=False,
    flag_value="",
    metavar="[SESSION]",
    help="Instead: what the provider's cache made of each request of a session, and why it was missed.",
)
def command(as_json: bool, prefix: str | None) -> int:
    """Look at everything that kcode needs here. Exit code 1 when something is broken."""
    if prefix is not None:
        click.echo(report(prefix, Path.cwd().resolve(), as_json))
        return 0
    findings = [finding for check in CHECKS for finding in _found(check)]
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=1))
    else:
        for finding in findings:
            click.echo(f"{_padded(finding.state)} {finding.about:<10} {finding.text}")
            if finding.advice:
                click.echo(f"{'':15} → {finding.advice}")
    return 1 if any(finding.state == "fail" for finding in findings) else 0


def _found(check: Callable[[], Iterator[Finding]]) -> list[Finding]:
    """What the check finds; an error that is meant for the user is a finding, too."""
    about = check.__name__.strip("_")
    try:
        return list(check())
    except KcodeError as error:
        return [Finding(about, "fail", str(error))]


def _padded(state: State) -> str:
    return click.style(f"{state:<4}", fg=COLOURS[state])


def _python() -> Iterator[Finding]:
    yield Finding("python", "ok", f"{platform.python_version()} ({sys.executable}), {platform.platform()}")
    yield Finding("kcode", "ok", __version__)


def _litellm() -> Iterator[Finding]:
    try:
        version = metadata.version("litellm")
    except metadata.PackageNotFoundError:
        yield Finding("litellm", "fail", "not installed: no provider can be reached", "install kcode again")
        return
    if version in STOLEN:
        advice = "remove it, and replace every key that this machine has held"
        yield Finding("litellm", "fail", f"{version} is a release that steals keys", advice)
    else:
        yield Finding("litellm", "ok", version)


def _pth() -> Iterator[Finding]:
    """Such files run at every start of Python: the way in which a stolen release stays."""
    folders = {Path(folder) for folder in [*site.getsitepackages(), site.getusersitepackages()]}
    strange = [
        file for folder in sorted(folders) for file in sorted(folder.glob("*.pth")) if _is_strange(file)
    ]
    for file in strange:
        known = file.name == "litellm_init.pth"
        advice = "remove it, and replace your keys" if known else "find out which package brought it"
        yield Finding(
            "start-up", "fail" if known else "warn", f"{file} runs at every start of Python", advice
        )
    if not strange:
        yield Finding("start-up", "ok", "no unexpected .pth file runs with Python")


def _is_strange(file: Path) -> bool:
    if HARMLESS_PTH.fullmatch(file.stem):
        return False
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    return any(line.startswith(("import ", "import\t")) for line in lines)


def _programs() -> Iterator[Finding]:
    yield _program("git", "no undo, no diffs", "install git")
    yield _program("rg", "searches are slower", "install ripgrep")
    yield _program("bash", "commands run in sh", "install bash")


def _program(name: str, loss: str, advice: str) -> Finding:
    path = shutil.which(name)
    if path is None:
        return Finding(name, "warn", f"not found: {loss}", advice)
    try:
        told = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        return Finding(name, "warn", f"{path} does not work ({error}): {loss}", advice)
    return Finding(name, "ok", f"{told.stdout.splitlines()[0]} ({path})")


def _keyring() -> Iterator[Finding]:
    trouble = keys.keyring_trouble()
    if trouble is None:
        yield Finding("keyring", "ok", "works")
    else:
        advice = "keys can be in environment variables, or in a private file: kcode auth login --in-file"
        yield Finding("keyring", "warn", f"cannot be used: {trouble}", advice)


def _keys() -> Iterator[Finding]:
    catalog = Catalog(settings.load([settings.user_file()]))
    found = [(row.name, key.source) for row in catalog.providers() if (key := catalog.key_of(row))]
    for provider, source in found:
        yield Finding("key", "ok", f"{provider}: {source}")
    if not found:
        yield Finding("key", "warn", "no provider's key was found", "kcode auth login PROVIDER")


def _settings() -> Iterator[Finding]:
    for file in [settings.user_file(), settings.project_file(Path.cwd())]:
        try:
            settings.load([file])
        except KcodeError as error:
            yield Finding("settings", "fail", str(error), "kcode config edit")
        else:
            yield Finding("settings", "ok", f"{file}{'' if file.exists() else ' (not there: defaults hold)'}")


def _folders() -> Iterator[Finding]:
    for about, folder in [
        ("config", paths.config_dir()),
        ("data", paths.data_dir()),
        ("state", paths.state_dir()),
    ]:
        there = next(path for path in [folder, *folder.parents] if path.exists())
        if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
            yield Finding(about, "ok", str(folder))
        else:
            yield Finding(
                about,
                "fail",
                f"{folder} cannot be written",
                f"see to the rights of {there}, or set KCODE_HOME",
            )


def _ledger() -> Iterator[Finding]:
    path = paths.data_dir() / "ledger.sqlite3"
    if not path.exists():
        yield Finding("ledger", "ok", "nothing was spent yet")
        return
    ledger = Ledger(path)
    try:
        yield Finding("ledger", "warn" if ledger.note else "ok", ledger.note or str(path))
    finally:
        ledger.close()


def _sessions() -> Iterator[Finding]:
    folder = paths.data_dir() / "sessions"
    yield Finding("sessions", "ok", f"{len(list(folder.glob('*.jsonl')))} in {folder}")


def _trust() -> Iterator[Finding]:
    here = Path.cwd()
    if trust.is_trusted(here):
        yield Finding("trust", "ok", f"{here} is trusted")
    elif (here / ".kcode").exists():
        yield Finding(
            "trust",
            "warn",
            f"{here} is not trusted: what is in .kcode does not count",
            "read it, then: kcode trust",
        )
    else:
        yield Finding("trust", "ok", f"{here} is not trusted, and has nothing that would need it")


def _sandbox() -> Iterator[Finding]:
    chosen, root = settings.load([settings.user_file()]).sandbox, Path.cwd().resolve()
    if chosen.mode == "off":
        text = "the settings turn it off: commands run without one"
        yield Finding("sandbox", "warn", text, "kcode config set sandbox.mode auto")
    elif why := sandbox.why_not(root):
        state: State = "fail" if chosen.mode == "on" else "warn"
        advice = "until then, permission mode auto asks before every command, unless you say otherwise"
        yield Finding("sandbox", state, f"none: {why}", advice)
    elif found := sandbox.active(chosen, "auto", root):
        when = "all commands" if chosen.mode == "on" else "commands in permission mode auto"
        yield Finding("sandbox", "ok", f"{found.title}, for {when}")


def _terminal() -> Iterator[Finding]:
    if not sys.stdout.isatty():
        yield Finding("terminal", "ok", "none: output goes into a file or a pipe")
        return
    size = shutil.get_terminal_size()
    text = f"{os.environ.get('TERM', 'unknown')}, {size.columns}x{size.lines}, {sys.stdout.encoding}"
    if "utf" in sys.stdout.encoding.lower():
        yield Finding("terminal", "ok", text)
    else:
        yield Finding("terminal", "warn", f"{text}: some characters cannot be shown", "export PYTHONUTF8=1")


CHECKS = (
    _python,
    _litellm,
    _pth,
    _programs,
    _keyring,
    _keys,
    _settings,
    _folders,
    _ledger,
    _sessions,
    _trust,
    _sandbox,
    _terminal,
)

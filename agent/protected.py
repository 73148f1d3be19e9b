"""Paths that no mode gives free: they change what runs later, or hold secrets."""

from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Literal

from kcode.agent.words import names_in
from kcode.files.secrets import is_secret
from kcode.paths import config_dir, data_dir, state_dir

Protection = Literal["git", "settings", "startup", "secret"]

WHY: dict[Protection, str] = {
    "git": "git's own files are changed by git commands only",
    "settings": "it decides what kcode may do",
    "startup": "programs read it when they start",
    "secret": "it may hold secrets",
}

STARTUP = names_in(
    ".bashrc .bash_profile .bash_login .bash_logout .bash_aliases .profile .zshrc .zshenv .zprofile .zlogin "
    ".zlogout .kshrc .mkshrc .cshrc .tcshrc .login .inputrc .gitconfig .gitmodules .envrc .npmrc .yarnrc .pypirc "
    ".netrc .pam_environment .xprofile .xinitrc .xsession .mcp.json"
)
STARTUP_FOLDERS = {(".config", "fish"), (".config", "git"), (".config", "autostart"), (".config", "systemd")}
OWN = {(".kcode", "settings.toml"), (".kcode", "modes"), (".kcode", "commands")}


def protection(paths: Iterable[Path], *, writes: bool) -> Protection | None:
    """What protects a file that is known by these absolute paths: as it was named, and resolved."""
    for path in paths:
        parts = tuple(part.casefold() for part in path.parts)
        pairs = {*pairwise(parts)}
        if writes and ".git" in parts:
            return "git"
        if writes and (pairs & OWN or any(path.is_relative_to(own) for own in _own_folders())):
            return "settings"
        if writes and (parts[-1] in STARTUP or pairs & STARTUP_FOLDERS):
            return "startup"
        if is_secret(path):
            return "secret"
    return None


def _own_folders() -> Iterable[Path]:
    for folder in (config_dir(), data_dir(), state_dir()):
        yield folder
        yield folder.resolve()

"""Where kcode keeps its own files: XDG folders, or all below $KCODE_HOME. Nothing is created by asking."""

import os
import tempfile
from pathlib import Path

import platformdirs


def config_dir() -> Path:
    """settings.toml, modes, commands, rules of the user."""
    return _home("config") or platformdirs.user_config_path("kcode")


def data_dir() -> Path:
    """ledger, sessions, checkpoints, trust."""
    return _home("data") or platformdirs.user_data_path("kcode")


def cache_dir() -> Path:
    """what can be made again."""
    return _home("cache") or platformdirs.user_cache_path("kcode")


def state_dir() -> Path:
    """logs."""
    return _home("state") or platformdirs.user_state_path("kcode")


def worktrees_dir() -> Path:
    """The folders of tasks that work beside each other: no part of the data, which nobody but kcode may write."""
    return _home("worktrees") or platformdirs.user_data_path("kcode-worktrees")


def private_dir(path: Path) -> Path:
    """`path`, created with its parents for this user alone (mode 0700) when it is not there."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


def write_private(file: Path, text: str) -> None:
    """Whole or not at all, for this user alone (mode 0600). A symlink stays, and what it names is written."""
    target = file.resolve()
    private_dir(target.parent)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=target.parent, delete=False) as new:
        try:
            new.write(text)
            new.flush()
            os.fsync(new.fileno())
            Path(new.name).replace(target)
        except BaseException:
            Path(new.name).unlink(missing_ok=True)
            raise


def _home(part: str) -> Path | None:
    home = os.environ.get("KCODE_HOME")
    return Path(home).expanduser() / part if home else None

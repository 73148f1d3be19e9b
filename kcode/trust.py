"""Folders whose own settings, modes and commands may take effect, because the user said so.

A folder is known by its real path and by nothing else: trust is not inherited by the folders below, and never
asked of git. The list is one small file in the data folder.
"""

import json
from datetime import UTC, datetime
from pathlib import Path

from kcode.errors import BadInput, KcodeError
from kcode.paths import data_dir, write_private


def trust_file() -> Path:
    return data_dir() / "trust.json"


def is_trusted(root: Path) -> bool:
    """BadInput when the list cannot be read: then nobody knows."""
    return str(root.resolve()) in trusted_folders()


def trusted_folders() -> dict[str, str]:
    """Real path -> when it was trusted (ISO 8601, UTC), sorted by path."""
    file = trust_file()
    try:
        folders = json.loads(file.read_text(encoding="utf-8"))["folders"]
        return {str(path): str(since) for path, since in sorted(folders.items())}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(
            f"{file} cannot be read ({error}). Mend it, or delete it and trust your folders anew."
        ) from None


def trust(root: Path) -> Path:
    """The real path that is trusted from now on. BadInput when it is no folder."""
    path = root.resolve()
    if not path.is_dir():
        raise BadInput(f"{root} is no folder.")
    folders = trusted_folders()
    _write({**folders, str(path): folders.get(str(path), datetime.now(UTC).isoformat(timespec="seconds"))})
    return path


def revoke(root: Path) -> bool:
    """Whether it was trusted; the folder need not be there any more."""
    folders = trusted_folders()
    was_trusted = folders.pop(str(root.resolve()), None) is not None
    if was_trusted:
        _write(folders)
    return was_trusted


def _write(folders: dict[str, str]) -> None:
    try:
        write_private(trust_file(), json.dumps({"folders": folders}, indent=1, sort_keys=True) + "\n")
    except OSError as error:
        raise KcodeError(f"{trust_file()} cannot be written: {error.strerror}.") from None

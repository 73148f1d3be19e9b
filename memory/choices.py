"""Which rules the user has switched on and off, by folder: kept in kcode's data, never in the repository. A worktree
has those of the folder that it is a copy of."""

import json
from pathlib import Path

from kcode.errors import BadInput, KcodeError
from kcode.paths import data_dir, write_private
from kcode.spend.repository import repository_of

Choices = dict[str, bool]
"""Name of a rules file -> whether it is on."""


def choices_file() -> Path:
    return data_dir() / "rules.json"


def source_of(root: Path) -> Path:
    """The folder that this one of a git worktree is a copy of; any other is its own."""
    real = root.resolve()
    top = next((one for one in (real, *real.parents) if (one / ".git").exists()), real)
    main = Path(repository_of(str(real)))
    return real if main in (top, real) else main / real.relative_to(top)


def choices(root: Path) -> Choices:
    """BadInput when the list cannot be read."""
    return _all().get(str(source_of(root)), {})


def choose(root: Path, name: str, is_on: bool | None) -> None:
    """The user's word on one file; None: as it would be without. KcodeError when it cannot be written."""
    everything, key = _all(), str(source_of(root))
    own = {**everything.get(key, {}), name: bool(is_on)}
    if is_on is None:
        del own[name]
    kept = {**everything, key: own}
    try:
        write_private(choices_file(), json.dumps({k: v for k, v in kept.items() if v}, indent=1) + "\n")
    except OSError as error:
        raise KcodeError(f"{choices_file()} cannot be written: {error.strerror}.") from None


def _all() -> dict[str, Choices]:
    file = choices_file()
    try:
        folders = json.loads(file.read_text(encoding="utf-8"))
        return {str(key): {str(n): bool(on) for n, on in own.items()} for key, own in folders.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise BadInput(f"{file} cannot be read ({error}). Mend it, or delete it.") from None

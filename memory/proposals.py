"""Updates of memory that nobody was there to accept: kept in kcode's data until `kcode memory update` shows them."""

import json
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from kcode.errors import BadInput, KcodeError
from kcode.memory.choices import source_of
from kcode.messages import Record
from kcode.paths import data_dir, write_private

MOST = 50
"""Of one project: the oldest go first."""


class Proposal(Record):
    path: str
    """Of the topic, relative to the root."""
    text: str
    old: str | None = None
    date: str
    """ISO 8601."""


_stored: TypeAdapter[dict[str, tuple[Proposal, ...]]] = TypeAdapter(dict[str, tuple[Proposal, ...]])


def proposals_file() -> Path:
    return data_dir() / "proposals.json"


def kept(root: Path) -> tuple[Proposal, ...]:
    """The oldest first. BadInput when the list cannot be read."""
    return _all().get(str(source_of(root)), ())


def keep(root: Path, proposal: Proposal) -> None:
    """KcodeError when it cannot be written. The same again is kept once."""
    others = tuple(one for one in kept(root) if (one.path, one.text) != (proposal.path, proposal.text))
    _write(root, (*others, proposal)[-MOST:])


def forget(root: Path, proposal: Proposal) -> None:
    _write(root, tuple(one for one in kept(root) if one != proposal))


def _write(root: Path, proposals: tuple[Proposal, ...]) -> None:
    everything = {**_all(), str(source_of(root)): proposals}
    data = {key: [one.model_dump() for one in own] for key, own in everything.items() if own}
    try:
        write_private(proposals_file(), json.dumps(data, indent=1) + "\n")
    except OSError as error:
        raise KcodeError(f"{proposals_file()} cannot be written: {error.strerror}.") from None


def _all() -> dict[str, tuple[Proposal, ...]]:
    file = proposals_file()
    try:
        return _stored.validate_json(file.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValidationError) as error:
        raise BadInput(f"{file} cannot be read ({error}). Mend it, or delete it.") from None

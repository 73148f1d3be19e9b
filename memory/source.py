"""Files that tell models something: read as plain text, in part when they are long, and never from elsewhere."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kcode.errors import BadInput, ToolError
from kcode.files.disk import opened
from kcode.files.secrets import is_secret
from kcode.files.text import decode
from kcode.keys import redact
from kcode.visible import escaped

LIMIT = 32_000
"""Characters of one file; what is longer is cut and says so: it would be paid for with every request."""
MOST_FILES = 100
"""Of one folder."""


@dataclass(frozen=True, slots=True)
class Source:
    path: Path
    name: str
    """As people and models read it: relative to the folder that it was found for, where it can be."""
    text: str


def read(path: Path, root: Path, border: Path | None = None) -> Source | None:
    """The text of a file, without byte order mark, without keys, bounded. None where there is no text file, where a
    symlink leads out of `border` (the root, unless told otherwise), and where its name says that it holds secrets.
    BadInput when it cannot be read."""
    border = (border or root).resolve()
    try:
        resolved = path.resolve(strict=True)
        if not resolved.is_relative_to(border) or is_secret(resolved) or not resolved.is_file():
            return None
        with opened(resolved) as file:
            data = file.read(4 * LIMIT + 4)
            size = resolved.stat().st_size
    except (FileNotFoundError, NotADirectoryError, RuntimeError, ToolError):
        return None
    except OSError as error:
        raise BadInput(
            f"{path} cannot be read: {error.strerror}. Mend that, or leave it out: --safe-mode."
        ) from None
    text = decode(data)
    name = shown(path, root)
    return None if text is None else Source(path, name, _bounded(redact(text.content).strip(), name, size))


def below(folder: Path, endings: tuple[str, ...] = (".md", ".mdc", ".txt")) -> Iterator[Path]:
    """The files of a folder and its folders by name, sorted; the first hundred."""
    found = (path for path in folder.rglob("*") if path.suffix.lower() in endings)
    yield from sorted(found)[:MOST_FILES]


def shown(path: Path, root: Path) -> str:
    """Relative to the root, with `..` for a folder around it, else absolute."""
    if path.is_relative_to(root):
        return escaped(path.relative_to(root).as_posix())
    for steps, outer in enumerate(root.parents, 1):
        if path.parent == outer:
            return escaped("../" * steps + path.name)
    return escaped(str(path))


def _bounded(text: str, name: str, size: int) -> str:
    if len(text) <= LIMIT:
        return text
    return f"{text[:LIMIT]}\n[cut here: {name} has {size:,} bytes; read the rest of the file when it matters]"

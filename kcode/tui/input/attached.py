"""Images that a message names (`@shot.png`) or that are pasted, as attachments."""

import base64
import mimetypes
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from kcode.errors import BadInput
from kcode.messages import Image

TYPES = {"image/png", "image/jpeg", "image/gif", "image/webp"}
MOST_BYTES = 5_000_000
LONGEST_NAMES = 8_000
"""Characters of a paste that may be names of files."""
DATA_URL = re.compile(r"data:(image/(?:png|jpeg|gif|webp));base64,([A-Za-z0-9+/=\s]+)")
NAMED = re.compile(r'(?<!\S)@(?:"([^"]+)"|(\S+))')


def images_in(text: str, root: Path) -> tuple[Image, ...]:
    """BadInput for one that is too large or cannot be read; a name that leads to no file is just a word."""
    return tuple(_images(text, root))


def _images(text: str, root: Path) -> Iterator[Image]:
    for quoted, plain in NAMED.findall(text):
        path = root / Path(quoted or plain.rstrip(".,;:!?)")).expanduser()
        media_type = mimetypes.guess_type(path.name)[0] or ""
        if media_type in TYPES and path.is_file():
            yield Image(media_type=media_type, data=base64.b64encode(_bytes(path)).decode())


def named_by(pasted: str, root: Path) -> list[Path]:
    """The images of which a paste is nothing but the names: paths, in quotes or with backslashes as terminals write
    them when files are dropped on them, or file:// URLs. Empty when it is anything else."""
    text = pasted.strip()
    if not text or len(text) > LONGEST_NAMES or "\0" in text:
        return []
    for words in ([text], _words(text)):
        paths = [root / Path(_path(word)).expanduser() for word in words]
        if paths and all(_is_image(path) for path in paths):
            return paths
    return []


def mention(path: Path, root: Path) -> str:
    """How a message names a file."""
    name = path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
    return f'@"{name}"' if re.search(r"\s", name) else f"@{name}"


def data_image(pasted: str) -> Image | None:
    """What a data: URL holds; None when it is none of an image. BadInput when it is too large or damaged."""
    found = DATA_URL.fullmatch(pasted.strip())
    if found is None:
        return None
    data = re.sub(r"\s", "", found[2])
    if len(data) * 3 // 4 > MOST_BYTES:
        raise BadInput(f"The image is over {MOST_BYTES // 1_000_000} MB, too large for most providers.")
    try:
        base64.b64decode(data, validate=True)
    except ValueError:
        raise BadInput("The pasted data: URL is damaged.") from None
    return Image(media_type=found[1], data=data)


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return []


def _path(word: str) -> str:
    if not word.startswith("file://"):
        return word
    return unquote(urlsplit(word).path)


def _is_image(path: Path) -> bool:
    try:
        return (mimetypes.guess_type(path.name)[0] or "") in TYPES and path.is_file()
    except (OSError, ValueError):
        return False


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise BadInput(f"{path.name} is over {MOST_BYTES // 1_000_000} MB, too large for most providers.")
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path.name} cannot be read: {error.strerror}.") from None

"""Images that a message names (`@shot.png`), as attachments."""

import base64
import mimetypes
import re
from collections.abc import Iterator
from pathlib import Path

from kcode.errors import BadInput
from kcode.messages import Image

TYPES = {"image/png", "image/jpeg", "image/gif", "image/webp"}
MOST_BYTES = 5_000_000
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


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise BadInput(f"{path.name} is over {MOST_BYTES // 1_000_000} MB, too large for most providers.")
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path.name} cannot be read: {error.strerror}.") from None

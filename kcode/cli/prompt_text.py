"""What the user says to a task without a screen: words, piped input, files, images."""

import base64
import mimetypes
import select
import sys
from pathlib import Path

from kcode.cli.options import RunOptions
from kcode.errors import BadInput
from kcode.messages import Image, Record

MOST_BYTES = 256_000
"""Of piped input and of each file: more would cost dollars before the first word."""
MOST_IMAGE_BYTES = 5_000_000
PIPE_PATIENCE = 3.0
"""Seconds for the first byte of a pipe when words were given, too: a runner may leave one open for ever."""


class Text(Record):
    words: str
    """Empty: nothing new is said, the session goes on with what is open."""
    images: tuple[Image, ...] = ()


def read(options: RunOptions) -> Text:
    """BadInput when there is nothing to do, or a file is not what it should be."""
    files = [f'<file path="{path}">\n{_text_of(path)}\n</file>' for path in options.files]
    words = " ".join(options.prompt).strip()
    piped = _piped(PIPE_PATIENCE if words else None)
    if piped and words:
        piped = f"<stdin>\n{piped}\n</stdin>"
    said = "\n\n".join(part for part in [words, piped, *files] if part)
    goes_on = options.continue_last or options.resume
    if not said and not goes_on:
        raise BadInput('Say what to do: kcode run "fix the failing test".')
    return Text(words=_written(said), images=tuple(_image(path) for path in options.images))


def _piped(patience: float | None) -> str:
    """Standard input, when it is a pipe or a file and has anything."""
    if sys.stdin is None or sys.stdin.closed or sys.stdin.isatty():
        return ""
    if not _has_come(patience):
        print(
            "! Nothing came on standard input; going on without it (</dev/null says so at once).",
            file=sys.stderr,
        )
        return ""
    return _decoded(sys.stdin.buffer.read(MOST_BYTES + 1), "standard input").strip()


def _has_come(patience: float | None) -> bool:
    try:
        return bool(select.select([sys.stdin], [], [], patience)[0])
    except (OSError, ValueError):  # no file of the system's: whatever it is, it does not block
        return True


def _text_of(path: Path) -> str:
    try:
        with path.expanduser().open("rb") as file:
            return _decoded(file.read(MOST_BYTES + 1), str(path))
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from None


def _decoded(data: bytes, what: str) -> str:
    if len(data) > MOST_BYTES:
        raise BadInput(
            f"{what} is over {MOST_BYTES // 1000} KB. Name the file in the prompt: kcode reads what it needs."
        )
    if b"\0" in data:
        raise BadInput(f"{what} is no text.")
    return data.decode("utf-8", "replace")


def _written(text: str) -> str:
    """With replacements for bytes of the command line that are no text in its encoding."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _image(path: Path) -> Image:
    media_type = mimetypes.guess_type(path.name)[0] or ""
    if media_type not in ("image/png", "image/jpeg", "image/gif", "image/webp"):
        raise BadInput(f"{path} is no PNG, JPEG, GIF or WebP.")
    try:
        data = path.expanduser().read_bytes()
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from None
    if len(data) > MOST_IMAGE_BYTES:
        raise BadInput(f"{path} is over {MOST_IMAGE_BYTES // 1_000_000} MB, too large for most providers.")
    return Image(media_type=media_type, data=base64.b64encode(data).decode())

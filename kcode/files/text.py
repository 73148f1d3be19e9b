"""Text as it lies in files and as it is shown: encodings, line endings, strange names."""

import codecs
import hashlib
from dataclasses import dataclass

from kcode.errors import ToolError

SAMPLE = 8192
"""Bytes that decide whether a file is text."""


MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f\b\x1b"))


@dataclass(frozen=True, slots=True)
class Text:
    """A file's text with its line endings as they are; `encoded(content)` gives the very bytes back."""

    content: str
    encoding: str = "utf-8"
    mark: bytes = b""

    def encoded(self, content: str) -> bytes:
        """`content` as bytes of this file. ToolError when the encoding has no place for a character."""
        try:
            return self.mark + content.encode(self.encoding)
        except UnicodeEncodeError as error:
            strange = content[error.start].encode("unicode_escape").decode()
            raise ToolError(
                f"The file is {self.encoding}: it cannot hold {strange}. Nothing was changed."
            ) from None


def decode(data: bytes) -> Text | None:
    """Bytes as text: by their byte order mark, else UTF-8, else latin-1. None: they are binary."""
    mark, encoding = mark_of(data)
    if is_binary(data[:SAMPLE]):
        return None
    try:
        return Text(data[len(mark) :].decode(encoding), encoding, mark)
    except UnicodeDecodeError:
        return Text(data.decode("latin-1"), "latin-1") if encoding == "utf-8" else None


def mark_of(data: bytes) -> tuple[bytes, str]:
    """The byte order mark (or none) and the encoding that it stands for."""
    return next((known for known in MARKS if data.startswith(known[0])), (b"", "utf-8"))


def is_binary(sample: bytes) -> bool:
    """Whether the beginning of a file is no text: NUL, or control characters all over it."""
    if mark_of(sample)[1] != "utf-8":
        return False
    return b"\0" in sample or len(sample) - len(sample.translate(None, CONTROLS)) > len(sample) // 20


def newline_of(content: str) -> str | None:
    """The line ending that most lines have. None when there is just one line."""
    breaks = content.count("\n")
    return None if not breaks else "\r\n" if content.count("\r\n") * 2 > breaks else "\n"


def with_newlines(content: str, newline: str) -> str:
    """The same lines, all with this ending."""
    plain = content.replace("\r\n", "\n")
    return plain if newline == "\n" else plain.replace("\n", newline)


def lines_of(content: str) -> list[str]:
    """The lines with their ends; only a line feed ends a line."""
    lines = content.split("\n")
    last = lines.pop()
    return [line + "\n" for line in lines] + ([last] if last else [])


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()

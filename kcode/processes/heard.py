"""What a command says: kept in bounded memory for the model, passed on at a bounded rate to the screen."""

import asyncio
import codecs
import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

from kcode.paths import private_dir
from kcode.visible import size_of

BOUND = 8_000
"""Bytes of output that go to the model, when nothing else is said."""
FILE_BOUND = 64_000_000
"""Bytes that are saved of longer output."""
PERIOD = 1 / 12
"""Seconds between two updates of the screen."""
SCREENFUL = 32_000
"""Bytes that the screen gets at most in one update."""

_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-~]|$)")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Heard:
    """Bytes of a stream: all of them up to `bound`, then head, tail, and the whole in a file of `folder`."""

    def __init__(self, folder: Path, bound: int = BOUND, file_bound: int = FILE_BOUND) -> None:
        self._folder = folder
        self._half = bound // 2
        self._file_bound = file_bound
        self._begin()

    def _begin(self) -> None:
        self._head = bytearray()
        self._tail = bytearray()
        self.size = 0
        self.file: Path | None = None
        """Where the whole is, once it is longer than the bound."""
        self._saved = 0
        self._trouble = ""

    def add(self, data: bytes) -> None:
        self.size += len(data)
        if self.size > 2 * self._half:
            self._save(data if self.file else bytes(self._head + self._tail) + data)
        room = self._half - len(self._head)
        self._head += data[:room]
        self._tail += data[room:]
        if len(self._tail) > self._half:
            del self._tail[: -self._half]

    def text(self) -> str:
        """As the model reads it: without escape sequences, and with a line that says what is left out."""
        if self.size <= 2 * self._half:
            return _text(self._head + self._tail)
        head, tail = _whole_lines_of_head(self._head), _whole_lines_of_tail(self._tail)
        left_out = size_of(self.size - len(head) - len(tail))
        return f"{_head_text(head)}\n[… {left_out} left out; {self._where()} …]\n{_text(tail)}"

    def take(self) -> str:
        """The text, and begin anew."""
        text = self.text()
        self._begin()
        return text

    def _where(self) -> str:
        if self._trouble:
            return f"not saved: {self._trouble}"
        return f"{'all' if self._saved == self.size else 'the first ' + size_of(self._saved)} in {self.file}"

    def _save(self, data: bytes) -> None:
        # Opened anew for each piece: a file that nobody has to close survives a cancel at any moment.
        try:
            if self.file is None:
                descriptor, name = tempfile.mkstemp(".txt", "output-", private_dir(self._folder))
                os.close(descriptor)
                self.file = Path(name)
            if self._saved < self._file_bound:
                with self.file.open("ab", buffering=0) as file:
                    self._saved += file.write(data[: self._file_bound - self._saved]) or 0
        except OSError as error:
            self._trouble = error.strerror or str(error)


class Screen:
    """Passes output on as text, a few times a second; of a flood, the last of each moment."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._pending = bytearray()
        self._dropped = 0
        self._timer: asyncio.TimerHandle | None = None

    def add(self, data: bytes) -> None:
        self._pending += data
        if (excess := len(self._pending) - SCREENFUL) > 0:
            del self._pending[:excess]
            self._dropped += excess
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(PERIOD, self.flush)

    def flush(self, *, final: bool = False) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        text = ""
        if self._dropped:
            self._decoder.reset()
            text = f"\n… {size_of(self._dropped)} …\n"
            self._dropped = 0
        text += self._decoder.decode(bytes(self._pending), final)
        self._pending.clear()
        if text:
            self._show(text)


def plain(text: str) -> str:
    """Text without escape sequences and control characters; of an overwritten line, the last state."""
    lines = _SEQUENCE.sub("", text).replace("\r\n", "\n").split("\n")
    return _CONTROL.sub("", "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines))


def _text(data: bytes | bytearray) -> str:
    return plain(data.decode(errors="replace"))


def _head_text(head: bytes) -> str:
    """Without the half character at the end."""
    return plain(codecs.getincrementaldecoder("utf-8")("replace").decode(head)).rstrip("\n")


def _whole_lines_of_head(head: bytearray) -> bytes:
    border = head.rfind(b"\n") + 1
    return bytes(head[:border] if border > len(head) // 2 else head)


def _whole_lines_of_tail(tail: bytearray) -> bytes:
    border = tail.find(b"\n", 0, len(tail) // 2) + 1
    if border:
        return bytes(tail[border:])
    start = next((index for index, byte in enumerate(tail[:4]) if byte & 0xC0 != 0x80), 0)
    return bytes(tail[start:])

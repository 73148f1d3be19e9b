"""Reading a file: the whole, a part, or its outline; never more than a model can use."""

import asyncio
import base64
import mimetypes
import os
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, ClassVar

from kcode.errors import ToolError
from kcode.files import syntax
from kcode.files.disk import MAX_EDIT, opened
from kcode.files.text import SAMPLE, decode, digest, is_binary, mark_of
from kcode.messages import Image
from kcode.tools.files.missing import trouble
from kcode.tools.files.page import Window, numbered, page, pieces_of
from kcode.tools.tool import Group, Output, Tool, Workspace
from kcode.visible import escaped, size_of

WHOLE = 32_000
"""Bytes of a file that is shown without being asked for a part."""
PART = Window(first=1, count=400, size=16_000)
HEAD = Window(first=1, count=40, size=4_000)
LARGEST_IMAGE = 5_000_000
WORTH_A_POINTER = 600
"""Characters of an answer from which on it isn't given twice."""
IMAGES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif"}


class Read(Tool):
    """Read a text or image file. A big one gives its outline: then read parts by offset (line) and limit."""

    name: ClassVar[str] = "read"
    group: ClassVar[Group] = "read"

    path: str
    offset: int | None = None
    limit: int | None = None

    def title(self) -> str:
        return f"Read {escaped(self.path)}" + (f" from line {self.offset}" if self.offset else "")

    def target(self) -> str:
        return self.path

    async def run(self, workspace: Workspace, call_id: str) -> Output:
        path = workspace.path(self.path)
        try:
            output = await asyncio.to_thread(self._read, path, workspace)
        except OSError as error:
            raise ToolError(await trouble(error, path, workspace)) from None
        return self._or_pointer(output, path, workspace)

    def _or_pointer(self, output: Output, path: Path, workspace: Workspace) -> Output:
        """The same again is not paid for again; but who asks a third time has lost the first."""
        asked, answer = (path, self.offset, self.limit), digest(output.text.encode(errors="replace"))
        if len(output.text) < WORTH_A_POINTER or workspace.told.pop(asked, "") != answer:
            workspace.told[asked] = answer
            return output
        return Output(text="Unchanged since you read it above. (Ask once more to see it again.)")

    def _read(self, path: Path, workspace: Workspace) -> Output:
        name = workspace.shown(path)
        with opened(path) as file:
            size = os.fstat(file.fileno()).st_size
            sample = file.read(SAMPLE) or b""
            if media_type := _image_type(sample):
                return _image(name, media_type, sample + file.read(LARGEST_IMAGE))
            if is_binary(sample):
                return _binary(name, size)
            if size > MAX_EDIT:
                return Output(text=_from_stream(name, file, self._window or HEAD, size))
            data = sample + (file.read(MAX_EDIT) or b"")
        return self._from_data(name, path, data, workspace)

    def _from_data(self, name: str, path: Path, data: bytes, workspace: Workspace) -> Output:
        text = decode(data)
        if text is None:
            return _binary(name, len(data))
        if not self._window and len(data) > WHOLE:
            return Output(text=_overview(name, text.content, len(data)))
        workspace.seen[path] = digest(data)
        if not data:
            return Output(text=f"{name} is empty.")
        window = self._window or Window(1, len(data), 2 * len(data), len(data))
        shown = _part(name, [text.content], window, f"{_count(text.content)} lines")
        return Output(text=shown + _announced(text.encoding))

    @property
    def _window(self) -> Window | None:
        """The part that was asked for."""
        if self.offset is None and self.limit is None:
            return None
        count = min(max(1, self.limit or PART.count), PART.count)
        return Window(max(1, self.offset or 1), count, PART.size, max(PART.longest, PART.size // count))


def _part(name: str, pieces: Iterable[str], window: Window, extent: str) -> str:
    lines, following = page(pieces, window)
    if not lines:
        raise ToolError(f"{name} has {extent}: there is no line {window.first}.")
    return numbered(lines, window.first) + (f"\n[of {extent}; next: offset={following}]" if following else "")


def _from_stream(name: str, file: BinaryIO, window: Window, size: int) -> str:
    """A part of a file that is too big for memory."""
    file.seek(0)
    mark, encoding = mark_of(file.read(4))
    for candidate in (encoding, "latin-1"):
        file.seek(len(mark))
        try:
            return _part(name, pieces_of(file, candidate), window, size_of(size)) + _announced(candidate)
        except UnicodeDecodeError:
            continue
    raise AssertionError("latin-1 decodes everything")


def _overview(name: str, content: str, size: int) -> str:
    extent = f"{_count(content)} lines, {size_of(size)}"
    if found := syntax.outline(name, content, PART.size):
        return f"{name}: {extent}. Its outline (read a part by offset and limit):\n" + found
    return _part(name, [content], HEAD, extent)


def _count(content: str) -> int:
    return content.count("\n") + (not content.endswith("\n"))


def _announced(encoding: str) -> str:
    return "\n[not UTF-8, read as latin-1]" if encoding == "latin-1" else ""


def _binary(name: str, size: int) -> Output:
    kind = mimetypes.guess_type(name)[0]
    return Output(text=f"{name} is binary ({f'{kind}, ' if kind else ''}{size_of(size)}).")


def _image_type(sample: bytes) -> str | None:
    if sample[:4] == b"RIFF" and sample[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for start, kind in IMAGES.items() if sample.startswith(start)), None)


def _image(name: str, media_type: str, data: bytes) -> Output:
    if len(data) > LARGEST_IMAGE:
        raise ToolError(f"{name} is an image of more than {size_of(LARGEST_IMAGE)}. Make it smaller first.")
    image = Image(media_type=media_type, data=base64.b64encode(data).decode())
    return Output(text=f"{name}: {media_type}, {size_of(len(data))}.", images=(image,))

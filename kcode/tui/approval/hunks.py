"""A diff on a card: as a whole, or hunk by hunk, each to be taken or left."""

import re
from collections.abc import Sequence

from kcode.tui.text.diffview import diff_lines
from kcode.tui.text.flow import NARROWEST, Line, hung, one_row
from kcode.tui.text.flowing import Flowing
from kcode.tui.text.looks import LOOKS, LOOKS_CSS


class DiffView(Flowing):
    """A unified diff as it is shown in the talk: numbers, signs, colours."""

    COMPONENT_CLASSES = LOOKS
    DEFAULT_CSS = "DiffView { height: auto; }" + LOOKS_CSS

    def __init__(self, diff: str, path: str) -> None:
        super().__init__()
        self._diff, self._path = diff, path

    def laid_out(self, width: int) -> Sequence[Line]:
        return list(diff_lines(self._diff, self._path, width))


class Hunk(DiffView):
    """One of several, with a box that says whether it is wanted."""

    def __init__(self, diff: str, path: str, number: int, count: int) -> None:
        super().__init__(diff, path)
        self.number = number
        self._count = count
        self.is_taken = True
        self.is_pointed = False

    def turn(self) -> None:
        """Take it, or leave it."""
        self.is_taken = not self.is_taken
        self.again()

    def point(self, is_pointed: bool) -> None:
        if is_pointed != self.is_pointed:
            self.is_pointed = is_pointed
            self.again()

    def laid_out(self, width: int) -> Sequence[Line]:
        mark = ("❯ ", "accent") if self.is_pointed else ("  ", "")
        box = ("[x] ", "good") if self.is_taken else ("[ ] ", "warning")
        words = "" if self.is_taken else "  left out"
        heading = one_row([mark, box, (f"{self.number + 1} of {self._count}{words}", "faint")], width)
        if not (self.is_taken or self.is_pointed):
            return [heading]
        return [heading, *hung(diff_lines(self._diff, self._path, max(width - 2, NARROWEST)), ("  ", ""))]


def hunks_of(diff: str) -> list[str]:
    """Each with its header."""
    return [part for part in re.split(r"(?m)^(?=@@ )", diff) if part]

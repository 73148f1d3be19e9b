"""The end of what a command says: bounded, and made readable only where it is looked at."""

import re

from kcode.tui.safe import safe

KEPT = 24_000
"""Characters of a running command's output that are kept."""
LOOKED_AT = 16_000
"""Characters of them that are looked at for the last lines."""

_OVERWRITTEN = re.compile(r"[^\n\r]*\r(?=[^\n\r])")


def grown(tail: str, more: str) -> str:
    """The tail and what came behind it, as it came: escape sequences may be cut in two. Not longer than KEPT."""
    if len(more) < KEPT:
        tail += more
    else:
        tail = more
    if len(tail) <= KEPT:
        return tail
    # A quarter at a time: else every piece would copy all of it.
    tail = tail[-KEPT * 3 // 4 :]
    border = tail.find("\n", 0, KEPT // 4) + 1
    return tail[border:]


def last_lines(tail: str, rows: int) -> list[str]:
    """The last so many lines, safe to show; of a line that was written over, its last state."""
    if not tail:
        return []
    raw = tail.rstrip("\n")[-LOOKED_AT:]
    text = raw.replace("\r\n", "\n")
    if "\r" in text:
        text = _OVERWRITTEN.sub("", text)
    return safe("\n".join(text.split("\n")[-rows:])).split("\n")

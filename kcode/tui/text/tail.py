"""The end of what a command says: bounded, and made readable only where it is looked at."""

from kcode.tui.text.safe import safe

KEPT = 24_000
"""Characters of a running command's output that are kept."""
LOOKED_AT = 16_000
"""Characters of them that are looked at for the last lines."""


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
    lines = tail.rstrip("\n")[-LOOKED_AT:].split("\n")[-rows:]
    last_states = (line.rstrip("\r").rpartition("\r")[2] for line in lines)
    return safe("\n".join(last_states)).split("\n")[-rows:]

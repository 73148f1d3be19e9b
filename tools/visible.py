"""What a person is to approve, shown as it is: nothing is invisible, moves the cursor or turns text round."""

import unicodedata

_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"}
"""Controls, formats (bidi, zero-width, tags), surrogates, unassigned, separators."""
_BLANK = {"\u115f", "\u1160", "\u2800", "\u3164", "\uffa0"}
"""Letters and signs without a shape."""


def visible(text: str) -> str:
    """`text` with every character that cannot be seen as ⟨U+202E⟩; newline, tab and blank stay."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(f"⟨U+{ord(char):04X}⟩" if _is_hidden(char) else char for char in text)


def _is_hidden(char: str) -> bool:
    if char in "\n\t ":
        return False
    return unicodedata.category(char) in _HIDDEN or char in _BLANK or _selects_variation(ord(char))


def _selects_variation(code: int) -> bool:
    """Emoji have one of the last two of the first range; the others carry hidden text."""
    return 0xFE00 <= code <= 0xFE0D or 0xE0100 <= code <= 0xE01EF

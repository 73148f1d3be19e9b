"""How foreign text and sizes are shown to people and models: nothing invisible, nothing that moves the cursor."""

import re
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


_OWN_WORDS = re.compile(r'^([ \t]*)<(?=now>|(?:rules|memory|skills|map) from=")', re.MULTILINE)


def unforged(text: str) -> str:
    """Foreign text for a model: where a line begins as kcode's own words do, it begins so no more."""
    return _OWN_WORDS.sub(r"\1< ", text) if "<" in text else text


def _is_hidden(char: str) -> bool:
    if char in "\n\t ":
        return False
    return unicodedata.category(char) in _HIDDEN or char in _BLANK or _selects_variation(ord(char))


def _selects_variation(code: int) -> bool:
    """Emoji have one of the last two of the first range; the others carry hidden text."""
    return 0xFE00 <= code <= 0xFE0D or 0xE0100 <= code <= 0xE01EF


def escaped(name: str) -> str:
    """A name on one line: control, bidi and invisible characters and undecodable bytes are escaped."""
    return name if name.isprintable() else "".join(c if c.isprintable() else _escape(c) for c in name)


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode()


def size_of(count: int) -> str:
    """Bytes for reading: `812 bytes`, `14 KB`, `50 MB`."""
    return (
        f"{count} bytes"
        if count < 1000
        else f"{count / 1000:.0f} KB"
        if count < 1e6
        else f"{count / 1e6:.1f} MB"
    )

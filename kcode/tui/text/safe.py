"""Foreign text made safe to show: the one door through which words of a model, a file or a command get to a widget.

No escape sequence, no control character, nothing that is invisible or turns text round: what could deceive is made
visible as ⟨U+202E⟩, what only shapes letters (joiners, variation selectors) is dropped, odd blanks become blanks.
"""

import re
import unicodedata

from kcode.visible import visible

LONGEST_LINE = 2_000
"""Characters of one line of output, file or diff that are shown."""
LONGEST_PARAGRAPH = 40_000
"""Characters of one line of prose that are shown."""
TAB = 4

_INTRODUCED = r"(?:\x1b\[|\x9b)[0-?]{0,64}[ -/]{0,8}(?:[@-~]|\Z)"
_STRING = r"(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c\n]{0,4096}(?:\x07|\x9c|\x1b\\|\x1b?\Z)"
_SEQUENCE = re.compile(rf"{_INTRODUCED}|{_STRING}|\x1b[ -/]{{0,8}}(?:[0-Z\\^-~]|\Z)")
_SHAPING = {0x00AD, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, *range(0xFE00, 0xFE10)}
_BREAKS = {0x0B: "\n", 0x0C: "\n", 0x0D: "\n", 0x85: "\n", 0x2028: "\n", 0x2029: "\n"}


def safe(text: str, longest: int = LONGEST_LINE) -> str:
    """`text` in which every character but the line feed is printable; a tab is blanks, and a line of more than
    `longest` characters is cut and says so.

    Text that arrives in pieces is given as a whole: then a sequence that is cut in two is none the less one, and what
    was shown of the first piece stays as it was.
    """
    if len(text) > longest:
        text = _cut(text, longest)
    return text if text.replace("\n", "").isprintable() else _cleaned(text)


def one_line(text: str) -> str:
    """The same, with every run of white space as one blank: for titles and names."""
    return " ".join(safe(text).split())


def _cleaned(text: str) -> str:
    text = _SEQUENCE.sub("", text).replace("\r\n", "\n").removesuffix("\r").translate(_BREAKS).expandtabs(TAB)
    strange = {char for char in set(text) if not char.isprintable() or ord(char) in _SHAPING}
    return text.translate({ord(char): _shown(char) for char in strange})


def _shown(char: str) -> str:
    if char == "\n":
        return char
    if unicodedata.category(char) == "Cc" or ord(char) in _SHAPING:
        return ""
    return " " if char.isspace() else visible(char)


def _cut(text: str, longest: int) -> str:
    return "\n".join(
        line if len(line) <= longest else f"{line[:longest]}… {len(line) - longest:,} more characters"
        for line in text.split("\n")
    )

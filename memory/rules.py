"""The rules that a repository gives to agents: AGENTS.md, else CLAUDE.md, as plain text."""

from pathlib import Path

from kcode.errors import BadInput

RULE_FILES = ("AGENTS.md", "CLAUDE.md")
LIMIT = 32_000
"""Characters; what is longer is cut and says so: it would be paid for with every request."""


def project_rules(root: Path) -> str:
    """The text of the first rule file of the folder, with its source named; "" when there is none.
    BadInput when it cannot be read.

    It is what the repository says, not what the user says: the system prompt ranks it below the user's words.
    """
    for name in RULE_FILES:
        file = root / name
        if file.is_file():
            text = _text_of(file).strip()
            return f'<rules from="{name}">\n{_bounded(text, name)}\n</rules>' if text else ""
    return ""


def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise BadInput(
            f"{file} cannot be read: {error.strerror}. Mend that, or leave it out: --safe-mode."
        ) from None


def _bounded(text: str, name: str) -> str:
    if len(text) <= LIMIT:
        return text
    return f"{text[:LIMIT]}\n[cut here: {name} has {len(text):,} characters; read the rest of the file when it matters]"

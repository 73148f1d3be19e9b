"""The user's own slash commands: a Markdown file each, whose text becomes the prompt.

Nothing in a file is run or included: what it names, the model reads with its tools, under the usual permissions.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kcode.errors import BadInput
from kcode.files.frontmatter import parted, words
from kcode.memory.source import below, read
from kcode.paths import config_dir

PLACES = (
    ".kcode/commands",
    ".kilocode/workflows",
    ".kilo/commands",
    ".roo/commands",
    ".clinerules/workflows",
    ".claude/commands",
    ".opencode/command",
    ".opencode/commands",
)
"""Below the root; the first of several with one name holds, and all of them before the user's own."""
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,60}")
CALLED = re.compile(r"/([a-z0-9][\w-]*)(?:\.md)?(?:\s+(.*))?", re.DOTALL | re.IGNORECASE)
PLACEHOLDER = re.compile(r"\$(ARGUMENTS\b|[1-9]\b)")


@dataclass(frozen=True, slots=True)
class OwnCommand:
    name: str
    text: str
    source: str
    """Its file: relative to the root, absolute for one of the user's."""
    description: str = ""
    hint: str = ""
    """What it takes: `[issue] [branch]`."""
    mode: str | None = None
    model: str | None = None
    """`provider/name`."""


def load_commands(root: Path, trusted: bool) -> tuple[dict[str, OwnCommand], list[str]]:
    """By name, sorted; a project's only when it is trusted. And a sentence for each file that is skipped."""
    commands: dict[str, OwnCommand] = {}
    complaints: list[str] = []
    home = config_dir()
    folders = [(root / place, root, root) for place in PLACES] if trusted else []
    for folder, base, border in [*folders, (home / "commands", home, Path(home.anchor))]:
        for path in below(folder, (".md",)):
            try:
                command = _command(path, base, border)
            except BadInput as error:
                complaints.append(f"{path} is skipped: {error}")
            else:
                commands.setdefault(command.name, command)
    return dict(sorted(commands.items())), complaints


def waiting(root: Path) -> Iterator[Path]:
    """The files of the project that would be commands if it were trusted."""
    for place in PLACES:
        yield from below(root / place, (".md",))


def called(text: str) -> tuple[str, str] | None:
    """`/review the parser` as ("review", "the parser"). None when the text does not begin like a command."""
    match = CALLED.fullmatch(text.strip())
    return (_named(match[1]), (match[2] or "").strip()) if match else None


def expand(command: OwnCommand, arguments: str) -> str:
    """The prompt: `$ARGUMENTS` is all of them, `$1` to `$9` one each; a text without either gets them at its end."""
    each = _parted(arguments)

    def value(match: re.Match[str]) -> str:
        if match[1] == "ARGUMENTS":
            return arguments
        place = int(match[1]) - 1
        return each[place] if place < len(each) else ""

    text, times = PLACEHOLDER.subn(value, command.text)
    return f"{text}\n\n{arguments}".strip() if arguments and not times else text.strip()


def _command(path: Path, base: Path, border: Path) -> OwnCommand:
    name = _named(path.stem)
    if not NAME.fullmatch(name):
        raise BadInput("its name cannot be typed after a slash.")
    source = read(path, base, border)
    if source is None:
        raise BadInput("it is no text, or lies elsewhere.")
    head, body = parted(source.text)
    if not body.strip():
        raise BadInput("it says nothing.")
    model = words(head.get("model"))
    return OwnCommand(
        name=name,
        text=body.strip(),
        source=source.name if base != config_dir() else str(path),
        description=words(head.get("description")) or _first_line(body),
        hint=words(head.get("argument-hint")),
        mode=words(head.get("mode") or head.get("agent")) or None,
        model=model if "/" in model else None,  # others name models without their provider
    )


def _named(stem: str) -> str:
    return re.sub(r"[\s_]+", "-", stem).lower()


def _first_line(body: str) -> str:
    line = next((line.strip("# ").strip() for line in body.splitlines() if line.strip("# ")), "")
    return line if len(line) <= 80 else line[:79] + "…"


def _parted(arguments: str) -> list[str]:
    try:
        return shlex.split(arguments)
    except ValueError:  # a quote that is never closed
        return arguments.split()

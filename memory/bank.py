"""The memory bank: what is kept about a project between sessions, one Markdown file a topic.

Models get an index of bounded size, made by code: each topic with one line. Topics are read when they matter. Banks
that Kilo and Cline began are used where they lie.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from kcode.errors import BadInput
from kcode.memory.block import Block, tokens_of
from kcode.memory.source import LIMIT, below, read

OWN = ".kcode/memory"
HOMES = (OWN, ".kilocode/rules/memory-bank", ".roo/rules/memory-bank", "memory-bank")
"""Below the root; the first with a topic is the bank."""
INDEX = "index"
NOTES = "notes"
FIRST = ("brief", "product", "architecture", "tech", "context", "tasks")
TOPIC = re.compile(r"[a-z0-9][a-z0-9_-]{0,60}", re.IGNORECASE)

BOUND = 800
"""Estimated tokens of the index in the project block, whatever the files hold: below 1,000 in dense languages, too."""
LONGEST_LINE = 160
MOST_TOPICS = 40
ABOUT = (
    "Kept from earlier sessions: may be stale. Read a topic in {folder} when it matters. If this task taught what "
    "the next one must know and no file says, propose it by `memory` together with your last words."
)


@dataclass(frozen=True, slots=True)
class Topic:
    name: str
    path: Path
    text: str

    @property
    def tokens(self) -> int:
        """Of the topic, when it is read."""
        return tokens_of(self.text)

    @property
    def line(self) -> str:
        """What it is about: its first line of prose, else its heading."""
        lines = [line.strip() for line in self.text.splitlines() if line.strip()]
        prose = (line for line in lines if not line.startswith(("#", "---", "<!--", "|", "```")))
        return _short(next(prose, lines[0].strip("# ") if lines else "empty"))


@dataclass(frozen=True, slots=True)
class Bank:
    root: Path
    home: str
    """Its folder, relative to the root."""
    topics: tuple[Topic, ...]

    @property
    def is_own(self) -> bool:
        return self.home == OWN

    def topic(self, name: str) -> Topic:
        """BadInput with those that are when there is none of the name."""
        wanted = name.removesuffix(".md")
        for topic in self.topics:
            if topic.name == wanted:
                return topic
        raise BadInput(f"There is no topic {name!r}. There are: {', '.join(t.name for t in self.topics)}.")

    def block(self) -> Block:
        """The index, as it is in every request: never more than `BOUND` tokens."""
        about = ABOUT.format(folder=self.home)
        written = _written_index(self.root / self.home, self.root)
        lines = [_entry(topic, written.get(topic.name) or topic.line) for topic in self.topics[:MOST_TOPICS]]
        left_out = len(self.topics) - len(lines)
        while True:
            more = [f"- and {left_out} more"] if left_out else []
            block = Block("memory", self.home, "\n".join([about, *lines, *more]))
            if block.tokens <= BOUND:
                return block
            lines.pop()
            left_out += 1


def find(root: Path) -> Bank | None:
    """The bank of a project, its own before those that others began. None when there is none."""
    for home in HOMES:
        if topics := _topics(root / home, root):
            return Bank(root, home, topics)
    return None


def of(root: Path) -> Bank:
    """The bank, or an empty one where it would be."""
    return find(root) or Bank(root, OWN, ())


def is_name(name: str) -> bool:
    """Whether a topic may be called so."""
    return TOPIC.fullmatch(name) is not None and name.lower() != INDEX


def _topics(folder: Path, root: Path) -> tuple[Topic, ...]:
    if not folder.is_dir():
        return ()
    sources = (read(path, root) for path in below(folder, (".md",)))
    found = [
        Topic(source.path.relative_to(folder).with_suffix("").as_posix(), source.path, source.text)
        for source in sources
        if source
    ]
    return tuple(sorted((t for t in found if t.name.lower() != INDEX), key=lambda t: (_rank(t.name), t.name)))


def _rank(name: str) -> int:
    return FIRST.index(name) if name in FIRST else len(FIRST)


def _entry(topic: Topic, line: str) -> str:
    size = f"{topic.tokens / 1000:.1f}k" if topic.tokens >= 1000 else str(topic.tokens)
    return f"- {topic.name}.md ({size}): {line}"


def _written_index(folder: Path, root: Path) -> dict[str, str]:
    """What index.md says of topics: lines such as `- tech: what it runs on`, with or without links and sizes."""
    source = read(folder / f"{INDEX}.md", root)
    lines = source.text[:LIMIT].splitlines() if source else []
    found = (
        re.match(
            r"[-*] +[\[`*]*([\w/-]+?)(?:\.md)?[\]`*]*(?:\([^)]*\))* *(?:\([^)]*\))? *[:–—-]+ +(.*\S)", line
        )
        for line in lines
    )
    return {line[1]: _short(line[2]) for line in found if line}


def _short(line: str) -> str:
    plain = " ".join(line.lstrip("-*> ").split())
    return plain if len(plain) <= LONGEST_LINE else plain[: LONGEST_LINE - 1] + "…"

"""The parts of the project block: each has a name, a source and a text, and is paid for with every request."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from kcode.llm.size import BYTES_PER_TOKEN
from kcode.visible import escaped

ELEMENT = re.compile(r'<(\w+) from="([^"\n]*)">\n(.*?)\n</\1>', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    name: str
    """One word: rules, memory, skills."""
    source: str
    """The file or folder that it is from, in one line."""
    text: str

    @property
    def tokens(self) -> int:
        return tokens_of(self.written)

    @property
    def written(self) -> str:
        """As models read it; the text cannot end its own element."""
        source = escaped(self.source).replace('"', "'")
        text = re.sub(rf"<(?=/{self.name}\b)", "< ", self.text)
        return f'<{self.name} from="{source}">\n{text}\n</{self.name}>'


def tokens_of(text: str) -> int:
    """About: no tokenizer is asked."""
    return -(-len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN)


def joined(blocks: Iterable[Block]) -> str:
    return "\n".join(block.written for block in blocks)


def parted(project: str) -> tuple[Block, ...]:
    """The blocks of a project block that was sent, to say what each costs."""
    return tuple(Block(*found.groups()) for found in ELEMENT.finditer(project))

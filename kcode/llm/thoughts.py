"""What a model thinks before it speaks, in the shapes in which providers tell it and want it back."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from kcode.llm.deltas import Delta, Stop, Surrogates, ThinkingBlock, ThinkingDelta

Json = dict[str, Any]


@dataclass(slots=True)
class Thoughts:
    """Anthropic's signed blocks, OpenRouter's details, the items of Responses; else the text itself."""

    are_none: bool = True
    _has_blocks: bool = False
    _unsigned: list[str] = field(default_factory=list)
    _texts: list[str] = field(default_factory=list)
    _details: list[Json] = field(default_factory=list)
    _shown: Surrogates = field(default_factory=Surrogates)

    def read(self, delta: Any) -> Iterator[Delta]:
        """What a chunk's delta says of them: text to show, and blocks that are complete."""
        text = value_of(delta, "reasoning_content") or value_of(delta, "reasoning")
        if text and isinstance(text, str):
            self.are_none = False
            self._texts.append(text)
            if shown := self._shown.joined(text):
                yield ThinkingDelta(text=shown)
        for block in value_of(delta, "thinking_blocks") or ():
            yield from self._block(plain(block))
        for detail in value_of(delta, "reasoning_details") or ():
            self._add_detail(plain(detail))
        if items := value_of(delta, "reasoning_items"):
            yield from self._whole(
                {"type": "reasoning_items", "reasoning_items": [plain(item) for item in items]}
            )

    def end(self, stop: Stop) -> Iterator[Delta]:
        """The blocks that only the end of the answer completes."""
        if self._details:
            yield ThinkingBlock(block={"type": "reasoning_details", "reasoning_details": self._details})
        elif self._has_blocks:
            if self._unsigned and stop in ("end", "calls"):
                yield ThinkingBlock(block={"type": "thinking", "thinking": "".join(self._unsigned)})
        elif self._texts:
            text = Surrogates().joined("".join(self._texts))
            yield ThinkingBlock(block={"type": "reasoning_content", "text": text})

    def _whole(self, block: Json) -> Iterator[Delta]:
        self.are_none, self._has_blocks = False, True
        yield ThinkingBlock(block=block)

    def _block(self, block: Json) -> Iterator[Delta]:
        """It comes in pieces; the signature closes it, in some versions of LiteLLM with the whole text again."""
        self.are_none, self._has_blocks = False, True
        if block.get("type") != "thinking":
            yield from self._whole(block)
            return
        text, signature = block.get("thinking") or "", block.get("signature")
        if not signature:
            self._unsigned.append(text)
            return
        before = "".join(self._unsigned)
        self._unsigned.clear()
        whole = text if text.startswith(before) else before + text
        yield ThinkingBlock(block={"type": "thinking", "thinking": whole, "signature": signature})

    def _add_detail(self, detail: Json) -> None:
        """OpenRouter's pieces of one block have the same type and index; the signature comes in the last."""
        self.are_none = False
        last = self._details[-1] if self._details else {}
        if (last.get("type"), last.get("index")) != (detail.get("type"), detail.get("index")):
            self._details.append(dict(detail))
            return
        for name, value in detail.items():
            if name in ("text", "summary", "data") and isinstance(value, str):
                last[name] = (last.get(name) or "") + value
            elif value is not None:
                last[name] = value


def value_of(thing: Any, name: str) -> Any:
    """A field of a dict, or of an object; None when it is not there."""
    return thing.get(name) if isinstance(thing, dict) else getattr(thing, name, None)


def plain(thing: Any) -> Any:
    """A record as a dict."""
    return thing if isinstance(thing, dict) else thing.model_dump()

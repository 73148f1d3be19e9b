"""The conversation as a provider reads it: records in, dicts in LiteLLM's spelling out. Pure.

The same records give the same dicts for ever, and more records only add dicts at the end: that is what the
provider's cache lives on. Nothing here may look at what comes later in the conversation.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2s
from itertools import takewhile
from typing import Any, Literal

from kcode.messages import Image, Message, Prompt, Reply, ToolCall, ToolResult
from kcode.visible import unforged

Family = Literal[
    "anthropic", "openai", "openrouter", "gemini", "deepseek", "moonshot", "ollama", "compatible"
]
"""Who reads it. `anthropic`: whoever speaks their wire; `compatible`: others who speak OpenAI's."""

Wire = dict[str, Any]

THINKING_THAT_GOES_BACK: dict[Family, frozenset[str]] = {
    "anthropic": frozenset({"thinking", "redacted_thinking"}),
    "openai": frozenset({"reasoning_items"}),
    "openrouter": frozenset({"reasoning_details"}),
    "gemini": frozenset(),
    "deepseek": frozenset({"reasoning_content"}),
    "moonshot": frozenset({"reasoning_content"}),
    "ollama": frozenset({"reasoning_content"}),
    "compatible": frozenset({"reasoning_content"}),
}
NO_OUTPUT = "(no output)"
NO_IMAGES = "(An image is left out: this model takes none.)"
IMAGES_OF_RESULTS = "The images of the results above:"


def to_wire(
    family: Family,
    model: str,
    system: str,
    project: str,
    messages: Sequence[Message],
    *,
    in_blocks: bool,
    images: bool = True,
) -> list[Wire]:
    """The messages of a request to `model`, in kcode's spelling `provider/name`; the first is the system's.

    `in_blocks`: every content is a list of blocks, so that cache marks, where the provider takes them, change
    nothing else; otherwise it is a string, unless there are images. `images`: whether the model takes any.
    """
    writer = _Writer(family, model, in_blocks, images)
    written = list(writer.system(system, project))
    for message in messages:
        written.extend(writer.write(message))
    return written


def may_think(family: Family, model: str, messages: Sequence[Message]) -> bool:
    """Whether thinking can be asked for: Anthropic refuses it in the middle of a turn that another provider's
    model began, whose calls were made without its thinking."""
    turn = takewhile(lambda message: not isinstance(message, Prompt), reversed(messages))
    others = (m for m in turn if isinstance(m, Reply) and m.calls and _thinker(m.model) != _thinker(model))
    return family != "anthropic" or not any(others)


@dataclass(slots=True)
class _Writer:
    family: Family
    model: str
    in_blocks: bool
    takes_images: bool
    ids: dict[str, str] = field(default_factory=dict)
    """Id of a call as it was recorded -> as it was last written."""
    written_ids: set[str] = field(default_factory=set)
    unanswered: int = 0
    images: list[Image] = field(default_factory=list)
    """Of results: shown when every call is answered, since results must follow their calls directly."""

    def system(self, system: str, project: str) -> Iterator[Wire]:
        if parts := [part for part in (system, project) if part.strip()]:
            yield {"role": "system", "content": self.content(parts)}

    def write(self, message: Message) -> Iterator[Wire]:
        match message:
            case Prompt():
                yield from self.shown_images()
                yield from self.prompt(message)
            case Reply():
                yield from self.shown_images()
                yield from self.reply(message)
            case ToolResult():
                yield self.result(message)
                self.unanswered -= 1
                if self.unanswered <= 0:
                    yield from self.shown_images()

    def prompt(self, prompt: Prompt) -> Iterator[Wire]:
        inner = prompt.notes.replace("</now>", "< /now>")  # the name of a branch, or of a file, could end it
        notes = f"<now>\n{inner}\n</now>" if prompt.notes.strip() else ""
        text = unforged(prompt.text) if prompt.by == "user" else prompt.text
        parts = [part for part in (text, notes) if part.strip()]
        if parts or prompt.images:
            yield {"role": "user", "content": self.content(parts, prompt.images)}

    def reply(self, reply: Reply) -> Iterator[Wire]:
        """Nothing when it says nothing: a message of thinking alone is refused by those who sign theirs."""
        if not reply.text.strip() and not reply.calls:
            return
        written: Wire = {
            "role": "assistant",
            "content": self.content([reply.text]) if reply.text.strip() else None,
        }
        written |= self.thinking(reply)
        if reply.calls:
            written["tool_calls"] = [self.call(call, reply) for call in reply.calls]
        self.unanswered = len(reply.calls)
        yield written

    def result(self, result: ToolResult) -> Wire:
        text = unforged(result.text) if result.text.strip() else NO_OUTPUT
        if not result.ok and not text[:40].lower().lstrip("(").startswith(("error", "cancel")):
            text = f"Error: {text}"
        text += f"\n\n{result.notes}" if result.notes else ""
        id = self.ids.get(result.call_id) or self.new_id(result.call_id)
        in_place = result.images if self.family == "anthropic" else ()
        self.images += () if in_place else result.images
        return {"role": "tool", "tool_call_id": id, "content": self.content([text], in_place)}

    def shown_images(self) -> Iterator[Wire]:
        images, self.images = self.images, []
        if images:
            yield {"role": "user", "content": self.content([IMAGES_OF_RESULTS], images)}

    def content(self, parts: Sequence[str], images: Sequence[Image] = ()) -> str | list[Wire]:
        if images and not self.takes_images:
            parts, images = [*parts, NO_IMAGES], ()
        if not self.in_blocks and not images:
            return "\n\n".join(parts)
        texts = parts if self.in_blocks else ["\n\n".join(parts)] if parts else []
        return [*map(_text, texts), *map(_image, images)]

    def thinking(self, reply: Reply) -> Wire:
        """Goes back only to the one who thought it, in the field where that one looks for it."""
        if _thinker(reply.model) != _thinker(self.model):
            return {}
        blocks = [b for b in reply.thinking if b.get("type") in THINKING_THAT_GOES_BACK[self.family]]
        match self.family:
            case _ if not blocks:
                return {}
            case "anthropic":
                return {"thinking_blocks": blocks}
            case "openrouter":
                return {"reasoning_details": [detail for b in blocks for detail in b["reasoning_details"]]}
            case "openai":
                return {"reasoning_items": [item for b in blocks for item in b["reasoning_items"]]}
            case "gemini" | "deepseek" | "moonshot" | "ollama" | "compatible":
                return {"reasoning_content": "".join(b["text"] for b in blocks)}

    def call(self, call: ToolCall, reply: Reply) -> Wire:
        is_own = _thinker(reply.model) == _thinker(self.model)
        written: Wire = {
            "id": self.new_id(call.id, as_it_is=is_own and self.family == "gemini"),
            "type": "function",
            "function": {"name": call.name, "arguments": readable_arguments(call.arguments)},
        }
        return written | call.extra if is_own and call.extra else written

    def new_id(self, id: str, as_it_is: bool = False) -> str:
        """An id that every provider takes and that no call before had."""
        written = id if as_it_is else _plain_id(id)
        while written in self.written_ids:
            written = _hashed(written)
        self.written_ids.add(written)
        self.ids[id] = written
        return written


def _text(text: str) -> Wire:
    return {"type": "text", "text": text}


def _image(image: Image) -> Wire:
    return {"type": "image_url", "image_url": {"url": f"data:{image.media_type};base64,{image.data}"}}


def _thinker(model: str) -> str:
    """Who can read the thinking of a model: its provider; behind a router, the provider behind it."""
    provider, _, name = model.partition("/")
    return f"{provider}/{name.partition('/')[0]}" if provider == "openrouter" else provider


def _plain_id(id: str) -> str:
    """Anthropic takes letters, digits, `_` and `-`; OpenAI up to 64 of them."""
    return id if re.fullmatch(r"[A-Za-z0-9_-]{1,64}", id) else _hashed(id)


def _hashed(id: str) -> str:
    return f"call_{blake2s(id.encode(), digest_size=12).hexdigest()}"


@lru_cache(maxsize=4096)
def readable_arguments(arguments: str) -> str:
    """The arguments of a call as they are sent back: always an object, whatever the model wrote."""
    try:
        value = json.loads(arguments or "{}", parse_constant=_refuse)
        if "\\u" in arguments:
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        value = None
    return arguments or "{}" if isinstance(value, dict) else json.dumps({"unparsed": arguments})


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")

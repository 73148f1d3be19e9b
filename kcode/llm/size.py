"""How large a request is, before anybody has counted it. Pure."""

import json
from typing import Any

from kcode.llm.request import Request
from kcode.messages import Message, ToolResult

BYTES_PER_TOKEN = 4
"""Of code and English in common tokenizers, within about 10 %; used where a provider did not say."""
SAFE_BYTES_PER_TOKEN = 2
"""For upper bounds: dense text such as base64 or CJK has about two bytes a token."""
IMAGE_BYTES = 1_600 * BYTES_PER_TOKEN
"""An image costs at most about 1,600 tokens (Anthropic: width x height / 750, scaled down to 1.15 megapixels)."""


def size_of(request: Request) -> int:
    """Bytes of the input as it goes out, images at what they cost in tokens rather than at their base64."""
    texts: list[Any] = [request.system, request.project, request.tools]
    texts += [
        message.model_dump(mode="json", exclude={"images", "usage", "changes"})
        for message in request.messages
    ]
    text = json.dumps(texts, ensure_ascii=False).encode("utf-8", "replace")
    return len(text) + IMAGE_BYTES * sum(map(_images, request.messages))


def estimated_tokens(request: Request) -> int:
    return size_of(request) // BYTES_PER_TOKEN


def most_tokens(request: Request) -> int:
    """An upper bound for all but the strangest text."""
    return size_of(request) // SAFE_BYTES_PER_TOKEN


def _images(message: Message) -> int:
    return len(message.images) if message.role == "user" or isinstance(message, ToolResult) else 0

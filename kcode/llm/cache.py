"""Where the marks for the provider's prompt cache go. Pure: messages in, marked messages out.

At most four, which is what Anthropic takes: the end of the system prompt, the end of the project block, the end of the
request before (so that it is found again although a step with many calls lies farther back than the provider looks),
and the newest message.
"""

from typing import Any

from kcode.spend.economics import Life


def marked(messages: list[dict[str, Any]], life: Life = "5m") -> list[dict[str, Any]]:
    """Copies of the messages, whose contents are lists of blocks, with `cache_control` on up to four blocks.

    The first message is the system prompt, with the project block as its second block when there is one.
    """
    mark: dict[str, Any] = {"type": "ephemeral"} if life == "5m" else {"type": "ephemeral", "ttl": life}
    marked_messages = list(messages)
    marked_messages[0] = _with_marks(messages[0], mark, every_block=True)
    for index in _ends_of_requests(messages):
        marked_messages[index] = _with_marks(messages[index], mark)
    return marked_messages


def _ends_of_requests(messages: list[dict[str, Any]]) -> list[int]:
    """The last message of the request before this one, and of this one."""
    replies = [i for i, message in enumerate(messages) if message["role"] == "assistant"]
    ends = [replies[-1] - 1] if replies else []
    return [i for i in [*ends, len(messages) - 1] if i > 0]


def _with_marks(message: dict[str, Any], mark: dict[str, Any], every_block: bool = False) -> dict[str, Any]:
    blocks = message["content"]
    first = 0 if every_block else len(blocks) - 1
    return message | {
        "content": [b | {"cache_control": mark} if i >= first else b for i, b in enumerate(blocks)]
    }

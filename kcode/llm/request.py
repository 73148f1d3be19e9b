"""What the client is asked: one request, whatever the provider."""

from typing import Any

from kcode.events import Effort, Purpose
from kcode.messages import Message, Record


class Request(Record):
    session: str
    root: str
    """The folder that is worked in."""
    task: str
    parent_task: str | None = None
    mode: str
    purpose: Purpose = "chat"
    model: str
    """`provider/name`."""
    effort: Effort | None = None
    system: str
    project: str = ""
    tools: tuple[dict[str, Any], ...] = ()
    messages: tuple[Message, ...]
    max_tokens: int
    """Of the reply; lowered to what the model can give."""
    budget: int | None = None
    """Micro-dollars that the whole session may cost; None: no limit."""

"""What the client is asked: one request, whatever the provider."""

from typing import Any

from kcode.events import Effort, Purpose
from kcode.messages import Message, Prompt, Record, Reply
from kcode.spend.limits import Limit


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
    limits: tuple[Limit, ...] = ()
    """The budgets that it must fit into."""
    purse: str = ""
    """The session whose budget it spends; "": its own."""

    @property
    def reads(self) -> str:
        """What no request before had: `prompt` for the user's words alone, or the tools whose results came, one word
        a result, as in `read,read,shell`; "" for what is no step of a conversation."""
        if self.purpose != "chat":
            return ""
        last = max((i for i, m in enumerate(self.messages) if isinstance(m, Reply)), default=-1)
        reply = self.messages[last] if last >= 0 else None
        names = {call.id: call.name for call in reply.calls} if isinstance(reply, Reply) else {}
        news = self.messages[last + 1 :]
        tools = [names.get(message.call_id, "") for message in news if message.role == "tool"]
        if tools:
            return ",".join(filter(None, tools))
        return "prompt" if any(isinstance(m, Prompt) and m.by == "user" for m in news) else ""

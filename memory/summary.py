"""Condensing: what a conversation is replaced by when it no longer fits. Pure: the loop makes the request."""

from collections.abc import Sequence

from kcode.llm.fingerprint import SUMMARY
from kcode.llm.request import Request
from kcode.memory.facts import facts_of, open_todos
from kcode.messages import Message, Prompt, Reply, Todo, ToolResult

SYSTEM = (
    "You condense the work of a coding agent so that it can go on without the transcript. Keep: what the user asked, "
    "in their words where it matters; decisions and why; what was found (places as path:line); what failed and how; "
    "failing tests; what is left to do, in order. Leave out what can be read again. No preamble; at most 600 words."
)
STOP = "Pause here and call no tool: what follows is the whole reply that is wanted now."
TRANSCRIPT_LIMIT = 160_000
"""Characters, about 40k tokens: fits every model that can call tools."""
RESULT_LIMIT = 1_500
"""Characters of one result in the transcript."""
KEPT_LIMIT = 24_000
"""Characters of the newest step: a longer one is not kept as it is."""


def request(of: Request, messages: Sequence[Message]) -> Request:
    """The request that writes the summary: no tools, and a prompt of its own."""
    return of.model_copy(
        update={
            "purpose": "condense",
            "system": SYSTEM,
            "project": "",
            "tools": (),
            "effort": None,
            "max_tokens": min(of.max_tokens, 4_000),
            "messages": (Prompt(text=transcript(messages)),),
        }
    )


def in_place(of: Request) -> Request:
    """The same with the conversation itself in front, which the provider still has in its cache: nothing of it is
    changed, so that reading it costs a tenth, and nothing is left out of it."""
    return of.model_copy(
        update={
            "purpose": "condense",
            "max_tokens": min(of.max_tokens, 4_000),
            "messages": (*of.messages, Prompt(text=f"{STOP} {SYSTEM}", by="kcode")),
        }
    )


def transcript(messages: Sequence[Message]) -> str:
    """The conversation as text: first prompt and the newest part whole, the middle left out when it is too long."""
    parts = [_as_text(message) for message in messages]
    head, tail = parts[0], "\n\n".join(parts[1:])
    room = TRANSCRIPT_LIMIT - min(len(head), TRANSCRIPT_LIMIT // 4)
    if len(tail) > room:
        tail = f"[{len(tail) - room:,} characters left out]\n{tail[-room:]}"
    return f"{head[: TRANSCRIPT_LIMIT // 4]}\n\n{tail}"


def assembled(written: str, messages: Sequence[Message], todos: Sequence[Todo], standing: str) -> str:
    """The prompt that stands for the conversation: the model's summary, and what kcode itself knows for sure;
    `standing` is what the prompts said that still holds, such as folder and mode."""
    known = [*facts_of(messages).lines(), *open_todos(todos)]
    body = "\n\n".join(["The work so far, condensed:", written.strip(), *known, standing, "Go on with it."])
    return f"{SUMMARY}\n{body}\n</summary>"


def kept(messages: Sequence[Message]) -> int:
    """How many of the newest messages stay as they are: the last step, when it is small; 0 otherwise."""
    last = next((i for i in reversed(range(len(messages))) if isinstance(messages[i], Reply)), None)
    if last is None or sum(len(_as_text(message, limit=None)) for message in messages[last:]) > KEPT_LIMIT:
        return 0
    return len(messages) - last


def shortened(of: Request, text: str, keep: int) -> Request:
    """The request as it will be after condensing."""
    rest = of.messages[len(of.messages) - keep :]
    return of.model_copy(update={"messages": (Prompt(text=text), *rest)})


def _as_text(message: Message, limit: int | None = RESULT_LIMIT) -> str:
    match message:
        case Prompt():
            return f"USER: {message.text}\n{message.notes}".strip()
        case Reply():
            calls = [f"CALL {call.name} {call.arguments[:limit]}" for call in message.calls]
            return "\n".join([f"MODEL: {message.text}", *calls])
        case ToolResult():
            return f"RESULT{'' if message.ok else ' (failed)'}: {message.text[:limit]}"

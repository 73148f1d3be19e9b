"""What is said: the messages of a conversation, as frozen records."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Record(BaseModel):
    """A value that is stored or crosses a process: frozen, and strict about its fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Usage(Record):
    """Tokens of one request. The first five counts are disjoint; `reasoning` is a part of `output`."""

    fresh: int = 0
    """Input read at the full price."""
    cached: int = 0
    """Input read from the provider's cache."""
    stored: int = 0
    """Input written to the cache for five minutes."""
    stored_1h: int = 0
    """Input written to the cache for an hour."""
    output: int = 0
    reasoning: int = 0

    @property
    def input(self) -> int:
        return self.fresh + self.cached + self.stored + self.stored_1h

    @property
    def total(self) -> int:
        return self.input + self.output

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(**{name: getattr(self, name) + getattr(other, name) for name in Usage.model_fields})


class Image(Record):
    media_type: str
    data: str
    """Base64."""


class Change(Record):
    """What a call did to one file."""

    path: str
    """Relative to the workspace, with forward slashes; absolute when outside of it."""
    diff: str
    """Unified, without the two header lines; empty for a binary file."""
    added: int
    removed: int
    kind: Literal["created", "edited", "deleted"] = "edited"


class Todo(Record):
    text: str
    state: Literal["open", "doing", "done"] = "open"


class ToolCall(Record):
    id: str
    name: str
    arguments: str = "{}"
    """The JSON as the model wrote it; it may be invalid."""
    extra: dict[str, Any] | None = None
    """What the provider wants back with the call, verbatim (Gemini's thought signatures)."""


class Prompt(Record):
    """What the user said, or kcode in the user's place."""

    role: Literal["user"] = "user"
    text: str
    notes: str = ""
    """The state of things when it was said (date, mode, git, todos): sent and stored with it, never rewritten."""
    images: tuple[Image, ...] = ()
    by: Literal["user", "kcode"] = "user"
    """Whose words the text is."""
    mode: str = ""
    """Name of the mode that the notes tell of; "": of none."""


class Reply(Record):
    """What the model said in one step."""

    role: Literal["assistant"] = "assistant"
    text: str = ""
    thinking: tuple[dict[str, Any], ...] = ()
    """The provider's blocks, kept verbatim: their signatures must go back to the same provider."""
    calls: tuple[ToolCall, ...] = ()
    usage: Usage = Usage()
    model: str = ""
    """`provider/name` of the model that answered, which may be a fallback."""
    stop: Literal["end", "calls", "length", "refused", "cancelled"] = "end"


class ToolResult(Record):
    """What came back of one call. The model reads `text`, `notes` and `images`; people and the program
    the rest."""

    role: Literal["tool"] = "tool"
    call_id: str
    text: str
    notes: str = ""
    """What kcode tells beside the result: the rules of a folder that work has got to."""
    ok: bool = True
    images: tuple[Image, ...] = ()
    changes: tuple[Change, ...] = ()
    todos: tuple[Todo, ...] | None = None
    """The whole list after the call, when the call was about it."""


Message = Annotated[Prompt | Reply | ToolResult, Field(discriminator="role")]

"""What a tool is, where tools are found, and the few things that a tool may reach.

A tool is one file in this folder with one `Tool` class: its docstring is what the model reads, its fields are
the arguments. Nothing is registered anywhere.
"""

import importlib
import json
import pkgutil
import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic.fields import FieldInfo

import kcode.tools
from kcode.errors import ToolError
from kcode.messages import Change, Image, Record, Todo, ToolCall
from kcode.processes.jobs import Jobs
from kcode.processes.sandbox import Surroundings
from kcode.visible import escaped

Group = Literal["read", "edit", "command", "delegate", "outside", "switch"]
"""What modes and permissions speak about. `switch` hands over to another mode, which every mode may ask for."""


WANTED = {"type", "description", "items", "enum", "anyOf"}
"""What providers understand of JSON Schema and models need to know; limits are checked, and said when broken."""


class Output(Record):
    """What a call gives back. `text` and `notes` go to the model; the rest is for the screen, receipt and log."""

    text: str
    notes: str = ""
    """The loop's own: the rules of a folder that work has got to."""
    ok: bool = True
    images: tuple[Image, ...] = ()
    changes: tuple[Change, ...] = ()
    todos: tuple[Todo, ...] | None = None


class Assignment(Record):
    """A task for another model."""

    mode: str
    message: str
    """The whole task: it hears nothing else of the conversation."""
    files: tuple[str, ...] = ()
    """Paths whose text it is given."""
    todos: tuple[str, ...] = ()
    expected: str = ""
    """What its result must hold."""
    budget: int | None = None
    """Micro-dollars."""
    resume: str = ""
    """Id of the earlier task that is to go on; "": a new one."""


class Others(Protocol):
    """The other modes and models, for the tools that call on them."""

    async def delegate(self, assignment: Assignment, call_id: str) -> Output:
        """What came of it, whatever came of it. ToolError when it cannot begin."""

    async def switch(self, mode: str, reason: str, plan: str) -> str:
        """Hand this conversation over to another mode, if the user agrees; `plan`: path of the file that holds all
        that it must know. What came of it; ToolError when it stays as it is."""


class Nobody:
    """For a tool that is run without a session."""

    async def delegate(self, assignment: Assignment, call_id: str) -> Output:
        raise ToolError(NOBODY)

    async def switch(self, mode: str, reason: str, plan: str) -> str:
        raise ToolError(NOBODY)


NOBODY = "There is no session here: work alone."


@dataclass(slots=True)
class Workspace:
    """All that a tool may reach."""

    root: Path
    """The folder that the session works in, resolved."""
    also: tuple[Path, ...]
    """Further folders that the user opened (`--add-dir`), resolved."""
    overflow: Path
    """A private folder for output that is too long for the model; created when first used."""
    ask_user: Callable[[str, tuple[str, ...]], Awaitable[str]]
    """Question and suggested answers -> answer. ToolError when nobody can answer."""
    show_output: Callable[[str, str], None]
    """Call id and a piece of text for the screen; never blocks."""
    jobs: Jobs
    """Commands that run on in the background; all are ended with the session."""
    command_limit: float
    """Seconds that a command may take in the foreground."""
    command_silence: float
    """Seconds that it may be silent, unless the model has named a time."""
    others: Others = field(default_factory=Nobody)
    around: Callable[[bool], Surroundings] = lambda _is_approved: Surroundings()
    """What a command is started in now; one that the user has approved needs no sandbox."""
    is_approved: bool = False
    """The user has said yes to the call that is run."""
    hides: Callable[[str, Path], bool] = lambda _tool, _path: False
    """Whether a rule keeps a file (resolved) from a tool that comes upon it: it is left out."""
    judged: dict[str, Path] = field(default_factory=dict)
    """Names of files -> where they led when it was decided that a call may have them."""
    seen: dict[Path, str] = field(default_factory=dict)
    """Files that the model has read or written -> hash of the bytes it knows."""
    told: dict[tuple[object, ...], str] = field(default_factory=dict)
    """What `read` was asked for -> hash of what it answered. Emptied when the conversation is condensed."""

    def path(self, name: str) -> Path:
        """Where the model's `name` leads to: relative to the root, symlinks and `..` resolved. ToolError on
        NUL, on a symlink loop, on an empty name, and when it leads elsewhere than when it was judged."""
        path = self.resolved(name)
        if self.judged.get(name, path) != path:
            raise ToolError(f"{name} leads elsewhere than a moment ago. Nothing was done.")
        return path

    def resolved(self, name: str) -> Path:
        """Where it leads to now, whatever was judged."""
        if not name or "\0" in name:
            raise ToolError(f"{name!r} is no path.")
        try:
            path = (self.root / Path(name).expanduser()).resolve()
            leads_to_itself = path.is_symlink()  # what resolve leaves of a loop from Python 3.13 on
        except (OSError, RuntimeError) as error:
            raise ToolError(f"{name}: {error}") from None
        if leads_to_itself:
            raise ToolError(f"{name} is a symlink that leads to itself.")
        return path

    def holds(self, path: Path) -> bool:
        """Whether a resolved path lies in the workspace, its further folders or the overflow folder."""
        return any(path.is_relative_to(folder) for folder in (self.root, *self.also, self.overflow))

    def shown(self, path: Path) -> str:
        """How a path is written for model and user: on one line, relative to the root where possible."""
        return escaped(
            path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)
        )


class Tool(BaseModel):
    """One call, opened: the arguments as fields, the work as `run`."""

    model_config = ConfigDict(extra="forbid")

    name: ClassVar[str]
    group: ClassVar[Group]

    @model_validator(mode="before")
    @classmethod
    def _as_meant(cls, arguments: Any) -> Any:
        """Models send null or an empty text for what they leave out, and a list as the text of its JSON."""
        if not isinstance(arguments, dict):
            return arguments
        fields = cls.model_fields
        return {
            name: _as_list(value) if name in fields and _holds_list(fields[name]) else value
            for name, value in arguments.items()
            if value not in (None, "") or name not in fields or fields[name].is_required()
        }

    def title(self) -> str:
        """The call in one line, for people: `Edit src/app.py`."""
        raise NotImplementedError

    def target(self) -> str:
        """What permission rules are matched against: the path as given, or the command."""
        raise NotImplementedError

    async def preview(self, workspace: Workspace) -> str:
        """Exactly what will happen, for the approval: a diff or command. ToolError when it cannot work."""
        return self.title()

    async def put_off(self, workspace: Workspace) -> "Output | None":
        """What is done in place of it where nobody is there to approve it; None: the task ends."""
        return None

    async def run(self, workspace: Workspace, call_id: str) -> Output:
        """Do it. ToolError when it cannot be done: its text is for the model."""
        raise NotImplementedError


class Toolbox(dict[str, type[Tool]]):
    """The tools of a session by name, sorted: their order is part of the cached prefix."""

    def __init__(self, tools: Iterable[type[Tool]]) -> None:
        super().__init__((tool.name, tool) for tool in sorted(tools, key=lambda tool: tool.name))

    def schemas(self) -> tuple[dict[str, Any], ...]:
        """The tools in the wire format of OpenAI, no word too many: they are paid for with every request."""
        return tuple(json.loads(self._written))

    @cached_property
    def _written(self) -> str:
        """As text, so that each request gets its own: pydantic takes milliseconds to make them."""
        return json.dumps(
            [
                {
                    "type": "function",
                    "function": {"name": name, "description": _prose(tool), "parameters": _parameters(tool)},
                }
                for name, tool in self.items()
            ]
        )

    def open(self, call: ToolCall) -> Tool:
        """The call as a tool with checked arguments. ToolError on an unknown name or wrong arguments."""
        if call.name not in self:
            raise ToolError(f"There is no tool {call.name!r}. The tools are: {', '.join(self)}.")
        try:
            arguments = json.loads(call.arguments or "{}")
        except (json.JSONDecodeError, RecursionError) as error:
            raise ToolError(
                f"The arguments of {call.name} are no valid JSON ({error}). Send the call again."
            ) from None
        if _has_half_character(call.arguments):
            raise ToolError(
                f"The arguments of {call.name} hold half a character (\\ud...). Send the call again."
            )
        if not isinstance(arguments, dict):
            raise ToolError(f"The arguments of {call.name} must be a JSON object. Send the call again.")
        try:
            return self[call.name].model_validate(arguments)
        except ValidationError as error:
            faults = (f"{'.'.join(map(str, e['loc'])) or 'arguments'}: {e['msg']}" for e in error.errors())
            raise ToolError(f"Wrong arguments for {call.name}: {'; '.join(faults)}") from None

    def beside(self, call: ToolCall) -> Literal["read", "delegate"] | None:
        """With which of its neighbours the call can run side by side: calls that change nothing, and tasks for
        others; None: by itself."""
        group = self[call.name].group if call.name in self else None
        return group if group in ("read", "delegate") else None


@cache
def installed_tools() -> Toolbox:
    """Every tool of this folder."""
    names = (info.name for info in pkgutil.iter_modules(kcode.tools.__path__))
    modules = [importlib.import_module(f"kcode.tools.{name}") for name in names]
    found = {thing for module in modules for thing in vars(module).values() if _is_tool(thing)}
    return Toolbox(found)


def _is_tool(thing: object) -> bool:
    return isinstance(thing, type) and issubclass(thing, Tool) and hasattr(thing, "name")


def _has_half_character(arguments: str) -> bool:
    """Whether an escaped surrogate stands alone: no file and no process could take it."""
    escapes = r"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|(\\u[dD][89a-fA-F]..)|\\\\|\\."
    return any(escape[1] for escape in re.finditer(escapes, arguments))


def _holds_list(field: FieldInfo) -> bool:
    return get_origin(field.annotation) in (list, tuple)


def _as_list(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value  # What is wrong with it, its validation says.


def _prose(tool: type[Tool]) -> str:
    return " ".join((tool.__doc__ or "").split())


def _parameters(tool: type[Tool]) -> dict[str, Any]:
    """pydantic's schema without what a model has no use for: titles, null branches, defaults."""
    schema = tool.model_json_schema()
    definitions = schema.pop("$defs", {})
    plain: dict[str, Any] = _plain(schema, definitions)
    return plain


def _plain(schema: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(schema, list):
        return [_plain(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    said = {key: value for key, value in schema.items() if key == "description"}
    if "$ref" in schema:
        return _plain(definitions[schema["$ref"].rsplit("/", 1)[1]] | said, definitions)
    if "anyOf" in schema:
        branches = [branch for branch in schema["anyOf"] if branch != {"type": "null"}]
        if len(branches) == 1:
            return _plain(branches[0] | said, definitions)
    if "properties" in schema:
        fields = {name: _plain(value, definitions) for name, value in schema["properties"].items()}
        return {"type": "object", "properties": fields} | (
            {"required": schema["required"]} if schema.get("required") else {}
        )
    return {key: _plain(value, definitions) for key, value in schema.items() if key in WANTED}

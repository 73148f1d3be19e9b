"""Who the model is: one record, whatever file it was read from; and kcode's own kind of file, which is Markdown."""

import posixpath
import re
from collections.abc import Mapping
from typing import Any, get_args

from pydantic import ValidationError

from kcode.errors import BadInput, ToolError
from kcode.events import Effort
from kcode.messages import Record
from kcode.tools.tool import Group, Tool

GRANTED: tuple[Group, ...] = ("read", "edit", "command", "delegate", "outside")
"""What a mode can be given. `switch` is no such group: every mode may ask for another one."""
KEYS = ("title", "groups", "edits", "model", "effort", "when_to_use", "description")
"""Of the front matter."""
LONGEST_USE = 300
"""Characters of `when_to_use`: whoever delegates is told those of all modes."""


class Mode(Record):
    """Who the model is, and what it may do. Limits are enforced when a call is made; the tool list stays the same."""

    name: str
    title: str
    prompt: str
    groups: frozenset[Group]
    edits: str | None = None
    """Regular expression that the path of an edit must contain a match of; None: every file."""
    model: str | None = None
    """`provider/name`; below picks and settings (kcode/modes/choice.py)."""
    effort: Effort | None = None
    when_to_use: str = ""
    """For the model that delegates, one line."""
    description: str = ""
    """For people, one line."""
    source: str = "built in"
    """The file it was read from."""
    overrides: bool = False
    """Whether it stands in the place of a built-in mode, or changes it."""
    notes: tuple[str, ...] = ()
    """What its author should know: sentences on what could not be taken over, or is likely not meant."""

    def check(self, tool: Tool) -> None:
        """ToolError, for the model, when the mode does not allow the call."""
        if tool.group not in self.groups and tool.group != "switch":
            allowed = ", ".join(sorted(self.groups)) or "none"
            raise ToolError(
                f"{self.title} mode has no {tool.group} tools (only: {allowed}). Work without {tool.name}."
            )
        if tool.group == "edit" and not self.may_edit(tool.target()):
            raise ToolError(
                f"{self.title} mode edits only files that match {self.edits}, not {tool.target()}."
            )

    def may_edit(self, path: str) -> bool:
        """Whether the pattern lets a path pass, as it would be without `..`."""
        return not self.edits or re.search(self.edits, posixpath.normpath(path)) is not None


def mode_named(modes: dict[str, Mode], name: str) -> Mode:
    """BadInput with those that are when there is none of the name."""
    try:
        return modes[name]
    except KeyError:
        raise BadInput(f"There is no mode {name!r}. The modes are: {', '.join(sorted(modes))}.") from None


def made(name: str, source: str, given: Mapping[str, Any], below: Mode | None = None) -> Mode:
    """A mode of what its file says. Without a prompt of its own it only changes the mode below it, which has its name.

    BadInput with the reason when that is no mode.
    """
    fields: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    if not fields.get("prompt"):
        if below is None:
            raise BadInput("it has no prompt.")
        fields = {**dict(below), **fields, "prompt": below.prompt}
    fields.setdefault("title", name.replace("-", " ").replace("_", " ").capitalize())
    fields.setdefault("groups", frozenset({"read"}))
    for key in ("title", "when_to_use", "description"):
        if isinstance(fields.get(key), str):
            fields[key] = " ".join(fields[key].split())
    use = fields.get("when_to_use")
    if isinstance(use, str) and len(use) > LONGEST_USE:
        fields["when_to_use"] = f"{use[: LONGEST_USE - 1].rstrip()}…"
    try:
        return Mode(**{**fields, "name": name, "source": source})
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise BadInput(f"{'; '.join(faults)}.") from None


def parse_mode(name: str, text: str, source: str, below: Mode | None = None) -> Mode:
    """A mode of kcode's own kind of file. BadInput with the reason when it is none."""
    head, prompt = _front_matter(text)
    unknown = set(head) - set(KEYS)
    if unknown:
        raise BadInput(f"unknown keys {', '.join(sorted(map(str, unknown)))}; known are {', '.join(KEYS)}.")
    return made(name, source, {**head, **_limits(head), "prompt": prompt.strip()}, below)


def quoted(value: object) -> str:
    """A value as complaints quote it. What is no word has its kind alone: it may unfold to gigabytes."""
    match value:
        case str() | int() | float() | None:
            return repr(value)[:80]
        case list():
            return "a list"
        case _:
            return "a table"


def _limits(head: Mapping[str, Any]) -> dict[str, Any]:
    groups, edits = head.get("groups"), head.get("edits")
    if groups is not None:
        if not isinstance(groups, list):
            raise BadInput(f"groups: {quoted(groups)} is no list.")
        strange = [quoted(group) for group in groups if group not in GRANTED]
        if strange:
            raise BadInput(f"unknown groups {', '.join(strange)}; known are {', '.join(GRANTED)}.")
        groups = frozenset(groups)
    try:
        re.compile(edits if isinstance(edits, str) else "")
    except re.error as error:
        raise BadInput(f"edits: {quoted(edits)} is no regular expression ({error}).") from None
    if head.get("effort") not in (None, *get_args(Effort)):
        raise BadInput(f"effort: {quoted(head['effort'])} is none of {', '.join(get_args(Effort))}.")
    return {"groups": groups}


def _front_matter(text: str) -> tuple[dict[str, Any], str]:
    match = re.match(r"---[ \t]*\r?\n(.*?)(?:\r?\n)?---[ \t]*(?:\r?\n(.*)|$)", text, re.DOTALL)
    if match is None:
        raise BadInput("it has no front matter (`---`, `title: …`, `---`).")
    return plain_table(match[1]) or _table(match[1]), match[2] or ""


PLAIN = re.compile(r"(\w+): (?:\[([\w, -]*)\]|([A-Za-z\\][^:#]*))")
MEANS_SOMETHING = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}


def plain_table(head: str) -> dict[str, Any]:
    """A table of words and lists of words alone, as our own files have it: YAML's import costs more than they all.
    {} when there is more to it."""
    table: dict[str, Any] = {}
    for line in head.splitlines():
        found = PLAIN.fullmatch(line)
        if found is None or str(found[3]).strip().lower() in MEANS_SOMETHING:
            return {}
        words = [word.strip() for word in (found[2] or "").split(",")]
        table[found[1]] = found[3].strip() if found[3] else [word for word in words if word]
    return table


def _table(head: str) -> dict[str, Any]:
    import yaml  # here, since only what is no plain table needs it

    try:
        table = yaml.safe_load(head) or {}
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise BadInput(f"its front matter is no YAML: {error}") from None
    if not isinstance(table, dict):
        raise BadInput("its front matter is no table of keys and values.")
    return table

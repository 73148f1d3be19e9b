"""A mode is one Markdown file: front matter (title, groups, edits, model, when_to_use) and the prompt as prose."""

import re
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

from kcode.errors import BadInput, ToolError
from kcode.events import Effort
from kcode.messages import Record
from kcode.tools.tool import Group, Tool


class Mode(Record):
    """Who the model is, and what it may do. Limits are enforced when a call is made; the tool list stays the same."""

    name: str
    title: str
    prompt: str
    groups: frozenset[Group]
    edits: str | None = None
    """Regular expression that the path of an edit must contain a match of; None: every file."""
    model: str | None = None
    effort: Effort | None = None
    when_to_use: str = ""
    source: str = "built in"

    def check(self, tool: Tool) -> None:
        """ToolError, for the model, when the mode does not allow the call."""
        if tool.group not in self.groups and tool.group != "switch":
            allowed = ", ".join(sorted(self.groups))
            raise ToolError(
                f"{self.title} mode has no {tool.group} tools (only: {allowed}). Work without {tool.name}."
            )
        if tool.group == "edit" and self.edits and not re.search(self.edits, tool.target()):
            raise ToolError(
                f"{self.title} mode edits only files that match {self.edits}, not {tool.target()}."
            )


def load_modes(folders: Iterable[Path] = ()) -> tuple[dict[str, Mode], list[str]]:
    """The built-in modes, overlaid by those of `folders` in order, by name; and a sentence for each bad file,
    which is skipped."""
    modes = {mode.name: mode for mode in _built_in()}
    complaints = []
    for folder in folders:
        for file in sorted(folder.glob("*.md")):
            try:
                mode = parse_mode(file.stem, file.read_text(encoding="utf-8-sig"), str(file))
            except (OSError, UnicodeDecodeError, BadInput) as error:
                complaints.append(f"{file} is skipped: {error}")
            else:
                modes[mode.name] = mode
    return modes, complaints


def mode_named(modes: dict[str, Mode], name: str) -> Mode:
    """BadInput with those that are when there is none of the name."""
    try:
        return modes[name]
    except KeyError:
        raise BadInput(f"There is no mode {name!r}. The modes are: {', '.join(sorted(modes))}.") from None


def parse_mode(name: str, text: str, source: str) -> Mode:
    """Raises BadInput with the reason when the file is no mode."""
    head, prompt = _front_matter(text)
    unknown = set(head) - {"title", "groups", "edits", "model", "effort", "when_to_use"}
    if unknown:
        raise BadInput(f"unknown keys {', '.join(sorted(unknown))}.")
    groups = head.get("groups", ["read"])
    if not isinstance(groups, list):
        raise BadInput(f"groups: {groups!r} is no list.")
    strange = [group for group in groups if group not in get_args(Group)]
    if strange:
        raise BadInput(f"unknown groups {strange}; known are {', '.join(get_args(Group))}.")
    edits = head.get("edits")
    try:
        re.compile(edits or "")
    except re.error as error:
        raise BadInput(f"edits: {edits!r} is no regular expression ({error}).") from None
    return Mode(
        name=name,
        title=str(head.get("title", name.capitalize())),
        prompt=prompt.strip(),
        groups=frozenset(groups),
        edits=edits,
        model=head.get("model"),
        effort=head.get("effort"),
        when_to_use=str(head.get("when_to_use", "")),
        source=source,
    )


def _built_in() -> list[Mode]:
    found = [file for file in files("kcode.modes").iterdir() if file.name.endswith(".md")]
    return [parse_mode(file.name.removesuffix(".md"), file.read_text("utf-8"), "built in") for file in found]


def _front_matter(text: str) -> tuple[dict[str, Any], str]:
    match = re.match(r"---\r?\n(.*?)\r?\n---\r?\n(.*)", text, re.DOTALL)
    if match is None:
        raise BadInput("it has no front matter (`---`, `title: …`, `---`).")
    import yaml  # here, since only a start that reads modes pays for it

    try:
        head = yaml.safe_load(match[1]) or {}
    except yaml.YAMLError as error:
        raise BadInput(f"its front matter is no YAML: {error}") from None
    if not isinstance(head, dict):
        raise BadInput("its front matter is no table of keys and values.")
    return head, match[2]

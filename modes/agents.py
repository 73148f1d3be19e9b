"""Agents of opencode and of Kilo 7, which is built on it: Markdown files, and `agent` entries of their JSON settings.

What they may do is said by rules of which the last that matches decides; here it becomes groups and one pattern.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from kcode.errors import BadInput
from kcode.events import Effort
from kcode.files import frontmatter
from kcode.llm.providers import PROVIDERS
from kcode.modes.found import Found, table_of, text_of, texts
from kcode.modes.mode import Mode, made, quoted
from kcode.modes.patterns import NOTHING, from_globs
from kcode.tools.tool import Group

TOOLS: dict[Group, tuple[str, ...]] = {
    "read": ("read", "glob", "grep", "list"),
    "edit": ("edit",),
    "command": ("bash",),
    "delegate": ("task",),
    "outside": ("webfetch", "websearch"),
}
"""Ours -> theirs; a group is given when one of its tools is."""
WRITERS = ("write", "patch", "multiedit", "apply_patch")
"""Governed by `edit` there."""
TEXTS = ("name", "description", "prompt", "model", "variant", "reasoningEffort", "mode")
TAKEN = {*TEXTS, "permission", "tools", "disable", "hidden", "color"}
COMMENT = re.compile(r'("(?:\\.|[^"\\])*")|//[^\n]*|/\*.*?\*/', re.DOTALL)
LAST_COMMA = re.compile(r'("(?:\\.|[^"\\])*")|,(?=\s*[}\]])')


def read_agents(folder: Path, known: Mapping[str, Mode]) -> Found:
    """The Markdown files of a folder and of those in it; a name has no ending, and the folders below in it."""
    found = Found()
    for file in sorted(folder.rglob("*.md")):
        with found.skipping(str(file)):
            head, prompt = frontmatter.parted(text_of(file))
            name = file.relative_to(folder).with_suffix("").as_posix()
            if head or prompt.strip():
                _add(found, name, {"prompt": prompt.strip() or None, **head}, file, known)
    return found


def read_settings(file: Path, known: Mapping[str, Mode]) -> Found:
    """The `agent` and `mode` tables of opencode.json and kilo.json, which may have comments."""
    found = Found()
    table = table_of(LAST_COMMA.sub(_kept, COMMENT.sub(_kept, text_of(file))))
    for key in ("mode", "agent"):
        entries = table.get(key)
        for name, entry in entries.items() if isinstance(entries, dict) else ():
            with found.skipping(f"{file}: {key}.{name}"):
                if not isinstance(entry, dict):
                    raise BadInput("it is no table.")
                if (
                    "prompt" in entry or name in known
                ):  # else it is a word on an agent of theirs, such as build
                    _add(found, str(name), entry, file, known)
    return found


def _kept(match: re.Match[str]) -> str:
    return match[1] or ""


def _add(found: Found, name: str, entry: Mapping[str, Any], file: Path, known: Mapping[str, Mode]) -> None:
    if not re.fullmatch(r"[\w./-]+", name):
        raise BadInput(f"{quoted(name)} is no name of a mode: letters, digits, hyphens.")
    if entry.get("disable") is not True:
        found.modes.append(_mode(name, entry, file, known.get(name)))


def _mode(name: str, entry: Mapping[str, Any], file: Path, below: Mode | None) -> Mode:
    said = texts(entry, TEXTS)
    rules = _rules(entry)
    edits = from_globs(_globs(rules, "edit"))
    notes = list(_not_taken(entry, rules))
    groups = _groups(rules, edits)
    model, effort = _model(said, notes), said.get("variant") or said.get("reasoningEffort")
    is_change = below is not None and not said.get("prompt")
    limits = (
        {} if is_change and not rules else {"groups": groups, "edits": None if edits == NOTHING else edits}
    )
    description = said.get("description")
    return made(
        name,
        str(file),
        {
            "title": said.get("name"),
            "prompt": _with_files(said.get("prompt", ""), file.parent),
            "model": model,
            "effort": effort if effort in get_args(Effort) else None,
            "when_to_use": description,
            "description": description,
            "notes": tuple(notes),
            **limits,
        },
        below,
    )


def _rules(entry: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Tool, or a glob of tools, -> action, or globs -> actions; the old `tools` first, so that `permission` decides."""
    tools, permission = entry.get("tools"), entry.get("permission")
    rules: list[tuple[str, Any]] = []
    if isinstance(tools, dict):
        rules += [("edit" if t in WRITERS else str(t), "allow" if on else "deny") for t, on in tools.items()]
    if isinstance(permission, str):
        rules.append(("*", permission))
    elif isinstance(permission, dict):
        rules += [(str(tool), action) for tool, action in permission.items()]
    elif permission is not None:
        raise BadInput("permission is neither a word nor a table.")
    for tool, action in rules:
        for word in action.values() if isinstance(action, dict) else [action]:
            if word not in ("allow", "ask", "deny"):
                raise BadInput(f"permission.{tool}: {quoted(word)} is none of allow, ask, deny.")
    return rules


def _globs(rules: Iterable[tuple[str, Any]], tool: str) -> Iterator[tuple[str, bool]]:
    """What is said about one tool, in order: glob of its paths or commands, and whether it is allowed (or asked)."""
    for name, action in rules:
        if _covers(name, tool):
            for glob, word in action.items() if isinstance(action, dict) else [("*", action)]:
                yield str(glob), word != "deny"


def _covers(name: str, tool: str) -> bool:
    """Whether a rule's name, which may be a glob, is about a tool."""
    return re.fullmatch(re.escape(name).replace(r"\*", ".*").replace(r"\?", "."), tool) is not None


def _groups(rules: list[tuple[str, Any]], edits: str | None) -> frozenset[Group]:
    """Commands only where any may be run or asked for: a mode has no list of them."""
    given = {group for group, tools in TOOLS.items() if any(_is_open(rules, tool) for tool in tools)}
    return frozenset(given - {"edit"} | ({"edit"} if edits != NOTHING else set()))


def _is_open(rules: list[tuple[str, Any]], tool: str) -> bool:
    """Whether what no narrower glob speaks of is allowed."""
    return [True, *(allows for glob, allows in _globs(rules, tool) if glob in ("*", "**"))][-1]


def _model(said: Mapping[str, str], notes: list[str]) -> str | None:
    model = said.get("model")
    if model and model.partition("/")[0] not in PROVIDERS:
        notes.append(f"Its model {model} is of no provider that kcode knows: name one under [models].")
        return None
    return model


def _not_taken(entry: Mapping[str, Any], rules: list[tuple[str, Any]]) -> Iterator[str]:
    others = [str(key) for key in entry if key not in TAKEN]
    others += ["tools (no table)"] if not isinstance(entry.get("tools", {}), dict) else []
    if others:
        yield f"Nothing is made of {', '.join(others)}."
    commands = list(_globs(rules, "bash"))
    narrow = [
        glob for glob, allows in commands if glob not in ("*", "**") and allows != _is_open(rules, "bash")
    ]
    if narrow and _is_open(rules, "bash"):
        yield f"It denies commands ({', '.join(narrow)}): put them under deny in [permissions]."
    elif narrow:
        yield f"It may run only some commands ({', '.join(narrow)}): here it runs none, unless `command` is in groups."


def _with_files(prompt: str, folder: Path) -> str:
    """`{file:./prompts/review.md}` as the text of that file, which must lie in the folder or below."""

    def text(match: re.Match[str]) -> str:
        path = (folder / match[1].strip()).resolve()
        if not path.is_relative_to(folder.resolve()):
            raise BadInput(f"{match[0]} lies outside of {folder}.")
        try:
            return text_of(path).strip()
        except BadInput as error:
            raise BadInput(f"{match[0]}: {error}") from None

    return re.sub(r"\{file:([^}]+)\}", text, prompt)

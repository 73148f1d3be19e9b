"""Modes of Roo Code and Kilo Code 5: `customModes` in .roomodes, .kilocodemodes, custom_modes.yaml and their exports.

YAML or JSON, by the schema that both programs check. Where they refuse the whole file for one bad entry, here the
entry alone is skipped.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from kcode.errors import BadInput
from kcode.modes.found import Found, table_of, texts
from kcode.modes.mode import Mode, made, quoted
from kcode.modes.patterns import doubts, from_javascript
from kcode.tools.tool import Group

GROUPS: dict[str, Group | None] = {
    "read": "read",
    "edit": "edit",
    "command": "command",
    "browser": "outside",
    "mcp": "outside",
    "modes": None,
}
"""Theirs -> ours. Switching modes and delegating are never withheld there."""
TEXTS = ("slug", "name", "roleDefinition", "whenToUse", "description", "customInstructions")
KNOWN = {*TEXTS, "groups", "source", "iconName", "rulesFiles"}
INVISIBLE = dict.fromkeys(map(ord, "\ufeff\u200b\u2060"), None)
TYPED = {
    ord(char): plain
    for plain, chars in {"'": "‘’", '"': "“”", "-": "–—", " ": "\xa0"}.items()
    for char in chars
}
"""What word processors make of what was typed."""


def read_custom(text: str, source: str, known: Mapping[str, Mode]) -> Found:
    """BadInput when the file as a whole is none; `known` are the modes that its `customModePrompts` may change."""
    table = _parsed(text)
    table = table.get("globalSettings", table)  # an export of all settings
    entries, prompts = table.get("customModes") or [], table.get("customModePrompts") or {}
    if not isinstance(entries, list) or not isinstance(prompts, dict):
        raise BadInput("customModes is no list.")
    if not entries and not prompts and "customModes" not in table:
        raise BadInput("it has no customModes.")
    found = Found()
    for number, entry in enumerate(entries, 1):
        name = entry.get("slug") if isinstance(entry, dict) else None
        with found.skipping(
            f"{source}: the mode {quoted(name)}" if name else f"{source}: mode number {number}"
        ):
            mode = _mode(entry, source)
            if any(mode.name == other.name for other in found.modes):
                raise BadInput("there is one of this slug already.")
            found.modes.append(mode)
    for slug, changes in prompts.items():
        with found.skipping(f"{source}: customModePrompts.{slug}"):
            found.modes.append(_changed(str(slug), changes, source, known))
    return found


def _parsed(text: str) -> dict[str, Any]:
    """As the originals read it: first without what cannot be seen or was typed by a word processor."""
    plain = text.translate(INVISIBLE)
    try:
        return table_of(plain.translate(TYPED))
    except BadInput as error:
        try:
            return table_of(plain)
        except BadInput:
            raise error from None


def _mode(entry: Any, source: str) -> Mode:
    if not isinstance(entry, dict):
        raise BadInput("it is no table.")
    said = texts(entry, TEXTS)
    for key in ("slug", "name", "roleDefinition"):
        if not said.get(key, "").strip():
            raise BadInput(f"it has no {key}.")
    if not re.fullmatch(r"[a-zA-Z0-9-]+", said["slug"]):
        raise BadInput(f"slug: {quoted(said['slug'])} has more than letters, digits and hyphens.")
    groups, edits, notes = _groups(entry.get("groups"))
    notes += [f"{key} is unknown, and nothing is made of it." for key in entry if key not in KNOWN]
    parts = [said["roleDefinition"], said.get("customInstructions", ""), *_rules(entry)]
    return made(
        said["slug"],
        source,
        {
            "title": said["name"],
            "prompt": "\n\n".join(part.strip() for part in parts if part.strip()),
            "groups": groups,
            "edits": edits,
            "when_to_use": said.get("whenToUse") or said.get("description") or "",
            "description": said.get("description", ""),
            "notes": tuple(notes),
        },
    )


def _changed(slug: str, changes: Any, source: str, known: Mapping[str, Mode]) -> Mode:
    """A built-in mode with other words: `customModePrompts`."""
    if slug not in known:
        raise BadInput("there is no such mode.")
    if not isinstance(changes, dict):
        raise BadInput("it is no table.")
    said, below = texts(changes, TEXTS), known[slug]
    parts = [said.get("roleDefinition") or below.prompt, said.get("customInstructions", "")]
    return made(
        slug,
        source,
        {
            **dict(below),
            "prompt": "\n\n".join(part.strip() for part in parts if part.strip()),
            "when_to_use": said.get("whenToUse") or below.when_to_use,
            "description": said.get("description") or below.description,
        },
    )


def _groups(entries: Any) -> tuple[frozenset[Group], str | None, list[str]]:
    """What may be used, the pattern of what may be edited, and what is to be said about them."""
    if not isinstance(entries, list):
        raise BadInput("groups is no list.")
    groups: set[Group] = {"delegate"}
    names: list[str] = []
    edits: str | None = None
    notes: list[str] = []
    for entry in entries:
        name, options = _group(entry)
        names.append(name)
        groups.add(GROUPS[name] or "delegate")
        pattern = options.get("fileRegex")
        if pattern is not None and not isinstance(pattern, str):
            raise BadInput(f"groups: the fileRegex {quoted(pattern)} is no text.")
        if pattern and name == "edit":
            edits = from_javascript(pattern)
            notes += doubts(pattern)
        elif pattern:
            notes.append(f"The fileRegex of {name} limits nothing, neither there nor here: only edit's does.")
    if len(set(names)) < len(names):
        raise BadInput("groups: one of them is there twice.")
    if edits and "command" in groups:
        notes.append("It may run commands, which can write any file: fileRegex holds for edits alone.")
    return frozenset(groups), edits, notes


def _group(entry: Any) -> tuple[str, dict[str, Any]]:
    name, options = entry if isinstance(entry, list) and len(entry) == 2 else (entry, {})
    if not isinstance(name, str) or name not in GROUPS:
        raise BadInput(f"groups: {quoted(name)} is none of {', '.join(GROUPS)}.")
    if not isinstance(options, dict):
        raise BadInput(f"groups: {name} is followed by {quoted(options)}, which is no table.")
    return name, options


def _rules(entry: Mapping[str, Any]) -> Iterator[str]:
    """The rules that an export carries with a mode."""
    files = entry.get("rulesFiles")
    for file in files if isinstance(files, list) else []:
        if isinstance(file, dict) and isinstance(file.get("content"), str):
            yield file["content"]

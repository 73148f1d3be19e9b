"""A mode as a file of kcode's own kind: front matter and prompt."""

import json

from kcode.modes.mode import GRANTED, Mode, plain_table

COMMENTED = """\
---
title: {title}
# What it may use: read (files, questions, todos), edit (files), command (run programs),
# delegate (give tasks to other modes), outside (web and MCP).
groups: [read, edit, command]
# Only files whose path has a match of this regular expression can be edited; mind the $.
# edits: \\.md$
# Below `-m` and [models] in the settings.
# model: anthropic/claude-sonnet-4-5
# low, medium, high or max
# effort: medium
# One line for whoever delegates: for what is this mode to be taken?
when_to_use: {use}
---
You … Say who the model is, how it works, and when it is done. A few sentences do: they are sent with every
conversation in this mode.
"""


def new_text(name: str) -> str:
    """A mode to begin with, every key explained."""
    title = name.replace("-", " ").replace("_", " ").capitalize()
    return COMMENTED.format(title=title, use=f"Work that wants {name}.")


def written(mode: Mode) -> str:
    """The file that is read as this mode; its source and notes are not in it."""
    groups = [group for group in GRANTED if group in mode.groups]
    lines = [f"title: {_value('title', mode.title)}", f"groups: [{', '.join(groups)}]"]
    for key in ("edits", "model", "effort", "when_to_use", "description"):
        value = getattr(mode, key)
        if value:
            lines.append(f"{key}: {_value(key, value)}")
    return "\n".join(["---", *lines, "---", mode.prompt, ""])


def _value(key: str, text: str) -> str:
    """As it is where that is read back, else quoted: what JSON quotes, YAML reads."""
    return text if plain_table(f"{key}: {text}") == {key: text} else json.dumps(text, ensure_ascii=False)

"""A session as a page for people: told as a tree of parts, and written as Markdown or HTML; as JSON for programs."""

import json
from collections.abc import Sequence
from typing import Literal

from kcode.keys import known_values, redact, redacted
from kcode.memory.log import Entry

Form = Literal["md", "html", "json"]


def exported(entries: Sequence[Entry], form: Form, id: str = "") -> str:
    """The whole session, without keys. `id`: what it is called, where it is a copy."""
    from kcode.memory.export import markdown, page, told  # each of use to few commands

    match form:
        case "json":
            return json.dumps([redacted(entry.model_dump(mode="json")) for entry in entries], indent=2) + "\n"
        case "md":
            text = markdown.markdown(told.told(entries, id))
        case "html":
            text = page.html(told.told(entries, id))
    return redact(text, known_values())


def form_of(name: str) -> Form:
    """What a file of this name holds: Markdown, when its end does not say."""
    lower = name.lower()
    return "html" if lower.endswith((".html", ".htm")) else "json" if lower.endswith(".json") else "md"

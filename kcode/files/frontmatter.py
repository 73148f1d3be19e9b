"""The table at the head of a Markdown file, between two lines of `---`."""

import re
from typing import Any

HEAD = re.compile(r"---[ \t]*\r?\n(.*?)(?:\r?\n)?---[ \t]*(?:\r?\n(.*)|$)", re.DOTALL)
LINE = re.compile(r"([A-Za-z][\w-]*)[ \t]*:[ \t]*(.*)")


def parted(text: str) -> tuple[dict[str, Any], str]:
    """The table ({} when there is none) and the text below it. What is no YAML, such as Cursor's `globs: *.ts`,
    is read line by line."""
    match = HEAD.match(text.lstrip("\ufeff"))
    if match is None:
        return {}, text
    return _table(match[1]), match[2] or ""


def words(value: Any) -> str:
    """A value as one line of text; "" for none, and a list as it is usually written: `[a, b]`."""
    if isinstance(value, list):
        return f"[{', '.join(map(words, value))}]"
    return "" if value is None else " ".join(str(value).split())


def listed(value: Any) -> tuple[str, ...]:
    """A list, or its items between commas, as texts. A comma within braces parts nothing: `*.{ts,tsx}`."""
    items = value if isinstance(value, list) else re.split(r",(?![^{}]*\})", words(value))
    return tuple(text for item in items if (text := words(item).strip("'\"")))


def _table(head: str) -> dict[str, Any]:
    import yaml  # here, since only files with a head pay for it

    try:
        table = yaml.safe_load(head)
    except (yaml.YAMLError, ValueError):
        table = None
    if isinstance(table, dict):
        return {str(key): value for key, value in table.items()}
    found = (LINE.fullmatch(line.strip()) for line in head.splitlines())
    return {line[1]: _value(line[2]) for line in found if line}


def _value(text: str) -> object:
    known = {"true": True, "false": False, "": None}
    return known.get(text.lower(), text.strip("'\""))

"""A session as Markdown. What tools said stands in fences that it cannot end, and what the user said is quoted."""

import re
from collections.abc import Iterator

from kcode.memory.export.told import Call, Notice, Part, Said, Section, Told, Words, when


def markdown(told: Told) -> str:
    lines = [f"# {_plain(told.title)}", "", *_head(told), *_parts(told.main), "---", ""]
    return "\n".join([*lines, told.receipt.markdown()])


def _head(told: Told) -> Iterator[str]:
    yield f"Session `{told.id}` · `{_in_code(told.root)}` · {when(told.began)}"
    if told.main.mode:
        yield f"· {told.main.mode} · `{_in_code(told.main.model)}`"
    yield ""


def _parts(section: Section) -> Iterator[str]:
    for part in section.parts:
        yield from _part(part)


def _part(part: Part) -> Iterator[str]:
    match part:
        case Said():
            yield f"**{'You' if part.by_user else 'kcode'}**, {when(part.at)}{_images(part)}:"
            yield ""
            yield from (f"> {line}" for line in part.text.splitlines())
            yield ""
        case Words():
            yield from (part.text, "")
        case Notice():
            yield from (f"*{_plain(line)}*  " for line in part.text.splitlines())
            yield ""
        case Call():
            yield from _call(part)


def _images(said: Said) -> str:
    return f" ({said.images} image{'' if said.images == 1 else 's'})" if said.images else ""


def _call(call: Call) -> Iterator[str]:
    state = "" if call.result is None else "✓ " if call.ok else "✗ "
    yield f"<details><summary>{state}<code>{_html(call.title)}</code></summary>"
    yield ""
    if call.arguments and call.arguments != "{}":
        yield from _fenced(call.arguments, "json")
    yield from _fenced(call.result or "", "")
    yield "</details>"
    yield ""
    for change in call.changes:
        yield f"{change.kind} `{_in_code(change.path)}` +{change.added} -{change.removed}"
        yield ""
        yield from _fenced(change.diff, "diff")
    if call.task:
        yield f"### Task {call.task.id}: {_plain(call.task.title)} ({_plain(call.task.mode)})"
        yield ""
        yield from _parts(call.task)
        yield f"*End of task {call.task.id}.*"
        yield ""


def _fenced(text: str, language: str) -> Iterator[str]:
    if text.strip():
        longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
        fence = "`" * max(3, longest + 1)
        yield from (f"{fence}{language}", text.strip("\n"), fence, "")


def _plain(text: str) -> str:
    return re.sub(r"([\\`*_\[\]<>#|])", r"\\\1", " ".join(text.split()))


def _in_code(text: str) -> str:
    return " ".join(text.split()).replace("`", "'")


def _html(text: str) -> str:
    return " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

"""A session as one page of HTML: no script, nothing from elsewhere, and nothing in it that is taken for markup but what
this module writes. The policy in its head says so to the browser, too.
"""

from collections.abc import Iterator
from html import escape

from kcode.memory.export.told import Call, Notice, Part, Said, Section, Told, Words, when
from kcode.messages import Change
from kcode.visible import visible

STYLE = """
:root { color-scheme: light dark; --ink: #1f2328; --soft: #656d76; --paper: #fff; --card: #f6f8fa; --line: #d0d7de;
  --mark: #0b6e4f; --good: #1a7f37; --bad: #cf222e; --add: #dafbe1; --cut: #ffebe9; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --soft: #8d96a0; --paper: #0d1117; --card: #161b22; --line: #30363d;
    --mark: #4cc38a; --good: #3fb950; --bad: #f85149; --add: #12361f; --cut: #4a1a1d; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1rem 4rem; max-width: 54rem; color: var(--ink); background: var(--paper);
  font: 16px/1.55 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .25rem; }
pre, code { font: .85em/1.5 ui-monospace, monospace; }
pre { margin: 0; padding: .6rem .8rem; overflow-x: auto; background: var(--card); border-radius: 6px; }
p code, li code { background: var(--card); padding: .1em .3em; border-radius: 4px; }
a { color: inherit; }
table { border-collapse: collapse; display: block; overflow-x: auto; }
td, th { border: 1px solid var(--line); padding: .25rem .6rem; text-align: left; vertical-align: top; }
.soft, time { color: var(--soft); font-size: .85rem; }
.said { margin: 2rem 0 1rem; padding: .7rem 1rem; background: var(--card); border-left: 4px solid var(--mark);
  border-radius: 6px; white-space: pre-wrap; }
.said time { display: block; }
.notice { color: var(--soft); font-style: italic; white-space: pre-wrap; margin: .5rem 0; }
details { margin: .3rem 0; border: 1px solid var(--line); border-radius: 6px; }
summary { padding: .3rem .7rem; cursor: pointer; }
details > pre, details > .diff { border-top: 1px solid var(--line); border-radius: 0; }
.ok::before { content: "✓ "; color: var(--good); } .failed::before { content: "✗ "; color: var(--bad); }
.open::before { content: "○ "; color: var(--soft); }
.diff span { display: block; } .add { background: var(--add); } .cut { background: var(--cut); }
.at { color: var(--soft); }
section { margin: 1rem 0 1rem .5rem; padding-left: 1rem; border-left: 2px solid var(--line); }
h2 { font-size: 1.05rem; margin: .5rem 0; }
footer { margin-top: 3rem; border-top: 1px solid var(--line); padding-top: 1rem; }
"""
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def html(told: Told) -> str:
    head = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="referrer" content="no-referrer">\n<title>{escape(told.title)}</title>\n'
        f"<style>{STYLE}</style>\n</head>\n<body>"
    )
    facts = (told.id, told.root, when(told.began), told.main.mode, told.main.model)
    about = " · ".join(escape(fact) for fact in facts if fact)
    body = [f'<header><h1>{escape(told.title)}</h1>\n<p class="soft">{about}</p></header>\n<main>']
    return "\n".join([head, *body, *_parts(told.main), "</main>", *_foot(told), "</body>\n</html>\n"])


def _parts(section: Section) -> Iterator[str]:
    for part in section.parts:
        yield from _part(part)


def _part(part: Part) -> Iterator[str]:
    match part:
        case Said():
            who = "You" if part.by_user else "kcode"
            images = f" · {part.images} images" if part.images else ""
            yield f'<div class="said"><time>{who}, {when(part.at)}{images}</time>{escape(part.text)}</div>'
        case Words():
            yield f"<article>{_rendered(part.text)}</article>"
        case Notice():
            yield f'<p class="notice">{escape(part.text)}</p>'
        case Call():
            yield from _call(part)


def _call(call: Call) -> Iterator[str]:
    state = "open" if call.result is None else "ok" if call.ok else "failed"
    is_open = " open" if call.changes else ""
    yield f'<details{is_open}><summary class="{state}"><code>{escape(call.title)}</code></summary>'
    if call.arguments not in ("", "{}") and not call.changes:
        yield f"<pre>{escape(call.arguments)}</pre>"
    if call.result and not call.changes:
        yield f"<pre>{escape(call.result)}</pre>"
    yield from (_diff(change) for change in call.changes)
    yield "</details>"
    if call.task:
        about = f"Task {call.task.id}: {call.task.title} ({call.task.mode} · {call.task.model})"
        yield f"<section><h2>{escape(about)}</h2>"
        yield from _parts(call.task)
        yield "</section>"


def _diff(change: Change) -> str:
    head = f'<span class="at">{escape(change.path)} +{change.added} -{change.removed}</span>'
    looks = {"+": "add", "-": "cut", "@": "at"}
    lines = (
        f'<span class="{looks.get(line[:1], "")}">{escape(line) or " "}</span>'
        for line in change.diff.splitlines()
    )
    return f'<pre class="diff">{head}{"".join(lines)}</pre>'


def _rendered(text: str) -> str:
    """Markdown with its HTML as text, and with pictures as links: a page that is looked at asks nobody anything."""
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    return str(reader.render(text))


def _foot(told: Told) -> Iterator[str]:
    receipt = told.receipt
    yield f"<footer><p>{escape(visible(receipt.line()))}</p>"
    if receipt.changes:
        yield "<table><tr><th>file</th><th>lines</th></tr>"
        for path, change in receipt.changes.items():
            yield f"<tr><td><code>{escape(visible(path))}</code></td><td>+{change.added} -{change.removed}</td></tr>"
        yield "</table>"
    yield '<p class="soft">written by kcode</p></footer>'

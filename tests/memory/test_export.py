import json
from html.parser import HTMLParser

import pytest

from kcode.events import (
    Answered,
    CacheMissed,
    Event,
    MessageAdded,
    QuestionAsked,
    SessionStarted,
    Spend,
    Spent,
    TaskEnded,
    TaskStarted,
    ToolStarted,
)
from kcode.memory.export import Form, exported, form_of
from kcode.memory.log import Entry
from kcode.messages import Change, Prompt, Reply, ToolCall, ToolResult, Usage

EVIL = "</pre></details><script>alert(1)</script><img src=x onerror=alert(2)>\u202e`````\n# not a heading"
KEY = "sk-ant-api03-abcdefghijklmnop1234567890"


def reply(text: str, *calls: ToolCall, task: str = "main") -> MessageAdded:
    return MessageAdded(task=task, message=Reply(text=text, calls=calls, model="a/b"))


def result(id: str, text: str, ok: bool = True, task: str = "main", *changes: Change) -> MessageAdded:
    return MessageAdded(task=task, message=ToolResult(call_id=id, text=text, ok=ok, changes=changes))


def spent(money: int) -> Spent:
    spend = Spend(usage=Usage(fresh=100, output=20), micro_dollars=money)
    return Spent(task="main", request="r", purpose="chat", mode="code", model="a/b", spend=spend)


EDIT = Change(path="<b>.py", diff="@@ -1 +1 @@\n-old <i>\n+new ```", added=1, removed=1)
EVENTS: tuple[Event, ...] = (
    SessionStarted(task="main", session="20260101-000000-aaaa", root="/here", version="0"),
    TaskStarted(task="main", parent=None, mode="code", model="a/b", project=""),
    MessageAdded(task="main", message=Prompt(text=f"mend it\n{EVIL}", notes="Date: today")),
    reply(
        "I **will**. ![p](https://evil.example/p.png) [l](javascript:alert(1)) <script>alert(3)</script>",
        ToolCall(id="1", name="shell", arguments=json.dumps({"command": f"echo {KEY}"})),
        ToolCall(id="2", name="delegate", arguments="{}"),
    ),
    ToolStarted(task="main", call_id="1", name="shell", title=f"echo <x> {KEY}"),
    result("1", f"{KEY}\n{EVIL}", False),
    TaskStarted(
        task="1", parent="main", mode="ask", model="c/d", project="", title="Look <here>", call_id="2"
    ),
    reply("", ToolCall(id="1", name="edit", arguments="{}"), task="1"),
    result("1", "edited", True, "1", EDIT),
    reply("Seen.", task="1"),
    result("2", "Seen."),
    QuestionAsked(task="main", id="q", text="Which <one>?"),
    Answered(task="main", id="q", answer="both"),
    CacheMissed(
        task="main", request="r", cause="expired", tokens=1, micro_dollars=1, text="The cache was missed."
    ),
    spent(14_625),
    reply("Done.\n\n| a | b |\n|---|---|\n| 1 | 2 |"),
    TaskEnded(task="main", outcome="over_budget", text="Too <dear>."),
)


def page(form: Form, *events: Event) -> str:
    return exported([Entry(at=1e9 + at, event=event) for at, event in enumerate(events or EVENTS)], form)


VOID = {"meta", "img", "br", "hr"}


class Reader(HTMLParser):
    """Elements that are opened and closed in their order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def read() -> Reader:
    reader = Reader()
    reader.feed(page("html"))
    reader.close()
    return reader


def test_the_page_is_whole_and_nothing_that_was_said_is_taken_for_markup(read: Reader) -> None:
    assert read.open == []
    tags = {tag for tag, _ in read.seen}
    assert not tags & {"script", "img", "iframe", "link", "object", "form", "i"}
    assert not [name for _, attributes in read.seen for name in attributes if name.startswith("on")]
    assert "alert(1)" in read.text and "⟨U+202E⟩" in read.text


def test_the_page_asks_nobody_anything(read: Reader) -> None:
    links = [
        value for _, attributes in read.seen for name, value in attributes.items() if name in ("src", "href")
    ]
    assert links == ["https://evil.example/p.png"]
    policy = next(a["content"] for tag, a in read.seen if tag == "meta" and "http-equiv" in a)
    assert policy is not None and policy.startswith("default-src 'none'")
    assert "prefers-color-scheme: dark" in page("html") and "url(" not in page("html")


@pytest.mark.parametrize("form", ["md", "html", "json"])
def test_no_form_holds_a_key(form: Form) -> None:
    assert KEY not in page(form) and "[redacted]" in page(form)


def test_the_page_shows_calls_diffs_subtasks_and_the_receipt(read: Reader) -> None:
    order = [
        "mend it",
        "will",
        "echo <x>",
        "Task 1: Look <here> (ask · c/d)",
        "<b>.py +1 -1",
        "-old <i>",
    ]
    order += [
        "Which <one>?",
        "→ both",
        "The cache was missed.",
        "Done.",
        "over_budget: Too <dear>.",
        "$0.0146",
    ]
    at = [read.text.index(words) for words in order]
    assert at == sorted(at)
    assert [a.get("class") for tag, a in read.seen if tag == "summary"] == ["failed", "ok", "ok"]
    assert sum(tag == "section" for tag, _ in read.seen) == 1 and ("td", {}) in read.seen


def test_markdown_folds_calls_and_quotes_the_user() -> None:
    text = page("md")
    assert text.startswith("# mend it ")
    assert "> mend it\n> </pre></details><script>" in text
    assert "<details><summary>✗ <code>echo &lt;x&gt; [redacted]</code></summary>" in text
    assert "### Task 1: Look \\<here\\> (ask)" in text and "*End of task 1.*" in text
    assert "edited `<b>.py` +1 -1\n\n````diff\n@@ -1 +1 @@\n-old <i>\n+new ```\n````" in text
    assert "| cost | $0.0146, 4 steps |" in text


def test_no_fence_of_markdown_can_be_ended_by_what_stands_in_it() -> None:
    assert "\n``````\n[redacted]\n</pre>" in page("md")


def test_json_is_every_event_with_its_time() -> None:
    told = json.loads(page("json"))
    assert [entry["event"]["type"] for entry in told] == [event.type for event in EVENTS]
    assert told[1]["at"] == 1e9 + 1


def test_what_a_file_holds_is_told_by_its_name() -> None:
    assert [form_of(name) for name in ("a.HTML", "a.htm", "a.json", "a.md", "a", "")] == [
        "html",
        "html",
        "json",
        "md",
        "md",
        "md",
    ]


def test_a_session_that_was_cut_off_is_told_as_far_as_it_got() -> None:
    cut = EVENTS[:4]
    assert "<details><summary><code>delegate {}</code></summary>" in page("md", *cut)
    assert 'class="open"' in page("html", *cut)

from decimal import Decimal

import pytest

from kcode.agent.task import CUT_OFF
from kcode.events import MessageAdded, Spend, Spent, TaskStarted
from kcode.llm.request import Request
from kcode.memory import context
from kcode.memory.block import Block, joined
from kcode.messages import Prompt, Reply, ToolCall, ToolResult, Usage
from kcode.settings import Price
from kcode.spend.meter import Meter
from kcode.spend.prices import price_from_settings
from kcode.tui.pages.bill import cost_page, sparkline
from kcode.tui.pages.page import Table
from kcode.tui.pages.pages import changes_of
from tests.tui.screen import Frame, shown

PRICE = price_from_settings(
    Price(input=Decimal(3), output=Decimal(15), cached=Decimal("0.3")), surcharge=False
)

DIFF = """\
diff --git a/kept.py b/kept.py
index 1..2 100644
--- a/kept.py
+++ b/kept.py
@@ -1,2 +1,2 @@
 same
-old
+new
diff --git a/gone.py b/gone.py
deleted file mode 100644
--- a/gone.py
+++ /dev/null
@@ -1 +0,0 @@
-all of it
diff --git a/made.py b/made.py
new file mode 100644
--- /dev/null
+++ b/made.py
@@ -0,0 +1 @@
+fresh
diff --git a/pic.png b/pic.png
Binary files a/pic.png and b/pic.png differ
"""


def spent(model: str, money: int, mode: str = "code") -> Spent:
    usage = Usage(fresh=1_000, cached=10_000, output=100)
    spend = Spend(usage=usage, micro_dollars=money)
    return Spent(task="main", request="r", purpose="chat", mode=mode, model=model, spend=spend)


def test_the_cost_is_sorted_by_mode_model_and_purpose() -> None:
    meter = Meter(price=PRICE, window=200_000)
    for event in (spent("a/big", 30_000), spent("a/big", 30_000, "ask"), spent("b/[small]", 5_000)):
        meter(event)
    page = cost_page(meter, lambda model: PRICE, 100).plain
    assert page.startswith("$0.0650   3 requests")
    assert "the cache took $0.0810 off: 91% of the input came out of it" in page
    lines = [line.split()[:2] for line in page.splitlines() if line]
    assert ["a/big", "$0.0600"] in lines and ["b/[small]", "$0.0050"] in lines and ["ask", "$0.0300"] in lines


def test_the_cost_is_told_by_task_and_tool_with_what_was_overhead_and_wasted() -> None:
    meter = Meter(price=PRICE, window=200_000)
    call = ToolCall(id="1", name="edit", arguments="{}")
    asked = MessageAdded(task="main", message=Reply(calls=(call,), model="a/big", usage=Usage(output=100)))
    failed = MessageAdded(task="main", message=ToolResult(call_id="1", text="x" * 8_000, ok=False))
    title = spent("a/small", 1_000).model_copy(update={"purpose": "title", "task": "1"})
    begun = TaskStarted(task="1", parent="main", mode="ask", model="a/b", project="", title="Look <here>")
    for event in (begun, spent("a/big", 30_000), asked, failed, spent("a/big", 5_000), asked, asked, title):
        meter(event)
    told = [line.split() for line in cost_page(meter, lambda model: PRICE, 100).plain.splitlines()]
    assert ["Wasted"] in told and ["edits", "that", "failed", "$0.0300", "1×"] in told
    assert ["Overhead"] in told and ["titles", "$0.0010"] in [line[:2] for line in told]
    assert ["1", "Look", "<here>", "$0.0010"] in [line[:4] for line in told]
    assert [line[3:7] for line in told if line[:1] == ["edit"]] == [["3", "calls", "1", "failed"]]
    assert ["1", "old", "result", "of", "2k", "tokens"] in [line[:6] for line in told]


@pytest.mark.parametrize("width", [100, 70, 50, 40])
def test_the_figures_fit_whatever_the_width(width: int) -> None:
    meter = Meter(price=PRICE, window=200_000)
    meter(spent("anthropic/claude-sonnet-4-5", 30_000))
    table = (
        cost_page(meter, lambda model: PRICE, width).plain.partition("By mode\n")[2].partition("By minute")[0]
    )
    assert max(map(len, table.splitlines())) <= width
    assert table.count("$0.0300") == 3


def test_a_session_without_a_request_has_a_page_too() -> None:
    assert "nothing yet" in cost_page(Meter(), lambda model: None, 100).plain


@pytest.mark.parametrize(
    ("values", "line"), [([0, 1, 4, 8], "·▁▄█"), ([0, 0], "··"), ([1_000_000, 1], "█▁"), ([], "")]
)
def test_a_sparkline_shows_what_is_not_nothing(values: list[int], line: str) -> None:
    assert sparkline(values) == line


def test_a_diff_of_git_is_taken_apart_by_file() -> None:
    changes = changes_of(DIFF)
    assert [(c.path, c.kind, c.added, c.removed) for c in changes] == [
        ("kept.py", "edited", 1, 1),
        ("gone.py", "deleted", 0, 1),
        ("made.py", "created", 1, 0),
        ("pic.png", "edited", 0, 0),
    ]
    assert changes[0].diff.startswith("@@ -1,2 +1,2 @@\n same")


def test_the_context_is_counted_part_by_part() -> None:
    tool = {"type": "function", "function": {"name": "read", "description": "x" * 396, "parameters": {}}}
    request = Request(
        session="s",
        root="/x",
        task="main",
        mode="code",
        model="a/b",
        system="s" * 4_000,
        project="p" * 400,
        tools=(tool,),
        messages=(
            Prompt(text="q" * 40, notes="n" * 80),
            Reply(text="r" * 120, calls=(ToolCall(id="1", name="read", arguments="{}"),)),
            ToolResult(call_id="1", text="t" * 4_000),
            Prompt(text=CUT_OFF),
        ),
        max_tokens=100,
    )
    sizes = {part.name: part.tokens for part in context.parts(request)}
    assert (sizes["system prompt"], sizes["rules of the project"], sizes["results of read"]) == (
        1_000,
        100,
        1_000,
    )
    assert sizes["notes (date, mode, git)"] == 20
    assert [part.name for part in context.tools(request)] == ["read"]


def test_what_the_project_says_is_counted_by_its_sources() -> None:
    project = joined([Block("rules", "AGENTS.md", "x" * 400), Block("memory", ".kcode/memory", "y" * 80)])
    request = Request(
        session="s",
        root="/x",
        task="main",
        mode="code",
        model="a/b",
        system="",
        project=project,
        tools=(),
        messages=(),
        max_tokens=100,
    )
    sizes = {part.name: part.tokens for part in context.parts(request)}
    assert 100 < sizes["rules: AGENTS.md"] < 115
    assert 20 < sizes["memory: .kcode/memory"] < 40


@pytest.mark.parametrize("width", [100, 50, 30])
async def test_a_table_wraps_beside_its_names_or_below_them(width: int) -> None:
    rows = [
        ("name", "a text that is long enough to be wrapped at every width " * 2),
        ("[b]other[/b]", "short"),
    ]
    async with Frame(Table(rows)).run_test(size=(width, 30)) as pilot:
        screen = shown(pilot.app)
        assert "[b]other[/b]" in screen
        words = " ".join(screen.split())
        assert words.count("wrapped at every width") == 2

import json

from kcode.events import Event, MessageAdded, Spend, Spent
from kcode.messages import Change, Reply, ToolCall, ToolResult, Usage
from kcode.spend.receipt import Receipt


def spent(micro_dollars: int | None, state: str = "settled", **usage: int) -> Spent:
    spend = Spend.model_validate({"usage": Usage(**usage), "micro_dollars": micro_dollars, "state": state})
    return Spent(task="main", request="r", purpose="chat", mode="code", model="a/b", spend=spend)


def changed(path: str, added: int, removed: int, kind: str = "edited") -> MessageAdded:
    change = Change.model_validate(
        {"path": path, "diff": "", "added": added, "removed": removed, "kind": kind}
    )
    return MessageAdded(task="main", message=ToolResult(call_id="c", text="", changes=(change,)))


def test_the_line_says_money_steps_tokens_files_and_models() -> None:
    receipt = Receipt()
    receipt(spent(10_000, fresh=1000, cached=9000, output=50))
    receipt(spent(4_625, fresh=100, output=20))
    receipt(MessageAdded(task="main", message=Reply(text="hi", model="a/b")))
    receipt(MessageAdded(task="main", message=Reply(text="ho", model="a/b")))
    receipt(changed("x.py", 2, 1))
    line = receipt.line()
    assert line.startswith("$0.0146 · 2 steps · 10.1k tokens in (89% cached), 70 out · 1 file changed · ")
    assert line.endswith(" s · a/b")


def test_an_estimate_and_an_unknown_price_are_marked() -> None:
    receipt = Receipt()
    receipt(spent(10_000, "estimated"))
    assert str(receipt.total) == "~$0.0100"
    receipt(spent(None))
    assert str(receipt.total) == "≥~$0.0100"
    nothing_known = Receipt()
    nothing_known(spent(None))
    assert str(nothing_known.total) == "$?"


def test_changes_of_one_file_add_up() -> None:
    receipt = Receipt()
    receipt(changed("x.py", 10, 0, "created"))
    receipt(changed("x.py", 1, 2))
    (change,) = receipt.changes.values()
    assert (change.added, change.removed, change.kind) == (11, 2, "created")


def ran(command: str, ok: bool) -> list[MessageAdded]:
    call = ToolCall(id=command, name="shell", arguments=json.dumps({"command": command}))
    return [
        MessageAdded(task="main", message=Reply(calls=(call,), model="a/b")),
        MessageAdded(task="main", message=ToolResult(call_id=command, text="", ok=ok)),
    ]


def test_one_check_is_named_and_several_are_counted() -> None:
    receipt = Receipt(took=12.0)
    for event in ran("pytest -q", True):
        receipt(event)
    assert receipt.line() == "$0 · 1 step · 0 tokens in (0% cached), 0 out · `pytest -q` passed · 12 s · a/b"
    for event in ran("ruff check", False):
        receipt(event)
    assert " · checks: 1 passed, 1 failed · " in receipt.line()


def test_as_markdown_it_is_a_table_that_names_of_files_cannot_break() -> None:
    receipt = Receipt(took=12.0)
    told: list[Event] = [spent(14_625, fresh=100, output=20), changed("a|b`\n.py", 2, 1)]
    for event in (*told, *ran("pytest -q", False)):
        receipt(event)
    assert receipt.markdown("Mend <b>it</b>").splitlines() == [
        r"**Mend \<b\>it\</b\>** · worked on with kcode",
        "",
        "| | |",
        "|---|---|",
        "| cost | $0.0146, 1 step |",
        "| tokens | 100 tokens in (0% cached), 20 out |",
        "| models | `a/b` |",
        r"| files | `a\|b'\n.py` +2 -1 |",
        "| checks | `pytest -q` **failed** |",
        "| time | 12 s |",
    ]

from kcode.events import Event, MessageAdded, Noticed, Spend, Spent, TaskEnded
from kcode.messages import Change, Prompt, Reply, ToolResult, Usage
from kcode.tui.transcript.receipts import Receipts

PROMPT = MessageAdded(task="main", message=Prompt(text="do it"))
REPLY = MessageAdded(task="main", message=Reply(text="Done."))
END = TaskEnded(task="main", outcome="done", text="Done.")


def spent(money: int, task: str = "main") -> Spent:
    usage = Usage(fresh=1_000, cached=3_000, output=50)
    spend = Spend(usage=usage, micro_dollars=money)
    return Spent(task=task, request="r", purpose="chat", mode="code", model="a/b", spend=spend)


def receipts(*events: Event) -> list[str]:
    added = list(Receipts("main").added(events))
    assert [event for event in added if not isinstance(event, Noticed)] == list(events)
    return [event.text for event in added if isinstance(event, Noticed)]


def test_each_turn_ends_with_what_it_cost() -> None:
    change = Change(path="a.py", diff="", added=2, removed=1)
    result = MessageAdded(task="main", message=ToolResult(call_id="c", text="", changes=(change,)))
    turn: list[Event] = [PROMPT, spent(20_000), REPLY, result, spent(5_000), REPLY, END]
    assert receipts(*turn, PROMPT, spent(1_000), REPLY, END) == [
        "$0.0250 · 2 steps · ↑8k (75% cached) ↓100 · 1 file +2 -1",
        "$0.0010 · 1 step · ↑4k (75% cached) ↓50",
    ]


def test_subtasks_are_in_the_receipt_and_have_none_of_their_own() -> None:
    child_end = TaskEnded(task="child", outcome="done", text="")
    assert receipts(PROMPT, spent(1_000), spent(2_000, "child"), child_end, REPLY, END) == [
        "$0.0030 · 1 step · ↑8k (75% cached) ↓100"
    ]


def test_a_task_that_asked_nobody_has_no_receipt() -> None:
    assert receipts(PROMPT, TaskEnded(task="main", outcome="over_budget", text="")) == []

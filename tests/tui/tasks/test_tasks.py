from kcode.events import (
    MAIN,
    Answered,
    Event,
    ModeChanged,
    QuestionAsked,
    Spend,
    Spent,
    TaskEnded,
    TaskStarted,
    ToolStarted,
)
from kcode.tui.tasks.tasks import Tasks


def started(id: str, parent: str = MAIN, title: str = "") -> TaskStarted:
    return TaskStarted(
        task=id, parent=parent, mode="code", model="a/b", project="", title=title or f"do {id}"
    )


def spent(task: str, money: int) -> Spent:
    return Spent(
        task=task, request="r", purpose="chat", mode="code", model="a/b", spend=Spend(micro_dollars=money)
    )


def heard(*events: Event) -> Tasks:
    tasks = Tasks()
    for at, event in enumerate(events):
        tasks.hear(event, float(at))
    return tasks


def test_each_task_stands_behind_the_one_that_gave_it() -> None:
    tasks = heard(started("2"), started("10"), started("1"), started("2.1", "2"), started("1.1", "1"))
    assert [task.id for task in tasks.in_order()] == ["1", "1.1", "2", "2.1", "10"]


def test_the_users_own_task_is_none_of_them() -> None:
    main = TaskStarted(task=MAIN, parent=None, mode="code", model="a/b", project="")
    assert heard(main).in_order() == []


def test_a_task_runs_asks_and_ends() -> None:
    asks = QuestionAsked(task="1", id="q", text="?")
    tasks = heard(started("1"), ToolStarted(task="1", call_id="c", name="read", title="Read a"), asks)
    (task,) = tasks.in_order()
    assert (task.condition, task.doing, tasks.running) == ("asking", "Read a", 1)
    tasks.hear(Answered(task="1", id="q", answer="yes"), 3)
    assert task.condition == "running"
    tasks.hear(TaskEnded(task="1", outcome="turn_limit", text=""), 9)
    assert (task.condition, task.ended, tasks.running) == ("failed", 9, 0)


def test_a_task_costs_what_all_below_it_cost() -> None:
    tasks = heard(
        started("1"), started("1.1", "1"), started("11"), *(spent(id, 100) for id in ("1", "1.1", "11"))
    )
    assert tasks.with_all_below("1").micro_dollars == 200


def test_a_task_may_go_on_and_change_its_mode() -> None:
    tasks = heard(started("1"), TaskEnded(task="1", outcome="done", text=""), started("1"))
    tasks.hear(ModeChanged(task="1", mode="ask", model="c/d"), 5)
    (task,) = tasks.in_order()
    assert (task.condition, task.mode, task.model) == ("running", "ask", "c/d")


def test_what_the_past_has_left_running_runs_no_more() -> None:
    tasks = heard(started("1"))
    tasks.leave()
    assert tasks.running == 0

import pytest

from kcode.messages import Todo
from kcode.tui.bottom import todos_line
from tests.playing import call
from tests.tui.conftest import Start, lane

PLANS = lane(
    "plan",
    call("todo", items=[{"text": "mend it", "state": "done"}, {"text": "test it", "state": "doing"}]),
    {"text": "So it is planned."},
)
ENDS = lane("end", call("todo", items=[{"text": "mend it", "state": "done"}]), {"text": "All done."})


def test_what_is_being_done_stands_before_what_is_open() -> None:
    todos = [Todo(text="one", state="done"), Todo(text="two"), Todo(text="[b]three[/]", state="doing")]
    assert todos_line(todos) == "☑ 1 of 3  ◐ [b]three[/]  ☐ two"


@pytest.mark.parametrize("size", [(120, 40), (60, 20)])
async def test_todos_stay_in_sight_also_when_the_session_is_gone_on_with(
    start: Start, size: tuple[int, int]
) -> None:
    async with start(PLANS, size=size) as run:
        await run.type("plan it")
        await run.sees("So it is planned.")
        await run.sees("☑ 1 of 2  ◐ test it")
        await run.rests()
        opened = run.app.talk.state.opened
    assert opened is not None
    async with start(ENDS, resume=opened.session, models=(), size=size) as again:
        await again.sees("☑ 1 of 2  ◐ test it")
        await again.type("end it")
        await again.sees("All done.")
        await again.until(lambda: "☑ 1 of" not in again.screen)

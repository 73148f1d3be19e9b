from collections.abc import Awaitable, Callable

import pytest

from kcode.errors import ToolError
from kcode.messages import Todo
from kcode.tools.tool import Output

Call = Callable[..., Awaitable[Output]]


async def test_the_list_is_replaced_and_summed_up_in_a_line(call: Call) -> None:
    items = [{"text": "a", "state": "done"}, {"text": "b", "state": "doing"}, {"text": "c"}]
    output = await call("todo", items=items)
    assert output.text == "1 done, 1 doing, 1 open."
    assert output.todos == (Todo(text="a", state="done"), Todo(text="b", state="doing"), Todo(text="c"))


async def test_the_list_can_be_emptied(call: Call) -> None:
    output = await call("todo", items=[])
    assert (output.text, output.todos) == ("empty.", ())


async def test_an_unknown_state_is_refused(call: Call) -> None:
    with pytest.raises(ToolError, match=r"items\.0\.state"):
        await call("todo", items=[{"text": "a", "state": "pending"}])

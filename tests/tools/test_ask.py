from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from kcode.errors import ToolError
from kcode.tools.ask import Ask
from kcode.tools.tool import Output, Workspace

Call = Callable[..., Awaitable[Output]]


async def test_the_answer_of_the_user_is_the_result(call: Call) -> None:
    assert (await call("ask", question="Which?", choices=["a", "b"])).text == "Which? a/b"


async def test_an_empty_answer_is_said(workspace: Workspace) -> None:
    async def silent(question: str, choices: tuple[str, ...]) -> str:
        return ""

    output = await Ask(question="Which?").run(replace(workspace, ask_user=silent), "c1")
    assert output.text == "(no answer)"


async def test_an_empty_question_is_refused(call: Call) -> None:
    with pytest.raises(ToolError, match="empty"):
        await call("ask", question=" ")

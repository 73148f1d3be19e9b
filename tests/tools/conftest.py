import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from kcode.messages import ToolCall
from kcode.processes.jobs import Jobs
from kcode.tools.tool import Output, Workspace, installed_tools

Call = Callable[..., Awaitable[Output]]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    async def ask_user(question: str, choices: tuple[str, ...]) -> str:
        return f"{question} {'/'.join(choices)}"

    root = tmp_path / "work"
    root.mkdir()
    return Workspace(
        root=root.resolve(),
        also=(),
        overflow=tmp_path / "overflow",
        ask_user=ask_user,
        show_output=lambda call_id, text: None,
        jobs=Jobs(),
        command_limit=30.0,
        command_silence=30.0,
    )


@pytest.fixture
def root(workspace: Workspace) -> Path:
    return workspace.root


@pytest.fixture
def call(workspace: Workspace) -> Call:
    """`await call("read", path="a.py")`: the arguments go through JSON, as a model's do."""

    async def made(name: str, /, **arguments: Any) -> Output:
        tool = installed_tools().open(ToolCall(id="c1", name=name, arguments=json.dumps(arguments)))
        return await tool.run(workspace, "c1")

    return made

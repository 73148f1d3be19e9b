import asyncio
import json
import re
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
import tiktoken

from kcode.errors import ToolError
from kcode.tools.shell import Shell
from kcode.tools.tool import Toolbox, Workspace, installed_tools
from tests.tools.conftest import Call
from tests.tracing import Trace


async def test_the_model_gets_what_the_command_said_and_nothing_else(
    call: Call, root: Path, trace: Trace
) -> None:
    (root / "a.txt").write_text("one\n")
    output = await call("shell", command="cat a.txt; pwd")
    assert output.text == f"one\n{root}" and output.ok


async def test_silence_is_told(call: Call, trace: Trace) -> None:
    assert (await call("shell", command="true")).text == "[no output]"


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("echo no; exit 3", "no\n[exit code 3]"),
        ("false", "[exit code 1]"),
        ("kill -KILL $$", "[killed by SIGKILL]"),
        ("kill -40 $$", "[killed by signal 40]"),
    ],
)
async def test_a_failure_is_told_with_its_code(call: Call, trace: Trace, command: str, text: str) -> None:
    output = await call("shell", command=command)
    assert output.text == text and not output.ok


async def test_how_long_it_took_is_told_when_it_was_long(call: Call, trace: Trace) -> None:
    assert re.fullmatch(r"\[1\.\d s\]", (await call("shell", command="sleep 1.05")).text)


async def test_at_the_time_limit_what_was_heard_is_kept(call: Call, trace: Trace) -> None:
    output = await call("shell", command=f"echo heard; sleep {trace}", timeout=0.3)
    assert output.text.startswith("heard\n[ended at its time limit") and "background=true" in output.text
    assert not output.ok


async def test_the_users_limit_is_above_the_models(call: Call, workspace: Workspace, trace: Trace) -> None:
    workspace.command_limit = 0.3
    assert "time limit" in (await call("shell", command=f"sleep {trace}", timeout=9_999)).text


async def test_a_command_that_says_nothing_for_too_long_is_ended(
    call: Call, workspace: Workspace, trace: Trace
) -> None:
    workspace.command_silence = 0.3
    output = await call("shell", command=f"echo prompt?; sleep {trace}")
    assert output.text.startswith("prompt?\n[ended after") and "silent" in output.text and not output.ok


async def test_a_time_that_the_model_names_holds_for_silence_too(
    call: Call, workspace: Workspace, trace: Trace
) -> None:
    workspace.command_silence = 0.1
    assert (await call("shell", command="sleep 0.4; echo late", timeout=5)).text == "late"


async def test_what_is_left_running_is_ended_and_the_model_learns_how_to_keep_it(
    call: Call, trace: Trace
) -> None:
    output = await call("shell", command=f"sleep {trace} & sleep {trace} & echo started")
    assert output.text == "started\n[2 processes left running by it ended too; to keep: background=true]"
    assert output.ok


async def test_long_output_is_cut_and_lies_in_a_file_of_the_workspace(
    call: Call, workspace: Workspace, trace: Trace
) -> None:
    output = await call("shell", command="seq 1 100000")
    assert output.text.startswith("1\n2\n3\n") and output.text.endswith("99999\n100000")
    assert len(output.text) < 8_300
    (file,) = workspace.overflow.iterdir()
    assert str(file) in output.text and workspace.holds(file) and file.read_text().count("\n") == 100_000


async def test_the_screen_follows(workspace: Workspace, trace: Trace) -> None:
    heard: list[tuple[str, str]] = []
    workspace.show_output = lambda call_id, text: heard.append((call_id, text))
    running = asyncio.create_task(Shell(command="echo one; sleep 0.3; echo two").run(workspace, "c7"))
    await asyncio.sleep(0.25)
    assert heard == [("c7", "one\n")]
    await running
    assert heard == [("c7", "one\n"), ("c7", "two\n")]


async def test_a_cancelled_command_is_gone_and_its_last_words_were_shown(
    workspace: Workspace, trace: Trace
) -> None:
    heard: list[str] = []
    workspace.show_output = lambda call_id, text: heard.append(text)
    running = asyncio.create_task(Shell(command=f"echo word; sleep {trace}").run(workspace, "c7"))
    while not trace.alive():
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert heard == ["word\n"] and not trace.alive()


async def test_the_preview_is_the_command_with_all_that_hides_in_it(workspace: Workspace) -> None:
    command = "ls\n\techo \u202eevil\u200b\x1b[8m\r"
    assert await Shell(command=command).preview(workspace) == (
        "ls\n\techo ⟨U+202E⟩evil⟨U+200B⟩⟨U+001B⟩[8m⟨U+000D⟩"
    )
    assert Shell(command=command).title() == "Run ls echo ⟨U+202E⟩evil⟨U+200B⟩⟨U+001B⟩[8m"
    assert Shell(command=command).target() == command


async def test_a_background_command_runs_on_and_is_asked_for_by_its_id(
    call: Call, workspace: Workspace, trace: Trace
) -> None:
    began = time.monotonic()
    started = await call(
        "shell", command=f"echo ready; sleep 1.3; echo built; sleep {trace}", background=True
    )
    assert started.text == "ready\n[job 1 is running]" and started.ok
    assert time.monotonic() - began < 1.3
    assert (await call("job", id="1")).text == "[job 1 is running]"
    assert (await call("job", id="1", wait=0.5)).text == "built\n[job 1 is running]"
    ended = await call("job", id="1", end=True)
    assert ended.text.startswith("[job 1 has ended: killed by SIGTERM") and not ended.ok
    assert not trace.alive()


async def test_one_who_waits_for_a_job_hears_of_its_end_at_once(call: Call, trace: Trace) -> None:
    await call("shell", command="sleep 1.1; echo built", background=True)
    output = await call("job", id="1", wait=20)
    assert output.text.startswith("built\n[job 1 has ended: exit code 0") and output.ok


async def test_a_background_command_that_fails_at_once_says_so_at_once(call: Call, trace: Trace) -> None:
    began = time.monotonic()
    output = await call("shell", command="echo no such port; exit 2", background=True)
    assert output.text.startswith("no such port\n[job 1 has ended: exit code 2") and not output.ok
    assert time.monotonic() - began < 0.9


async def test_an_unknown_job_is_refused_with_the_known_ones(call: Call, trace: Trace) -> None:
    with pytest.raises(ToolError, match="no job '4'; known: none"):
        await call("job", id="4")
    await call("shell", command="true", background=True)
    with pytest.raises(ToolError, match="no job '4'; known: 1"):
        await call("job", id="4")


def test_the_schemas_cost_little(monkeypatch: pytest.MonkeyPatch) -> None:
    litellm = find_spec("litellm")
    assert litellm and litellm.submodule_search_locations
    tokenizers = Path(litellm.submodule_search_locations[0], "litellm_core_utils/tokenizers")
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tokenizers))
    box = Toolbox([installed_tools()["shell"], installed_tools()["job"]])
    text = json.dumps(box.schemas(), separators=(",", ":"))
    assert len(tiktoken.get_encoding("o200k_base").encode(text)) <= 170

import json
from pathlib import Path
from typing import Any

import pytest

from kcode.errors import BadInput
from kcode.events import Condensed, MessageAdded, Noticed, SessionNamed, SessionStarted
from kcode.memory import task_folders
from kcode.messages import Message, Prompt, Reply, ToolResult

NATIVE = [
    {
        "role": "user",
        "ts": 1_770_000_000_000,
        "content": [
            {"type": "text", "text": "<task>\nMend the login\n</task>"},
            {
                "type": "text",
                "text": "<environment_details>\n# Current Workspace Directory (/src/shop)\na.py</environment_details>",
            },
        ],
    },
    {
        "role": "assistant",
        "ts": 1_770_000_001_000,
        "content": [
            {"type": "reasoning", "text": "hm"},
            {"type": "text", "text": "I look."},
            {"type": "tool_use", "id": "toolu:1", "name": "read_file", "input": {"path": "a.py"}},
            {"type": "tool_use", "id": "toolu:2", "name": "list_files", "input": {}},
        ],
    },
    {
        "role": "user",
        "content": [
            {
                "type": "tool_result",
                "tool_use_id": "toolu:1",
                "content": [{"type": "text", "text": "1 | x"}, {"type": "image", "source": {}}],
            },
            {"type": "text", "text": "<feedback>faster</feedback>"},
        ],
    },
    {"role": "assistant", "content": "It is mended.", "ts": 1_770_000_002_000},
]


def task(folder: Path, history: Any, **files: Any) -> Path:
    folder.mkdir(parents=True)
    (folder / task_folders.HISTORY).write_text(json.dumps(history))
    for name, data in files.items():
        (folder / f"{name}.json").write_text(json.dumps(data))
    return folder


def messages(read: task_folders.TaskFolder) -> list[Message]:
    return [entry.event.message for entry in read.entries if isinstance(entry.event, MessageAdded)]


def test_a_task_becomes_a_conversation_in_which_every_call_is_answered(tmp_path: Path) -> None:
    read = task_folders.read(task(tmp_path / "1", NATIVE), tmp_path)
    asked, looked, first, second, faster, mended = messages(read)
    assert asked == Prompt(text="Mend the login") and faster == Prompt(text="faster")
    assert isinstance(looked, Reply) and isinstance(mended, Reply)
    assert [(call.id, call.name) for call in looked.calls] == [
        ("toolu_1", "read_file"),
        ("toolu_2", "list_files"),
    ]
    assert first == ToolResult(call_id="toolu_1", text="1 | x\n[a picture]")
    assert second == ToolResult(call_id="toolu_2", text=task_folders.UNANSWERED, ok=False)
    assert (mended.text, mended.stop, read.complaints) == ("It is mended.", "end", [])


def test_it_has_the_folder_title_and_times_of_the_task(tmp_path: Path) -> None:
    read = task_folders.read(task(tmp_path / "1", NATIVE), tmp_path)
    assert [entry.at for entry in read.entries][-1] == 1_770_000_002
    started, named = read.entries[0].event, read.entries[1].event
    assert isinstance(started, SessionStarted) and isinstance(named, SessionNamed)
    assert (started.root, named.name, started.session) == ("/src/shop", "Mend the login", read.id)
    assert task_folders.read(tmp_path / "1", tmp_path).id == read.id


def test_what_it_had_cost_is_told_and_is_no_spend_of_ours(tmp_path: Path) -> None:
    requests = [
        {"say": "api_req_started", "text": json.dumps({"cost": 0.25})},
        {"say": "text", "text": "hi"},
        {"say": "api_req_started", "text": json.dumps({"tokensIn": 5})},
    ]
    item = {"task": "Its name", "workspace": "/elsewhere", "totalCost": 1.5}
    with_item = task_folders.read(task(tmp_path / "1", NATIVE, history_item=item), tmp_path)
    without = task_folders.read(task(tmp_path / "2", NATIVE, ui_messages=requests), tmp_path)
    told = [e.event.text for r in (with_item, without) for e in r.entries if isinstance(e.event, Noticed)]
    assert told == [
        f"Taken over from {tmp_path / '1'}, where it cost $1.500",
        f"Taken over from {tmp_path / '2'}, where it cost $0.2500",
    ]
    assert with_item.title == "Its name"


def test_a_summary_takes_the_place_of_what_came_before(tmp_path: Path) -> None:
    history = [
        *NATIVE,
        {"role": "user", "content": [{"type": "text", "text": "So far: mended"}], "isSummary": True},
    ]
    read = task_folders.read(task(tmp_path / "1", history), tmp_path)
    (condensed,) = [e.event for e in read.entries if isinstance(e.event, Condensed)]
    assert (condensed.summary, condensed.kept) == ("So far: mended", 0)


def test_bad_messages_are_skipped_and_named_and_the_others_stay(tmp_path: Path) -> None:
    history = [
        *NATIVE,
        "what",
        {"role": "user"},
        {"role": "dog", "content": "wuff"},
        {"role": "user", "content": [{}]},
    ]
    history += [{"type": "reasoning", "encrypted_content": "…"}, {"role": "user", "content": "and now?"}]
    read = task_folders.read(task(tmp_path / "1", history), tmp_path)
    assert [line.partition(" is skipped")[0] for line in read.complaints] == [
        f"message {n}" for n in (5, 6, 7, 8)
    ]
    assert messages(read)[-1] == Prompt(text="and now?")


@pytest.mark.parametrize("text", ["{", '"x"', "{}", ""])
def test_a_history_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / task_folders.HISTORY).write_text(text)
    with pytest.raises(BadInput):
        task_folders.read(tmp_path, tmp_path)


def test_tasks_are_found_in_a_folder_of_them(tmp_path: Path) -> None:
    one, two = task(tmp_path / "tasks" / "1", []), task(tmp_path / "tasks" / "2", [])
    (tmp_path / "tasks" / "_index.json").write_text("{}")
    assert task_folders.found(tmp_path) == task_folders.found(tmp_path / "tasks") == [one, two]
    assert task_folders.found(one) == [one]
    assert task_folders.found(tmp_path / "nowhere") == []

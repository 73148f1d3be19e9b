"""Task folders of Roo Code, Kilo Code 5 and Cline, read as events of a session. Nothing is ever written there.

A folder holds `api_conversation_history.json`, a list of messages in Anthropic's form (`role`, `content` as text or
blocks, `ts` in milliseconds; `isSummary` where what came before was condensed), maybe `ui_messages.json` with what each
request cost, and maybe `history_item.json` (`task`, `workspace`, `totalCost`, `ts`). What cannot be read is told.
"""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2s
from pathlib import Path
from typing import Any

from kcode.errors import BadInput
from kcode.events import (
    MAIN,
    Condensed,
    Event,
    MessageAdded,
    Noticed,
    SessionNamed,
    SessionStarted,
    TaskEnded,
)
from kcode.memory.log import Entry
from kcode.messages import Message, Prompt, Reply, ToolCall, ToolResult
from kcode.spend.money import dollars, micro_dollars

HISTORY = "api_conversation_history.json"
OLD_HISTORY = "claude_messages.json"
LARGEST = 200_000_000
"""Bytes of a file."""
STATE = re.compile(r"<environment_details>.*?</environment_details>", re.DOTALL)
"""How things were then: of no use now."""
ASKED = re.compile(r"</?(?:task|feedback|user_message|answer)>")
WORKSPACE = re.compile(r"# Current (?:Workspace|Working) Directory \((.+?)\)")
UNANSWERED = "[It was not answered.]"
TITLE = 200


@dataclass(slots=True)
class TaskFolder:
    path: Path
    entries: list[Entry] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    title: str = ""
    id: str = ""
    """Of the session that it becomes: the same each time."""

    @property
    def messages(self) -> int:
        return sum(isinstance(entry.event, MessageAdded) for entry in self.entries)


def found(folder: Path) -> list[Path]:
    """The folder itself, those in it, or those in its `tasks`: each that holds a task. The oldest first."""
    if _history(folder):
        return [folder]
    for place in (folder / "tasks", folder):
        if place.is_dir() and (tasks := [path for path in sorted(place.iterdir()) if _history(path)]):
            return tasks
    return []


def read(folder: Path, elsewhere: Path) -> TaskFolder:
    """As the events of a session. `elsewhere`: the folder it is of, when it does not say. BadInput when its history
    cannot be read at all."""
    history = _history(folder)
    if history is None:
        raise BadInput(f"{folder} is no task folder: it has no {HISTORY}.")
    said, item = _json(history), _item(folder)
    if not isinstance(said, list):
        raise BadInput(f"{history} is no list of messages.")
    task = TaskFolder(folder)
    reading = _Reading(task, _seconds(item.get("ts"), history.stat().st_mtime))
    for number, message in enumerate(said, 1):
        try:
            reading.add(message)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            task.complaints.append(f"message {number} is skipped: {type(error).__name__}: {error}")
    reading.answer_all()
    task.title = _title(item, reading)
    began = task.entries[0].at if task.entries else reading.at
    task.id = _id(folder, began)
    root = item.get("workspace") or reading.workspace or str(elsewhere)
    told: list[Event] = [
        SessionStarted(task=MAIN, session=task.id, root=str(root), version="import"),
        SessionNamed(task=MAIN, name=task.title),
        Noticed(task=MAIN, text=f"Taken over from {folder}{_cost(folder, item, task)}"),
    ]
    ended = Entry(at=reading.at, event=TaskEnded(task=MAIN, outcome="done", text=""))
    task.entries = [*(Entry(at=began, event=event) for event in told), *task.entries, ended]
    return task


@dataclass(slots=True)
class _Reading:
    """The messages in their order, each call with one result behind it."""

    task: TaskFolder
    at: float
    workspace: str = ""
    open: dict[str, None] = field(default_factory=dict)
    """Calls without a result."""

    def add(self, message: dict[str, Any]) -> None:
        if message.get("type") == "reasoning" or message.get("isTruncationMarker"):
            return
        role, content = message["role"], message["content"]
        self.at = _seconds(message.get("ts"), self.at)
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else list(content)
        if message.get("isSummary"):
            self._condense(_text(blocks))
        elif role == "assistant":
            self._reply(blocks)
        elif role == "user":
            self._heard(blocks)
        else:
            raise ValueError(f"there is no role {role!r}")

    def answer_all(self) -> None:
        for id in list(self.open):
            self._result(id, UNANSWERED, ok=False)

    def _condense(self, summary: str) -> None:
        self.answer_all()
        self._tell(Condensed(task=MAIN, summary=summary, kept=0, before=0, after=len(summary) // 4))

    def _reply(self, blocks: list[dict[str, Any]]) -> None:
        self.answer_all()
        calls = tuple(
            ToolCall(
                id=_word(block["id"]),
                name=_word(block["name"]),
                arguments=json.dumps(block.get("input") or {}),
            )
            for block in blocks
            if block["type"] == "tool_use"
        )
        text = _text(blocks)
        if text or calls:
            self._say(Reply(text=text, calls=calls, stop="calls" if calls else "end"))
            self.open = dict.fromkeys(call.id for call in calls)

    def _heard(self, blocks: list[dict[str, Any]]) -> None:
        words = []
        for block in blocks:
            if block["type"] == "tool_result":
                text = _text(block.get("content") or "")
                if _word(block["tool_use_id"]) in self.open:
                    self._result(_word(block["tool_use_id"]), text, ok=not block.get("is_error"))
                else:
                    words.append(text)
        self.answer_all()
        whole = _text(blocks)
        if place := WORKSPACE.search(whole):
            self.workspace = self.workspace or place[1]
        text = ASKED.sub("", STATE.sub("", "\n".join([*words, whole]))).strip()
        if text:
            self._say(Prompt(text=text))

    def _result(self, id: str, text: str, ok: bool) -> None:
        del self.open[id]
        self._say(ToolResult(call_id=id, text=STATE.sub("", text).strip(), ok=ok))

    def _say(self, message: Message) -> None:
        self._tell(MessageAdded(task=MAIN, message=message))

    def _tell(self, event: Event) -> None:
        self.task.entries.append(Entry(at=self.at, event=event))


def _word(name: Any) -> str:
    """As providers take it back."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", str(name))[:64] or "_"


def _id(folder: Path, began: float) -> str:
    stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(began))
    return f"{stamp}-{blake2s(str(folder.resolve()).encode(), digest_size=3).hexdigest()}"


def _text(content: Any) -> str:
    """What of it is text; of a picture, that there was one."""
    if isinstance(content, str):
        return content
    parts = []
    for block in content:
        if block["type"] == "text":
            parts.append(str(block["text"]))
        elif block["type"] == "image":
            parts.append("[a picture]")
    return "\n".join(part for part in parts if part.strip())


def _title(item: dict[str, Any], reading: _Reading) -> str:
    prompts = (e.event.message for e in reading.task.entries if isinstance(e.event, MessageAdded))
    first = next((prompt.text for prompt in prompts if isinstance(prompt, Prompt)), "")
    return " ".join(str(item.get("task") or first or reading.task.path.name).split())[:TITLE]


def _cost(folder: Path, item: dict[str, Any], task: TaskFolder) -> str:
    """What it had cost there, for people: it is no spend of ours."""
    try:
        cost = item["totalCost"] if "totalCost" in item else sum(_costs(folder))
        return f", where it cost {dollars(micro_dollars(float(cost)))}" if cost else ""
    except (BadInput, ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        task.complaints.append(f"what it cost cannot be read: {error}")
        return ""


def _costs(folder: Path) -> Iterator[float]:
    file = folder / "ui_messages.json"
    for message in _json(file) if file.is_file() else ():
        if message.get("say") in ("api_req_started", "deleted_api_reqs"):
            yield float(json.loads(message.get("text") or "{}").get("cost") or 0)


def _item(folder: Path) -> dict[str, Any]:
    file = folder / "history_item.json"
    try:
        item = _json(file) if file.is_file() else {}
    except BadInput:
        return {}
    return item if isinstance(item, dict) else {}


def _history(folder: Path) -> Path | None:
    return next((folder / name for name in (HISTORY, OLD_HISTORY) if (folder / name).is_file()), None)


def _json(file: Path) -> Any:
    try:
        if file.stat().st_size > LARGEST:
            raise BadInput(f"{file} has more than {LARGEST:,} bytes.")
        return json.loads(file.read_text(encoding="utf-8-sig", errors="replace"))
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput(f"{file} cannot be read: {error}") from None


def _seconds(milliseconds: Any, otherwise: float) -> float:
    is_time = isinstance(milliseconds, int | float) and 0 < milliseconds < 1e14
    return milliseconds / 1000 if is_time else otherwise

"""What lists show of sessions, and what is found in them: read quickly, without understanding every line.

A line of a session file begins with its time, its task and its type (`memory/log.py`), so that those which a list does
not need, the long ones, are passed over unread. There is no index that could be wrong.
"""

import contextlib
import json
import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from kcode.errors import BadInput
from kcode.events import MAIN, BudgetSet, Outcome, SessionNamed, Spend
from kcode.memory import log
from kcode.messages import Record
from kcode.spend.total import Total

HEAD = re.compile(
    rb'\{"at": ([\d.]+), "event": \{"task": "([^"\\]*)", "type": "(\w+)"(?:, "message": \{"role": "(\w+)")?'
)
NEEDED = {b"session_started", b"session_named", b"task_started", b"task_ended", b"mode_changed", b"spent"}
TITLE = 200
"""Characters."""
AROUND = 40
"""Characters on either side of a word that was found."""


class SessionInfo(Record):
    id: str
    path: Path
    root: str
    updated: float
    """Seconds since the epoch."""
    title: str
    """Its name, else the first prompt, in one line."""
    prompts: int
    mode: str = ""
    """The last one of the user's task."""
    model: str = ""
    total: Total = Total()
    """What it cost, by its own events."""
    outcome: Outcome | Literal["open"] = "open"
    """Of the last prompt; `open`: it has not come to its end."""


def session_info(path: Path) -> SessionInfo | None:
    """What a list of sessions shows; None when the file holds no session."""
    seen = _Seen()
    for line in _data(path).split(b"\n"):
        head = HEAD.match(line)
        if head is None:
            continue
        seen.updated = float(head[1])
        if head[3] in NEEDED or head[4] == b"user":
            with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError, ValidationError):
                seen.add(json.loads(line)["event"])
    return seen.info(path) if seen.root else None


@dataclass(slots=True)
class _Seen:
    """A fold over the few events that a list needs, as they stand in the file."""

    root: str = ""
    updated: float = 0.0
    name: str = ""
    first: str = ""
    prompts: int = 0
    mode: str = ""
    model: str = ""
    total: Total = field(default_factory=Total)
    outcome: Any = "open"

    def add(self, event: dict[str, Any]) -> None:
        is_main = event["task"] == MAIN
        match event["type"]:
            case "session_started":
                self.root = str(event["root"])
            case "session_named":
                self.name = str(event["name"])
            case "task_started" | "mode_changed" if is_main:
                self.mode, self.model = str(event["mode"]), str(event["model"])
            case "task_ended" if is_main:
                self.outcome = event["outcome"]
            case "spent":
                self.total += Total.of(Spend.model_validate(event["spend"]))
            case "message_added" if is_main and event["message"].get("by", "user") == "user":
                self.prompts, self.outcome = self.prompts + 1, "open"
                self.first = self.first or str(event["message"]["text"])

    def info(self, path: Path) -> SessionInfo:
        return SessionInfo(
            id=path.stem,
            path=path,
            root=self.root,
            updated=self.updated,
            title=" ".join((self.name or self.first).split())[:TITLE],
            prompts=self.prompts,
            mode=self.mode,
            model=self.model,
            total=self.total,
            outcome=self.outcome,
        )


def listed(root: str | None = None, words: Iterable[str] = ()) -> Iterator[tuple[SessionInfo, str]]:
    """Sessions, the newest first, of one folder or of all; with `words` those in whose name or messages all of them
    occur, each with the place of one. Only those that are asked for are read."""
    wanted = tuple(words)
    for path in log.newest_first():
        if root is not None and log.started_in(path) != root:
            continue
        place = found(path, wanted) if wanted else ""
        if place is not None and (info := session_info(path)):
            yield info, place


def found(path: Path, words: Iterable[str]) -> str | None:
    """Where the first of the words stands, if all occur in the session's name or messages, in whatever case."""
    text = _data(path).decode("utf-8", "replace")
    folded = text.lower()
    if len(folded) != len(text):  # a few letters become longer
        text = folded
    places = [_place(text, folded, word.lower()) for word in words]
    return places[0] if places and None not in places else None


def _place(text: str, folded: str, word: str) -> str | None:
    """The words around the first time that it is said."""
    needle = json.dumps(word, ensure_ascii=False)[1:-1]
    at = folded.find(needle)
    while at >= 0:
        begin, end = folded.rfind("\n", 0, at) + 1, folded.find("\n", at)
        end = len(folded) if end < 0 else end
        for said in _said(text[begin:end]):
            if (where := said.lower().find(word)) >= 0:
                return " ".join(said[max(where - AROUND, 0) : where + len(word) + AROUND].split())
        at = folded.find(needle, end)
    return None


def _said(line: str) -> Iterator[str]:
    """What of a line is a name or a message."""
    with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
        event = json.loads(line)["event"]
        if event["type"] == "session_named":
            yield str(event["name"])
        elif event["type"] == "message_added":
            yield str(event["message"]["text"])
            yield from (str(call["arguments"]) for call in event["message"].get("calls", ()))


# What can be done with one that no kcode has open


def rename(path: Path, name: str) -> None:
    """What lists call it. BadInput when another kcode has it open."""
    _append(path, SessionNamed(task=MAIN, name=name))


def fork(path: Path) -> Path:
    """A copy under an id of its own, which spends of the same budget. BadInput when it cannot be written."""
    copy = log.session_path(log.new_session_id())
    try:
        shutil.copyfile(path, copy)
        copy.chmod(0o600)
    except OSError as error:
        raise BadInput(f"The copy {copy} cannot be written: {error.strerror}.") from None
    budget = next((e for e in reversed(log.load_events(copy)[0]) if _is_of_session(e)), None)
    if isinstance(budget, BudgetSet) and not budget.purse:
        _append(copy, budget.model_copy(update={"purse": path.stem}))
    return copy


def _is_of_session(event: object) -> bool:
    return isinstance(event, BudgetSet) and event.scope == "session"


def _append(path: Path, event: SessionNamed | BudgetSet) -> None:
    file = log.SessionLog(path)
    try:
        file.append(event)
    finally:
        file.close()


def _data(path: Path) -> bytes:
    """Nothing when it cannot be read: one bad file is no reason to show no list."""
    with contextlib.suppress(OSError):
        return path.read_bytes()
    return b""

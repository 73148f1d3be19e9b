import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kcode.errors import BadInput
from kcode.events import Event, MessageAdded, SessionStarted, TextArrived
from kcode.memory import log
from kcode.messages import Prompt, Reply, Usage

STARTED = SessionStarted(task="main", session="20260101-000000-aaaa", root="/here", version="0")
ASKED = MessageAdded(task="main", message=Prompt(text="mend it\nplease", notes="Date: today"))
SAID = MessageAdded(task="main", message=Reply(text="done 😀 \u2028 [x]", usage=Usage(fresh=3, output=1)))


def stored(path: Path, *events: Event) -> Path:
    file = log.SessionLog(path)
    for event in events:
        file.append(event)
    file.close()
    return path


def test_events_come_back_as_they_were_and_passing_ones_are_not_stored(tmp_path: Path) -> None:
    path = stored(tmp_path / "s.jsonl", STARTED, TextArrived(task="main", text="d"), ASKED)
    assert log.load_events(path) == ([STARTED, ASKED], 0)


def test_the_file_is_the_users_alone(tmp_path: Path) -> None:
    path = stored(tmp_path / "new" / "s.jsonl", STARTED)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_torn_last_line_is_skipped_and_the_next_event_is_not_glued_to_it(tmp_path: Path) -> None:
    path = stored(tmp_path / "s.jsonl", STARTED, ASKED)
    os.truncate(path, path.stat().st_size - 20)
    stored(path, SAID)
    assert log.load_events(path) == ([STARTED, SAID], 1)


def test_half_a_character_does_not_cost_the_line(tmp_path: Path) -> None:
    half = MessageAdded(task="main", message=Prompt(text="a\ud83db"))
    events, bad = log.load_events(stored(tmp_path / "s.jsonl", half))
    assert (events, bad) == ([MessageAdded(task="main", message=Prompt(text="a?b"))], 0)


def test_lines_that_are_no_events_are_counted(tmp_path: Path) -> None:
    path = stored(tmp_path / "s.jsonl", STARTED)
    with path.open("ab") as file:
        file.write(
            b'{"at": 1}\n\xff\xfe\n\n' + json.dumps({"at": 1, "event": {"type": "unheard_of"}}).encode()
        )
    events, bad = log.load_events(path)
    assert (events, bad) == ([STARTED], 3)


def test_a_session_is_open_in_one_process_at_a_time(tmp_path: Path) -> None:
    path = stored(tmp_path / "s.jsonl", STARTED)
    script = "import sys, pathlib; from kcode.memory import log; log.SessionLog(pathlib.Path(sys.argv[1]))"
    held = log.SessionLog(path)
    other = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True)
    assert "open in another kcode" in other.stderr
    held.close()
    subprocess.run([sys.executable, "-c", script, str(path)], check=True)


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    file = log.SessionLog(tmp_path / "s.jsonl")
    os.dup2(os.open("/dev/full", os.O_WRONLY), file._fd)
    with pytest.raises(OSError, match="No space left"):
        file.append(STARTED)
    file.close()


def test_a_session_is_found_by_the_beginning_of_its_id(kcode_home: Path) -> None:
    first = stored(log.session_path("20260101-000000-aaaa"), STARTED)
    stored(log.session_path("20260102-000000-bbbb"), STARTED)
    assert log.find_session("20260101") == first
    with pytest.raises(BadInput, match="20260101-000000-aaaa, 20260102-000000-bbbb"):
        log.find_session("2026")
    for strange in ("../x", "", ".hidden", "a/b"):
        with pytest.raises(BadInput, match="no session id"):
            log.find_session(strange)
    with pytest.raises(BadInput, match="none"):
        log.find_session("*")


def test_the_last_session_of_a_folder_is_the_one_that_was_worked_in_last(kcode_home: Path) -> None:
    here = stored(log.session_path("20260101-000000-aaaa"), STARTED)
    later = stored(log.session_path("20260102-000000-bbbb"), STARTED)
    elsewhere = STARTED.model_copy(update={"root": "/there"})
    os.utime(stored(log.session_path("20260103-000000-cccc"), elsewhere), (9e9, 9e9))
    os.utime(here, (2e9, 2e9))
    os.utime(later, (1e9, 1e9))
    assert log.last_session(Path("/here")) == here
    assert log.last_session(Path("/nowhere")) is None

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kcode.cli.dialogue import Answer, Cancel, Command, Say, Switch, commands
from kcode.scripted import ScriptedProvider
from tests.playing import MODEL, call, calls, say, scenario, settings_for


async def test_lines_become_commands_and_others_are_named_and_skipped(
    capsys: pytest.CaptureFixture[str],
) -> None:
    reading, writing = os.pipe()
    os.write(
        writing,
        b'{"type": "say", "text": "mend it"}\n\n{"type": "fly"}\nno json\n'
        b'{"type": "answer", "id": "q1", "answer": "no"}\n'
        b'{"type": "cancel"}\n{"type": "switch", "mode": "ask", "model": "a/b"}',
    )
    os.close(writing)
    heard: list[Command] = [command async for command in commands(reading)]
    assert heard == [
        Say(type="say", text="mend it"),
        Answer(type="answer", id="q1", answer="no"),
        Cancel(type="cancel"),
        Switch(type="switch", mode="ask", model="a/b"),
    ]
    assert capsys.readouterr().err.count("is skipped") == 2


class Talk:
    """A real kcode that another program talks to."""

    def __init__(self, provider: ScriptedProvider, root: Path, *more: str) -> None:
        sets = [part for one in settings_for(provider) for part in ("--set", one)]
        words = ["-p", "--input-format", "stream-json", "-m", MODEL, *sets, *more]
        main = "import sys; from kcode.cli.main import main; sys.exit(main())"
        self.process = subprocess.Popen(
            [sys.executable, "-c", main, *words],
            cwd=root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        )

    def tell(self, **command: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()

    def events(self) -> Iterator[dict[str, Any]]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            yield json.loads(line)

    def until(self, type: str) -> dict[str, Any]:
        return next(event for event in self.events() if event["type"] == type)

    def close(self) -> int:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.read()
        self.process.stdout.close()
        return self.process.wait(20)


def test_another_program_prompts_approves_cancels_and_prompts_again(repository: Path) -> None:
    script = scenario(call("shell", command="touch made"), say("Made."), match="make")
    script["lanes"].append({"match": "long", "steps": [say("word " * 500, pace=0.02)]})
    with ScriptedProvider(script) as provider:
        talk = Talk(provider, repository)
        talk.tell(type="say", text="make it")
        asked = talk.until("approval_asked")
        assert asked["preview"] == "touch made"
        talk.tell(type="answer", id=asked["id"], answer="once")
        result = talk.until("result")
        assert (result["text"], result["exit_code"]) == ("Made.", 0)
        assert (repository / "made").exists()
        talk.tell(type="say", text="a long one")
        talk.until("text_arrived")
        talk.tell(type="cancel")
        result = talk.until("result")
        assert (result["reason"], result["exit_code"]) == ("cancelled", 130)
        assert talk.close() == 130


def test_another_program_stops_one_task_of_several(repository: Path) -> None:
    tasks = [call("delegate", mode="ask", message=f"{name}: look") for name in ("FIRST", "SECOND")]
    script = scenario(calls(*tasks), say("Done."), match="PLAN")
    script["lanes"] += [
        {"match": "FIRST", "steps": [say("word " * 500, pace=0.02)]},
        {"match": "SECOND", "steps": [say("Seen.")]},
    ]
    with ScriptedProvider(script) as provider:
        talk = Talk(provider, repository)
        talk.tell(type="switch", mode="orchestrator", model=MODEL)
        talk.tell(type="say", text="hello", task="7")
        talk.tell(type="say", text="PLAN")
        next(event for event in talk.events() if event["type"] == "task_ended" and event["task"] == "2")
        talk.tell(type="cancel", task="1")
        ended = talk.until("task_ended")
        assert (ended["task"], ended["outcome"]) == ("1", "cancelled")
        assert talk.until("result")["text"] == "Done."
        assert talk.close() == 0


def test_a_command_of_the_users_own_is_said_as_what_it_stands_for(repository: Path, kcode_home: Path) -> None:
    own = kcode_home / "config" / "commands" / "greet.md"
    own.parent.mkdir(parents=True)
    own.write_text("Greet $1 kindly.")
    with ScriptedProvider(scenario(say("Good day."), match="Greet Ada kindly.")) as provider:
        talk = Talk(provider, repository)
        talk.tell(type="say", text="/gret Ada")
        talk.tell(type="say", text="/greet Ada")
        assert talk.until("result")["text"] == "Good day."
        assert talk.close() == 0
        assert len(provider.requests) == 1


def test_an_open_question_ends_when_nobody_can_answer_it_any_more(repository: Path) -> None:
    with ScriptedProvider(scenario(call("shell", command="touch made"), say("Never said."))) as provider:
        talk = Talk(provider, repository)
        talk.tell(type="say", text="make it")
        talk.until("approval_asked")
        assert talk.close() == 3
        assert not (repository / "made").exists()


def test_a_reached_budget_ends_when_nobody_can_answer_any_more(repository: Path) -> None:
    with ScriptedProvider(scenario(say("Never said."))) as provider:
        talk = Talk(provider, repository, "--max-budget-usd", "0.0001")
        talk.tell(type="say", text="make it")
        assert talk.until("question_asked")["by"] == "kcode"
        assert talk.close() == 4

import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

from kcode.cli.headless import DIFF_LINES, JsonLines, Progress, result
from kcode.events import MessageAdded, OutputArrived, Retrying, Spend, Spent, TextArrived, ToolStarted
from kcode.messages import Change, Reply, ToolCall, ToolResult, Usage
from kcode.scripted import ScriptedProvider
from kcode.spend.bill import Bill
from kcode.spend.receipt import Receipt
from tests.playing import MODEL, say, scenario, settings_for

SPENT = Spent(
    task="main",
    request="r",
    purpose="chat",
    mode="code",
    model="a/b",
    spend=Spend(usage=Usage(fresh=10, output=2), micro_dollars=60),
)


def shown(*events: object, is_verbose: bool = False) -> str:
    out = io.StringIO()
    progress = Progress(out, is_verbose)
    for event in events:
        progress(event)  # type: ignore[arg-type]
    return out.getvalue()


def test_a_call_is_a_line_and_a_failure_says_how_it_ended() -> None:
    started = ToolStarted(task="main", call_id="c", name="shell", title="Run make")
    failed = MessageAdded(
        task="main", message=ToolResult(call_id="c", ok=False, text="much\nmake: *** Error 1\n[exit code 2]")
    )
    assert shown(started, failed) == "• Run make\n  ✗ make: *** Error 1 [exit code 2]\n"


def test_a_long_diff_is_cut_and_says_how_much_is_left() -> None:
    change = Change(path="a.py", diff="\n".join(["+x"] * (DIFF_LINES + 3)), added=DIFF_LINES + 3, removed=0)
    text = shown(MessageAdded(task="main", message=ToolResult(call_id="c", text="", changes=(change,))))
    assert text.startswith(f"  edited a.py  +{DIFF_LINES + 3} -0\n")
    assert text.endswith("    … 3 more lines\n")


def test_escape_sequences_of_models_files_and_commands_do_not_reach_the_terminal() -> None:
    evil = "\x1b]0;owned\x07\x1b[2J\u202e"
    change = Change(path=evil, diff=f"+{evil}", added=1, removed=0)
    text = shown(
        ToolStarted(task="main", call_id="c", name="shell", title=evil),
        MessageAdded(task="main", message=Reply(text=evil, calls=(ToolCall(id="c", name="x"),))),
        MessageAdded(task="main", message=ToolResult(call_id="c", ok=False, text=evil, changes=(change,))),
        OutputArrived(task="main", call_id="c", text=evil),
        Retrying(task="main", attempt=1, wait=0, model=evil, reason=evil),
        is_verbose=True,
    )
    assert not {"\x1b", "\x07", "\u202e"} & set(text)


def test_output_of_commands_is_shown_only_when_asked_for() -> None:
    event = OutputArrived(task="main", call_id="c", text="one\ntwo\n")
    assert shown(event) == ""
    assert shown(event, is_verbose=True) == "  │ one\n  │ two\n"


def test_every_line_of_json_carries_what_was_spent_by_then() -> None:
    out, receipt = io.StringIO(), Receipt()
    lines = JsonLines(out, receipt, nobody_reads=lambda: None)
    for event in (TextArrived(task="main", text="a"), SPENT, TextArrived(task="main", text="b")):
        receipt(event)
        lines(event)
    spent = [json.loads(line)["spend"]["micro_dollars"] for line in out.getvalue().splitlines()]
    assert spent == [0, 60, 60]


def test_a_reader_that_has_gone_is_told() -> None:
    class Gone(io.StringIO):
        def flush(self) -> None:
            raise BrokenPipeError

    told: list[bool] = []
    JsonLines(Gone(), Receipt(), nobody_reads=lambda: told.append(True))(SPENT)
    assert told == [True]


def test_the_result_says_why_it_ended_and_what_it_cost() -> None:
    receipt, bill = Receipt(), Bill()
    for listener in (receipt, bill):
        listener(SPENT)
        listener(SPENT.model_copy(update={"task": "1", "purpose": "title"}))
    ended = result(receipt, bill, session="s", outcome="done", text="Hi.", exit_code=0)
    assert ended["reason"] == "done" and ended["cost"] == "$0.0001"
    assert (ended["tasks"], ended["overhead"], ended["wasted"]) == ({"main": 60, "1": 60}, {"titles": 60}, {})
    assert ended["checks"] == {} and ended["cache_share"] == 0.0
    assert ended["spend"] == {"micro_dollars": 120, "is_estimate": False, "unknown_requests": 0}
    assert ended["usage"]["fresh"] == 20 and ended["requests"] == 2


def test_an_answer_on_a_terminal_is_shown_without_its_escape_sequences(repository: Path) -> None:
    evil = "done \x1b]52;c;b3duZWQ=\x07 \u202e"
    with ScriptedProvider(scenario(say(evil))) as provider:
        sets = [part for one in settings_for(provider) for part in ("--set", one)]
        main = "import sys; from kcode.cli.main import main; sys.exit(main())"
        command = [sys.executable, "-c", main, "-p", "go", "--ephemeral", "-m", MODEL, *sets]
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
        mine, its = pty.openpty()
        with os.fdopen(mine, "rb", buffering=0) as terminal:
            process = subprocess.Popen(
                command, cwd=repository, stdin=subprocess.DEVNULL, stdout=its, stderr=its, env=environment
            )
            os.close(its)
            assert process.wait(60) == 0
            shown = terminal.read(65536).decode()
    assert "done ⟨U+001B⟩]52;c;b3duZWQ=⟨U+0007⟩ ⟨U+202E⟩" in shown
    assert "\x1b]" not in shown and "\x07" not in shown

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kcode.cli.spend import command
from kcode.errors import BadInput
from kcode.messages import Usage
from kcode.spend.ledger import Entry, Ledger

ROOT = Path(__file__).parents[2]


def spend(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments, catch_exceptions=False)


@pytest.fixture
def ledger(kcode_home: Path) -> Ledger:
    """Two requests in a session, one in another."""
    ledger = Ledger(kcode_home / "data" / "ledger.sqlite3")
    for session, mode, micro in (("aa", "code", 14_600), ("aa", "ask", 400), ("bb", "code", 5_000)):
        entry = Entry(
            session=session,
            task="main",
            mode=mode,
            model="x/evil\x1b[2J",
            provider="x",
            price=None,
            upper_bound=None,
        )
        ledger.settle(ledger.reserve(entry).id, Usage(fresh=1000, output=10), micro)
    ledger.close()
    return ledger


def test_before_anything_was_spent_it_says_so(kcode_home: Path) -> None:
    assert spend().output == "Nothing was spent yet.\n"
    assert spend("--since", "today").output == "Nothing was spent in that time.\n"


@pytest.mark.usefixtures("ledger")
def test_what_was_spent_is_grouped_as_asked() -> None:
    lines = spend("--by", "mode").output.splitlines()
    assert [line.split()[0] for line in lines] == ["mode", "code", "ask", "total"]
    assert "$0.0196" in lines[1]
    assert "$0.0200" in lines[3]


@pytest.mark.usefixtures("ledger")
def test_it_can_be_narrowed_to_a_session_and_a_time() -> None:
    assert "$0.0150" in spend("--session", "a").output
    assert "$0.0200" in spend("--since", "1h", "--until", "today").output
    assert spend("--until", "yesterday").output == "Nothing was spent in that time.\n"
    with pytest.raises(BadInput, match="is no time"):
        spend("--since", "soon")


@pytest.mark.usefixtures("ledger")
def test_programs_read_json_and_spreadsheets_csv() -> None:
    assert json.loads(spend("--json").output)["total"]["micro_dollars"] == 20_000
    assert spend("--csv", "--by", "session").output.splitlines()[1].startswith("aa,2,0,2000,")


@pytest.mark.usefixtures("ledger")
def test_a_name_cannot_play_with_the_terminal() -> None:
    output = spend().output
    assert "\x1b" not in output
    assert "x/evil⟨U+001B⟩[2J" in output


def test_a_ledger_that_was_damaged_is_told_on_the_side(kcode_home: Path) -> None:
    (kcode_home / "data").mkdir(parents=True)
    (kcode_home / "data" / "ledger.sqlite3").write_text("rubbish" * 500)
    done = spend()
    assert done.stdout == "Nothing was spent yet.\n"
    assert done.stderr.startswith("! The ledger was damaged")


@pytest.mark.parametrize("line", ["spend", "models sonnet", "auth list"])
def test_money_models_and_keys_load_neither_litellm_nor_a_screen(line: str, kcode_home: Path) -> None:
    script = f"""
import sys
sys.argv[1:] = {line.split()}
from kcode.cli.main import main
code = main()
print(code, *({{"litellm", "textual", "rich", "openai", "asyncio"}} & set(sys.modules)), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert done.stderr.splitlines()[-1] == "0"


@pytest.mark.usefixtures("ledger")
def test_what_another_model_had_cost_is_told_and_an_unknown_price_is_refused(kcode_home: Path) -> None:
    told = spend("--what-if", "anthropic/claude-sonnet-5-5").output
    assert told.startswith("With anthropic/claude-sonnet-5-5 (litellm ")
    assert "Exact for 0 of 3 requests" in told
    assert (
        json.loads(spend("--what-if", "anthropic/claude-sonnet-5-5", "--json").output)["total"]["requests"]
        == 3
    )
    with pytest.raises(BadInput, match=r'\[prices."openai/gpt-99"\] in the settings'):
        spend("--what-if", "openai/gpt-99")


@pytest.mark.usefixtures("ledger")
def test_what_comes_is_told_only_with_a_basis() -> None:
    assert spend("--forecast").output.startswith("A prompt here: no basis yet (0 done here; 5 are wanted).")
    assert spend("--here").output == "Nothing was spent in that time.\n"

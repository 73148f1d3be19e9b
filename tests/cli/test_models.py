import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kcode.cli.models import command
from kcode.errors import BadInput


def models(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments, catch_exceptions=False)


def settings(home: Path, text: str) -> None:
    (home / "config").mkdir(parents=True)
    (home / "config" / "settings.toml").write_text(text)


@pytest.fixture
def server() -> Iterator[str]:
    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"data": [{"id": "qwen3-coder", "max_model_len": 32768}]}')

        def log_message(self, format: str, *args: object) -> None:
            pass

    served = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=served.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{served.server_port}/v1"
    served.shutdown()
    thread.join()
    served.server_close()


def test_a_model_is_shown_with_its_window_and_prices() -> None:
    lines = models("claude", "sonnet-5").output.splitlines()
    assert lines[0].split()[:5] == ["model", "window", "input", "output", "cached"]
    row = next(line.split() for line in lines if line.startswith("anthropic/claude-sonnet-5 "))
    assert row[1:] == ["1M", "2", "10", "0.2", "yes", "yes", "explicit", "litellm"]
    assert lines[-2].startswith("Prices in dollars per million tokens; litellm 1.")


def test_a_long_list_is_cut_and_says_so() -> None:
    lines = models("--limit", "3").output.splitlines()
    assert len(lines) == 1 + 3 + 1 + 2
    assert lines[4].startswith("… and ")


def test_programs_get_all_facts_and_no_headers(kcode_home: Path) -> None:
    settings(kcode_home, '[providers.anthropic.headers]\nX-Secret = "hush"\n')
    output = models("claude-sonnet-5", "--json", "--limit", "1").output
    (facts,) = json.loads(output)
    assert (facts["id"], facts["price"]["cached"]) == ("anthropic/claude-sonnet-5", "0.2")
    assert "hush" not in output


def test_a_mistyped_name_is_answered_with_near_ones() -> None:
    assert models("claude-sonet-5").output.startswith("No model was found. Near: anthropic/claude-sonnet-5")
    assert models("qqqqqq").output == "No model was found.\n"


def test_an_unknown_provider_is_refused() -> None:
    with pytest.raises(BadInput, match=r"no provider 'foo'\. Known are anthropic, deepseek"):
        models("--provider", "foo")


@pytest.mark.parametrize("asked", [["--local"], ["mylab"], ["--provider", "mylab"], ["mylab/qwen"]])
def test_a_server_on_this_machine_is_asked_when_it_is_meant(
    kcode_home: Path, server: str, asked: list[str]
) -> None:
    settings(kcode_home, f'[providers.mylab]\nwire = "openai"\nbase_url = "{server}"\n')
    lines = models(*asked).output.splitlines()
    row = next(line.split() for line in lines if line.startswith("mylab/qwen3-coder "))
    assert row[1:5] == ["32.8k", "0", "0", "0"]
    assert row[-1] == "local"


def test_the_price_of_the_settings_is_named_as_such(kcode_home: Path) -> None:
    settings(kcode_home, '[prices."openrouter/qwen/qwen3-coder"]\ninput = 0.3\noutput = 1.2\n')
    row = models("qwen3-coder").output.splitlines()[1].split()
    assert (row[0], row[2:5], row[-1]) == ("openrouter/qwen/qwen3-coder", ["0.3", "1.2", "0.3"], "settings")


def test_a_server_that_is_not_there_is_told_on_the_side(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_API_BASE", "http://127.0.0.1:9")
    done = models("--provider", "ollama")
    assert done.stdout == "No model was found.\n"
    assert done.stderr == "! Ollama at http://127.0.0.1:9: connection refused\n"

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kcode.cli.models import command
from kcode.errors import BadInput, KcodeError

LOCAL = {"id": "qwen3-coder", "max_model_len": 32768}
ROUTED = [
    {
        "id": "acme/best",
        "context_length": 200_000,
        "pricing": {
            "prompt": "0.000002",
            "completion": "0.00001",
            "request": "0",
            "input_cache_read": "0.0000002",
        },
        "top_provider": {"max_completion_tokens": 32_000},
        "supported_parameters": ["tools", "reasoning"],
        "architecture": {"input_modalities": ["text", "image"]},
    },
    {"id": "acme/gift:free", "pricing": {"prompt": "0", "completion": "0"}},
    {"id": "acme/fee", "pricing": {"prompt": "0.000001", "completion": "0.000001", "request": "0.005"}},
    {"id": "router/auto", "pricing": {"prompt": "-1", "completion": "-1"}},
]


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
            self.wfile.write(json.dumps({"data": [LOCAL, *ROUTED]}).encode())

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


def test_a_routers_prices_are_fetched_when_the_user_says_so(kcode_home: Path, server: str) -> None:
    settings(kcode_home, f'[providers.openrouter]\nbase_url = "{server}"\n')
    assert "No model was found" in models("acme").output
    told = models("--refresh", "openrouter/acme").output
    assert f"2 prices of openrouter were fetched from {server}/models." in told
    lines = models("openrouter/acme").output.splitlines()
    best = next(line.split() for line in lines if line.startswith("openrouter/acme/best "))
    assert best[1:] == ["200k", "2", "10", "0.2", "yes", "yes", "automatic", "127.0.0.1"]
    assert any(line.startswith("127.0.0.1, 20") for line in lines), "where from, and when"
    free = next(line.split() for line in lines if line.startswith("openrouter/acme/gift:free "))
    assert free[2:4] == ["0", "0"]
    assert not any("fee" in line or "auto " in line for line in lines), "tokens are not all that they cost"


def test_a_list_that_cannot_be_fetched_is_told_and_the_old_one_kept(kcode_home: Path, server: str) -> None:
    settings(kcode_home, f'[providers.openrouter]\nbase_url = "{server}"\n')
    models("--refresh")
    (kcode_home / "config" / "settings.toml").write_text(
        '[providers.openrouter]\nbase_url = "http://127.0.0.1:9"\n'
    )
    with pytest.raises(KcodeError, match=r"could not be fetched from http://127.0.0.1:9/models"):
        models("--refresh")
    assert "openrouter/acme/best" in models("openrouter/acme").output

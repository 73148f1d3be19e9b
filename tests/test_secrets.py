"""A key that kcode knows is in nothing that it keeps, shows or sends, however it got there."""

from pathlib import Path

import pytest

from kcode.keys import redacted, without_keys
from kcode.scripted import ScriptedProvider
from tests.playing import MODEL, call, say, scenario, settings_for
from tests.running import Forker, environment

KEY = "sk-ant-Q7x9Z2w8-known-0123456789"
MINE = "Zk39fjQ0w8e7r6t5"
SHAPED = "sk-proj-a1b2c3d4e5f6g7h8i9j0"


@pytest.mark.parametrize("format", ["json", "text"])
def test_keys_are_in_no_file_no_output_and_no_request(
    forker: Forker, repository: Path, tmp_path: Path, format: str
) -> None:
    (repository / "notes.txt").write_text(f"{KEY}\n")
    script = scenario(
        call("read", path="notes.txt"),
        call("shell", command=f"cat notes.txt; echo {SHAPED}; env; exit 3"),
        call("read", path=f"no-such-{KEY}"),
        say(f"It is {KEY}."),
    )
    with ScriptedProvider(script) as provider:
        sets = [
            *settings_for(provider),
            'providers.mine={wire="openai", base_url="http://127.0.0.1:9", key="env:MY_THING"}',
        ]
        flags = ["-m", MODEL, "--yolo", *(part for one in sets for part in ("--set", one))]
        flags += ["--json"] if format == "json" else ["--verbose"]
        env = environment(tmp_path / "home") | {"ANTHROPIC_API_KEY": KEY, "MY_THING": MINE}
        done = forker.run("run", "Look.", *flags, cwd=repository, env=env)
        sent = b"".join(request.raw for request in provider.requests[:2]).decode()
    assert done.code == 0, done.last_words
    files = [file for file in (tmp_path / "home").rglob("*") if file.is_file()]
    kept = b"".join(file.read_bytes() for file in files if "checkpoints" not in file.parts).decode(
        errors="replace"
    )
    assert "notes.txt" in kept
    assert KEY not in kept and SHAPED not in kept
    assert MINE not in kept and "MY_THING" not in kept, "it is in no child's environment"
    assert KEY not in sent
    if format == "json":
        assert KEY not in done.out and SHAPED not in done.out
    assert KEY not in done.err


def test_known_keys_go_whatever_their_shape_and_all_else_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_TOKEN", MINE)
    monkeypatch.setenv("SORT_KEY", "created")
    monkeypatch.setenv("PRIVATE_KEY", "/home/ada/key1.pem")
    text = f"a {MINE} b created /home/ada/key1.pem {SHAPED}"
    assert without_keys(text) == f"a [redacted] b created /home/ada/key1.pem {SHAPED}"
    assert redacted({"x": [text, 1, None], "data": MINE}) == {
        "x": ["a [redacted] b created /home/ada/key1.pem [redacted]", 1, None],
        "data": MINE,
    }


@pytest.mark.parametrize(
    "text", ["sk-fading-circle-container", "disk-usage-of-the-machine", "task-1234567890123456"]
)
def test_what_only_looks_a_little_like_a_key_stays(text: str) -> None:
    assert redacted(text) == text

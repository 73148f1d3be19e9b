"""No key, no proxy, no network but loopback, no folder of the user: for every test."""

import ipaddress
import os
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

from tests.tracing import trace as trace

if TYPE_CHECKING:
    from tests.running import Forker

OUTER = dict(os.environ)
SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL")
OURS_OR_A_PROVIDERS = re.compile(
    r"(KCODE|LITELLM|OPENAI|ANTHROPIC|OPENROUTER|GEMINI|GOOGLE|AZURE|AWS|MOONSHOT|DEEPSEEK|OLLAMA|VERTEX\w*)(_|$)"
)
GIT_WITHOUT_THE_USER = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
}


def pytest_configure(config: pytest.Config) -> None:
    for name in list(os.environ):
        if is_unwanted(name):
            del os.environ[name]
    os.environ.update(GIT_WITHOUT_THE_USER, PYTHON_KEYRING_BACKEND="keyring.backends.fail.Keyring")
    sys.addaudithook(refuse_the_network)
    # A shell's background jobs ignore Ctrl-C, and so would every program that a test starts and then interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    hypothesis.settings.register_profile("here", deadline=None)
    hypothesis.settings.register_profile("ci", deadline=None, derandomize=True)
    hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "here")


def is_unwanted(name: str) -> bool:
    upper = name.upper()
    return bool(
        SECRET.search(upper)
        or OURS_OR_A_PROVIDERS.match(upper)
        or upper.endswith("_PROXY")
        or (upper.startswith("GIT_") and upper not in GIT_WITHOUT_THE_USER)
    )


def refuse_the_network(event: str, arguments: tuple[object, ...]) -> None:
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = arguments[0]
    else:
        return
    if not is_loopback(host):
        raise RuntimeError(f"A test wanted to reach {host!r}: only loopback is allowed.")


def is_loopback(host: object) -> bool:
    name = host.decode() if isinstance(host, bytes) else host
    if name in (None, "", "localhost", "ip6-localhost"):
        return True
    try:
        return ipaddress.ip_address(str(name)).is_loopback
    except ValueError:
        return False


@pytest.fixture(autouse=True)
def kcode_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where kcode keeps its own files during this test; it does not exist yet."""
    home = tmp_path_factory.mktemp("kcode") / "home"
    monkeypatch.setenv("KCODE_HOME", str(home))
    return home


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A git repository with one commit: the sample of the demo, a small shop of whose three tests one fails."""
    from kcode.cli.demo import make_repository

    make_repository(tmp_path / "shop")
    return tmp_path / "shop"


@pytest.fixture(scope="session")
def outer_environment() -> dict[str, str]:
    """As it was before the tests: for what must reach a package index, maybe through a proxy."""
    return dict(OUTER)


@pytest.fixture(scope="session")
def forker(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Forker"]:
    """Starts real kcodes quickly: as forks of a process that has loaded everything, once for all tests."""
    from tests.running import forking

    with forking(tmp_path_factory.mktemp("output")) as forker:
        yield forker

"""No key, no proxy, no network but loopback, no folder of the user: for every test."""

import ipaddress
import os
import re
import subprocess
import sys
from pathlib import Path

import hypothesis
import pytest

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

SAMPLE = {
    "README.md": "# shop\n\nPrices and a cart. Run the tests with `python -m pytest`.\n",
    ".gitignore": "__pycache__/\n.pytest_cache/\n",
    "shop/__init__.py": '"""A small shop."""\n',
    "shop/cart.py": '''\
"""What is in the cart, and what it costs."""

from shop.prices import price_of


def total(cart: dict[str, int], discount: int = 0) -> int:
    """Cents to pay for the cart (name -> how many), less `discount` percent."""
    full = sum(price_of(name) * count for name, count in cart.items())
    return full - full * discount
''',
    "shop/prices.py": '''\
"""What a thing costs."""

PRICES = {"apple": 30, "bread": 250, "tea": 420}


def price_of(name: str) -> int:
    """Cents."""
    return PRICES[name]
''',
    "tests/test_cart.py": """\
from shop.cart import total


def test_two_apples_and_a_bread():
    assert total({"apple": 2, "bread": 1}) == 310


def test_ten_percent_off():
    assert total({"tea": 1}, discount=10) == 378
""",
}


def pytest_configure(config: pytest.Config) -> None:
    for name in list(os.environ):
        if is_unwanted(name):
            del os.environ[name]
    os.environ.update(GIT_WITHOUT_THE_USER, PYTHON_KEYRING_BACKEND="keyring.backends.fail.Keyring")
    sys.addaudithook(refuse_the_network)
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
    """A git repository with one commit: a small Python package, of whose two tests one fails."""
    root = tmp_path / "shop"
    for name, text in SAMPLE.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "A small shop"]):
        subprocess.run(["git", *command], cwd=root, check=True, stdin=subprocess.DEVNULL)
    return root

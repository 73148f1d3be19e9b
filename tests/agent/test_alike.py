import pytest

from kcode.agent.alike import folder_of, pattern_of
from kcode.agent.words import UNKNOWN, Word


def words(command: str) -> tuple[Word, ...]:
    return tuple(Word(text) for text in command.split())


@pytest.mark.parametrize(
    ("command", "pattern"),
    [
        ("git diff --stat HEAD", "git diff *"),
        ("pytest -q tests", "pytest *"),
        ("npm run build -- --watch", "npm run build *"),
        ("./gradlew test", "./gradlew *"),
        ("make", "make *"),
    ],
)
def test_the_words_that_say_what_is_done_make_the_pattern(command: str, pattern: str) -> None:
    assert pattern_of(words(command)) == pattern


@pytest.mark.parametrize(
    "command",
    [
        "rm -rf build",
        "python setup.py",
        "git push origin",
        "git",
        "uv run",
        "npm run -w",
        "curl x",
        "git *",
        "",
    ],
)
def test_what_would_allow_too_much_makes_none(command: str) -> None:
    assert pattern_of(words(command)) == ""


def test_what_is_not_known_makes_none() -> None:
    assert pattern_of((Word("ls"), UNKNOWN)) == ""


@pytest.mark.parametrize(
    ("path", "folder"),
    [("src/app/cart.py", "src/app/**"), ("cart.py", ""), ("/etc/hosts", ""), ("../x/y", ""), ("a*/b", "")],
)
def test_the_folder_of_a_file_is_a_pattern(path: str, folder: str) -> None:
    assert folder_of(path) == folder

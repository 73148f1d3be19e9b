import pytest

from kcode.errors import BadInput
from kcode.tui.commands.commands import COMMANDS, named, offered, parted


def test_no_name_or_synonym_is_taken_twice() -> None:
    words = [word for command in COMMANDS for word in (command.name, *command.synonyms)]
    assert len(words) == len(set(words))


@pytest.mark.parametrize(
    ("word", "name"),
    [("summarize", "compact"), ("clear", "new"), ("sessions", "resume"), ("usage", "cost"), ("exit", "quit")],
)
def test_the_words_of_others_are_understood(word: str, name: str) -> None:
    assert named(word).name == name


@pytest.mark.parametrize(("slip", "meant"), [("modle", "model"), ("hlep", "help"), ("contxt", "context")])
def test_a_slip_names_what_was_meant(slip: str, meant: str) -> None:
    with pytest.raises(BadInput, match=f"Did you mean /{meant}"):
        named(slip)


def test_the_exact_name_is_offered_first() -> None:
    for command in COMMANDS:
        assert offered(command.name)[0] is command


def test_names_come_before_synonyms_and_nothing_shows_all() -> None:
    assert offered("stat")[0].name == "status"
    assert offered("") == list(COMMANDS)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("/model a/b c", ("model", "a/b c")),
        ("/HELP", ("help", "")),
        ("/usr/bin is what?", None),
        ("fix it", None),
        ("/ ", None),
    ],
)
def test_a_command_is_told_from_a_message(text: str, parts: tuple[str, str] | None) -> None:
    assert parted(text) == parts

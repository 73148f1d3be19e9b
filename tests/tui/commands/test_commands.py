from pathlib import Path

import pytest

from kcode.errors import BadInput
from kcode.tui.commands.commands import COMMANDS, markdown, named, parted
from kcode.tui.desk import Command, offered


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
        assert offered(command.name, COMMANDS)[0] is command


def test_names_come_before_synonyms_and_nothing_shows_all() -> None:
    assert offered("stat", COMMANDS)[0].name == "status"
    assert offered("", COMMANDS) == list(COMMANDS)


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


def test_an_own_command_does_not_take_the_place_of_kcodes() -> None:
    own = Command("help", "mine", lambda desk, text: None)
    assert named("help", [own]) is not own
    other = Command("greet", "mine", lambda desk, text: None)
    assert named("greet", [other]) is other and offered("gre", [*COMMANDS, other])[0] is other


def test_the_page_on_commands_is_true() -> None:
    assert (Path(__file__).parents[3] / "docs" / "commands.md").read_text() == markdown(COMMANDS)

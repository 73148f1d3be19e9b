from pathlib import Path

import pytest

from kcode.tui.keymap import KEYS, Keymap, bindings, markdown, spelled

ROOT = Path(__file__).parents[2]


def test_no_key_does_two_things() -> None:
    keys = [key for one in KEYS for key in one.keys]
    assert len(keys) == len(set(keys))


def test_without_a_word_the_keys_are_those_of_the_list() -> None:
    keymap = Keymap()
    assert keymap.keys("model") == ("alt+p",)
    assert (keymap.shown("model"), keymap.shown("help")) == ("Alt+P", "?")
    assert keymap.named("ctrl+g") == "editor"


def test_the_settings_give_another_key_or_several_or_none() -> None:
    keymap = Keymap({"model": "Ctrl+X, f2", "editor": ""})
    assert keymap.keys("model") == ("ctrl+x", "f2")
    assert keymap.shown("model") == "Ctrl+X  F2"
    assert (keymap.named("alt+p"), keymap.named("ctrl+g"), keymap.troubles) == ("", "", [])


def test_two_keys_may_be_swapped() -> None:
    keymap = Keymap({"search": "ctrl+g", "editor": "ctrl+f"})
    assert (keymap.named("ctrl+g"), keymap.named("ctrl+f"), keymap.troubles) == ("search", "editor", [])


@pytest.mark.parametrize(
    ("said", "trouble"),
    [
        ({"modle": "f2"}, "there is no such key"),
        ({"model": "ctrl+g"}, "Ctrl+G is taken by editor"),
        ({"model": "x"}, "typed as text"),
        ({"model": "ctrl+nothing"}, "is no key"),
        ({"model": "f2", "search": "f2"}, "F2 is given to model, too"),
    ],
)
def test_what_cannot_be_is_told_and_changes_nothing(said: dict[str, str], trouble: str) -> None:
    keymap = Keymap(said)
    assert len(keymap.troubles) == 1 and trouble in keymap.troubles[0]
    changed = [key.name for key in KEYS if keymap.keys(key.name) != key.keys]
    assert changed == (["model"] if "search" in said else [])


def test_every_action_has_a_binding_with_its_name() -> None:
    bound = {binding.id: binding.action for of_app in (True, False) for binding in bindings(of_app)}
    assert bound == {key.name: key.action for key in KEYS if key.action}


def test_keys_are_spelled_for_people() -> None:
    assert [spelled(key) for key in ("ctrl+p", "alt+up", "escape", "f3")] == ["Ctrl+P", "Alt+Up", "Esc", "F3"]


def test_the_page_on_keys_is_true() -> None:
    assert (ROOT / "docs" / "keys.md").read_text() == markdown(Keymap().rows())

"""The keys of the screen: one list for what is bound, `/keys`, the help, the settings' `[keys]` and docs/keys.md."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from textual.binding import Binding
from textual.keys import Keys

MODIFIERS = ("ctrl", "alt", "shift", "super", "hyper", "meta")
NAMED = {key.value for key in Keys} | {f"f{number}" for number in range(1, 25)}
SAID = {"pageup": "PageUp", "pagedown": "PageDown", "escape": "Esc", "question_mark": "?", "underscore": "_"}


@dataclass(frozen=True, slots=True)
class Key:
    """What can be pressed, and does something by itself."""

    name: str
    """In the settings: `keys.NAME = "ctrl+x"`."""
    keys: tuple[str, ...]
    """As Textual names them."""
    help: str
    action: str = ""
    """Textual's, of the talk or the app; "" where the prompt sees to it."""
    is_first: bool = False
    """Before whatever has the focus."""
    of_app: bool = False


KEYS = (
    Key("send", ("enter",), "send; while the model works: queue, it is heard before the next step"),
    Key("newline", ("alt+enter", "shift+enter", "ctrl+j", "ctrl+enter"), "a new line (\\ at its end, too)"),
    Key(
        "stop",
        ("escape",),
        "close what is open, else stop the work; twice at rest: back to a message",
        "stop",
    ),
    Key(
        "interrupt",
        ("ctrl+c",),
        "clear the draft, else stop the work; twice: quit",
        "interrupt",
        is_first=True,
        of_app=True,
    ),
    Key("leave", ("ctrl+d",), "quit, in an empty prompt"),
    Key("next_mode", ("shift+tab",), "next mode", "next_mode", is_first=True),
    Key("model", ("alt+p",), "model", "command('model')"),
    Key("tasks", ("ctrl+t",), "the tasks that were delegated", "tasks", is_first=True),
    Key("palette", ("ctrl+p",), "all commands", "palette"),
    Key("enhance", ("ctrl+e",), "make the draft a clear task", "command('enhance')", is_first=True),
    Key("recall", ("ctrl+r",), "search in what you said before", "recall"),
    Key("editor", ("ctrl+g",), "write in $EDITOR", "command('editor')"),
    Key("copy", ("ctrl+y",), "copy the last answer as Markdown", "command('copy')", is_first=True),
    Key("unfold", ("ctrl+o",), "unfold or fold thinking and long output", "unfold", is_first=True),
    Key(
        "point_up",
        ("alt+up",),
        "point at the block above: other keys are then about it",
        "point(-1)",
        is_first=True,
    ),
    Key("point_down", ("alt+down",), "point at the block below", "point(1)", is_first=True),
    Key("open", ("alt+o",), "the block, or the last call, on the whole screen", "open_block", is_first=True),
    Key("search", ("ctrl+f",), "search in the talk", "search", is_first=True),
    Key("search_on", ("f3",), "the next place", "search_on", is_first=True),
    Key("page_up", ("pageup",), "scroll the talk up"),
    Key("page_down", ("pagedown",), "scroll the talk down"),
    Key("home", ("ctrl+home",), "the beginning of the talk", "home"),
    Key("end", ("ctrl+end",), "its end", "end"),
    Key("suspend", ("ctrl+z",), "to the shell; fg comes back", "suspend_process", is_first=True, of_app=True),
    Key("help", ("question_mark",), "these keys, in an empty prompt", "command('keys')"),
    Key("help_too", ("f1",), "these keys", "command('keys')"),
)
FIXED = (
    ("Up, Down", "what you said before; in an empty prompt, Up takes a queued message back"),
    ("Alt+Z, Ctrl+_", "take back an edit of the draft, also one that a small model made"),
    ("@", "a file or a folder; an image goes along"),
    ("/", "a command"),
    ("!", "run a shell command yourself; the model hears of it with your next message"),
    ("#", "remember this, for all sessions in this folder"),
    ("Tab", "between the prompt and a question that is open"),
)
"""What cannot be changed."""


@dataclass(slots=True)
class Keymap:
    """Which keys do what, by the settings' word. What is wrong there is in `troubles`, and changes nothing."""

    said: Mapping[str, str] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)
    _keys: dict[str, tuple[str, ...]] = field(default_factory=lambda: {key.name: key.keys for key in KEYS})

    def __post_init__(self) -> None:
        for name, text in self.said.items():
            if name not in self._keys:
                self.troubles.append(
                    f"keys.{name}: there is no such key. There are: {', '.join(self._keys)}."
                )
            else:
                self._take(name, text)

    def keys(self, name: str) -> tuple[str, ...]:
        return self._keys[name]

    def shown(self, name: str) -> str:
        """For people: `Alt+P`; "" for what has no key."""
        return "  ".join(map(spelled, self._keys.get(name, ())))

    def named(self, key: str) -> str:
        """What a key does; "" for nothing."""
        return next((name for name, keys in self._keys.items() if key in keys), "")

    def is_changed(self, name: str) -> bool:
        return self._keys[name] != next(key.keys for key in KEYS if key.name == name)

    def by_name(self) -> dict[str, str]:
        """For Textual."""
        return {name: ",".join(keys) for name, keys in self._keys.items()}

    def rows(self) -> list[tuple[str, str, str]]:
        """Keys, what they do, and the name in the settings, "" for what cannot be changed."""
        return [(self.shown(key.name), key.help, key.name) for key in KEYS] + [(*row, "") for row in FIXED]

    def _take(self, name: str, text: str) -> None:
        wanted = tuple(filter(None, (_normal(part) for part in text.split(","))))
        for key in wanted:
            owner = self.named(key)
            if trouble := _trouble(key):
                self.troubles.append(f"keys.{name}: {trouble}")
                return
            if owner not in ("", name) and owner not in self.said:
                self.troubles.append(
                    f"keys.{name}: {spelled(key)} is taken by {owner}. Give that another one, too."
                )
                return
            if owner not in ("", name) and key in map(_normal, self.said[owner].split(",")):
                self.troubles.append(f"keys.{name}: {spelled(key)} is given to {owner}, too: that has it.")
                return
        self._keys[name] = wanted


def bindings(of_app: bool) -> list[Binding]:
    return [
        Binding(",".join(key.keys), key.action, id=key.name, priority=key.is_first, show=False)
        for key in KEYS
        if key.action and key.of_app == of_app
    ]


def spelled(key: str) -> str:
    """`Ctrl+P`, `Alt+Up`, `?`."""
    return "+".join(
        SAID.get(part, part.upper() if len(part) == 1 else part.capitalize()) for part in key.split("+")
    )


def markdown(rows: Iterable[Sequence[str]]) -> str:
    """The page docs/keys.md."""
    lines = [f"| {keys} | {help} | {f'`{name}`' if name else ''} |" for keys, help, name in rows]
    return "\n".join([HEAD, "| key | does | name |", "|---|---|---|", *lines, ""])


HEAD = """# Keys

Written from the one list of the program (`kcode/tui/keymap.py`); a test keeps it true. Each key with a name can be
changed in the settings, one or several, and taken away by an empty text:

```toml
[keys]
model = "f2"
newline = "alt+enter, ctrl+n"
search = ""
```

Two actions with the same key are told when kcode starts, and the later one keeps its own. `/keys` shows what holds.
"""


def _normal(text: str) -> str:
    *modifiers, last = text.strip().lower().replace("page up", "pageup").split("+")
    names = {"?": "question_mark", "esc": "escape", "_": "underscore", "return": "enter", "del": "delete"}
    return "+".join([*modifiers, names.get(last, last)])


def _trouble(key: str) -> str:
    *modifiers, last = key.split("+")
    if not all(modifier in MODIFIERS for modifier in modifiers) or not (len(last) == 1 or last in NAMED):
        return f"{key!r} is no key. They look like ctrl+x, alt+up or f2."
    if len(last) == 1 and not set(modifiers) - {"shift"}:
        return f"{key!r} is typed as text. Take it together with ctrl or alt."
    return ""

"""The commands of the screen: one list for the popup, the palette, the help and the documentation."""

import difflib

from kcode.errors import BadInput
from kcode.tui.commands import acts, choosing
from kcode.tui.desk import Command
from kcode.tui.lists.fuzzy import ranked
from kcode.tui.pages import bill, pages

COMMANDS = (
    Command(
        "mode",
        "who works: code, architect, debug, ask, …",
        choosing.choose_mode,
        ("agent",),
        "next_mode",
        takes="[NAME]",
    ),
    Command(
        "model",
        "which model this mode talks to, and what a switch costs",
        choosing.choose_model,
        key="model",
        takes="[NAME]",
    ),
    Command("models", "the models of all modes", choosing.choose_models),
    Command(
        "cost", "what was spent, by mode, model and purpose", bill.show_cost, ("usage", "spend", "stats")
    ),
    Command("budget", "what the session may cost", acts.set_budget, ("limit",), takes="[2.50 | off]"),
    Command("context", "what the next request sends, part by part", bill.show_context, ("tokens",)),
    Command("compact", "replace the talk by a summary", acts.condense, ("summarize", "condense")),
    Command("diff", "what changed since the last commit", pages.show_diff, ("changes",)),
    Command("new", "a new session; this one is kept", acts.new_session, ("clear", "reset")),
    Command(
        "resume",
        "go on with another session",
        choosing.choose_session,
        ("sessions", "continue", "history"),
        takes="[ID]",
    ),
    Command("fork", "go on in a copy of this session", acts.fork_session, ("branch",)),
    Command("rename", "call this session something", acts.rename_session, ("title",), needs="NAME"),
    Command("export", "write the talk into a file", acts.export_talk, ("save",), takes="[FILE]"),
    Command("copy", "copy the last answer as Markdown", acts.copy_answer, ("yank",), "copy"),
    Command("editor", "write the message in $EDITOR", acts.edit_prompt, ("edit",), "editor"),
    Command("search", "look for something in the talk", acts.search, ("find",), "search"),
    Command("pager", "the talk in $PAGER", acts.show_in_pager, ("less",)),
    Command(
        "permissions",
        "what happens without asking",
        choosing.choose_permissions,
        ("approvals", "allowed-tools"),
        takes="[ask | edits | auto | plan]",
    ),
    Command("trust", "let this folder's own settings and modes take effect", acts.trust_folder),
    Command("theme", "colours", choosing.choose_theme, ("themes",), takes="[NAME]"),
    Command("status", "session, model, folder, permissions", pages.show_status, ("info", "about")),
    Command("doctor", "is all well on this machine", pages.show_program("doctor")),
    Command("keys", "what can be pressed", pages.show_keys, ("shortcuts", "keybindings"), "help"),
    Command("help", "these commands", pages.show_help, ("commands",)),
    Command("quit", "end kcode; the session is kept", acts.leave, ("exit", "q"), "leave"),
)


def named(word: str) -> Command:
    """By name or synonym. BadInput, with the nearest one, for a word that is neither."""
    for command in COMMANDS:
        if word == command.name or word in command.synonyms:
            return command
    words = {name: command.name for command in COMMANDS for name in (command.name, *command.synonyms)}
    near = [name for name in words if sorted(name) == sorted(word)]  # two letters swapped
    near += difflib.get_close_matches(word, words, 1, 0.6)
    meant = f" Did you mean /{words[near[0]]}?" if near else " /help shows them all."
    raise BadInput(f"There is no command /{word}.{meant}")


def offered(word: str) -> list[Command]:
    """Those that fit what was typed so far, the best first; all for nothing."""
    if not word:
        return list(COMMANDS)
    names = {name: command for command in COMMANDS for name in (command.name, *command.synonyms)}
    beginning = [name for name in names if name.startswith(word.lower())]
    beginning.sort(key=lambda name: name in names[name].synonyms)
    others = [name for name in ranked(word, names) if name not in beginning]
    return list(dict.fromkeys(names[name] for name in (*beginning, *others)))


def parted(text: str) -> tuple[str, str] | None:
    """`/model x y` as ("model", "x y"); None for what is no command, such as a path."""
    if not text.startswith("/"):
        return None
    word, _, rest = text[1:].partition(" ")
    if not word.replace("-", "").isalnum():
        return None
    return word.lower(), rest.strip()

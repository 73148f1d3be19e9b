"""The commands of the screen: one list for the popup, the palette, the help and the documentation."""

import difflib
from collections.abc import Iterable, Sequence

from kcode.errors import BadInput
from kcode.tui.commands import acts, budgets, choosing, going_back, saying, setting
from kcode.tui.desk import Command
from kcode.tui.pages import bill, pages
from kcode.tui.pages.program import show_program

COMMANDS = (
    Command(
        "mode",
        "who works: code, architect, debug, ask, …",
        choosing.choose_mode,
        ("agent", "agents", "persona"),
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
    Command("default", "keep this mode's model for all sessions", setting.keep_model, ("save-model",)),
    Command(
        "enhance", "make the draft a clear task", saying.enhance, ("improve",), "enhance", takes="[DRAFT]"
    ),
    Command(
        "cost",
        "what was spent, by mode, model and purpose",
        bill.show_cost,
        ("usage", "spend", "stats", "spending"),
    ),
    Command(
        "budget",
        "what may be spent: the session, a day, a month, …",
        budgets.set_budget,
        ("limit", "limits"),
        takes="[2.50 | off | day 5 | day off]",
    ),
    Command(
        "whatif",
        "what this session had cost with another model",
        bill.show_what_if,
        ("what-if",),
        needs="MODEL",
    ),
    Command("context", "what the next request sends, part by part", bill.show_context, ("tokens", "ctx")),
    Command(
        "compact",
        "replace the talk, or its old results, by less; take that back",
        acts.condense,
        ("summarize", "condense", "smol", "compress"),
        takes="[results | undo]",
    ),
    Command("undo", "take back what the last prompt did to files", going_back.undo),
    Command("redo", "take the undo back", going_back.redo, ("unrevert",)),
    Command(
        "rewind",
        "back to one of your messages: files, talk, or both",
        going_back.rewind,
        ("checkpoint", "checkpoints", "restore", "revert"),
    ),
    Command("diff", "what changed since the last commit", pages.show_diff, ("changes",)),
    Command("review", "have the changes reviewed", saying.review, ("code-review",), takes="[WORDS]"),
    Command(
        "memory", "what is kept of this project", show_program("memory", otherwise=("status",)), ("mem",)
    ),
    Command("remember", "keep this for all sessions here", saying.remember, ("note",), needs="TEXT"),
    Command(
        "rules",
        "what AGENTS.md and others tell the model, and what that costs",
        show_program("rules", otherwise=("list",)),
        ("instructions", "agents-md"),
        takes="[show NAME | on NAME | off NAME]",
    ),
    Command("skills", "how certain things are done here", pages.show_skills, ("skill",)),
    Command("init", "study the repository and write AGENTS.md", saying.init, takes="[WORDS]"),
    Command(
        "tasks",
        "what was delegated: look into one, stop one",
        acts.show_tasks,
        ("subtasks", "agents-at-work"),
        "tasks",
    ),
    Command("queue", "what waits to be heard", saying.show_queue, ("queued",)),
    Command("new", "a new session; this one is kept", acts.new_session, ("clear", "reset", "newtask")),
    Command(
        "resume",
        "go on with another session",
        choosing.choose_session,
        ("sessions", "continue", "history", "chat"),
        takes="[ID]",
    ),
    Command("fork", "go on in a copy of this session", acts.fork_session, ("branch",)),
    Command("rename", "call this session something", acts.rename_session, ("title", "name"), needs="NAME"),
    Command("export", "write the talk into a file", acts.export_talk, ("save", "share"), takes="[FILE]"),
    Command("copy", "copy the last answer as Markdown", acts.copy_answer, ("yank",), "copy"),
    Command("editor", "write the message in $EDITOR", acts.edit_prompt, ("edit",), "editor"),
    Command("search", "look for something in the talk", acts.search, ("find",), "search"),
    Command("pager", "the talk in $PAGER", acts.show_in_pager, ("less", "transcript")),
    Command(
        "permissions",
        "what happens without asking",
        choosing.choose_permissions,
        ("approvals", "allowed-tools", "auto-approve", "approve"),
        takes="[ask | edits | auto | plan]",
    ),
    Command("trust", "let this folder's own settings and modes take effect", acts.trust_folder),
    Command(
        "settings",
        "all settings, where each comes from; change them",
        setting.show_settings,
        ("config", "preferences", "options"),
        takes="[NAME]",
    ),
    Command("auth", "keys of providers", show_program("auth", otherwise=("list",)), ("login", "connect")),
    Command("theme", "colours", choosing.choose_theme, ("themes", "colors"), takes="[NAME]"),
    Command("status", "session, model, folder, permissions", pages.show_status, ("info", "about", "session")),
    Command("doctor", "is all well on this machine", show_program("doctor"), ("health", "debug")),
    Command("keys", "what can be pressed", pages.show_keys, ("shortcuts", "keybindings", "hotkeys"), "help"),
    Command("help", "these commands", pages.show_help, ("commands", "h")),
    Command("quit", "end kcode; the session is kept", acts.leave, ("exit", "q", "bye"), "leave"),
)


def named(word: str, own: Sequence[Command] = ()) -> Command:
    """By name or synonym, kcode's before the user's `own`. BadInput, with the nearest, for what is neither."""
    for command in (*COMMANDS, *own):
        if word == command.name or word in command.synonyms:
            return command
    words = {
        name: command.name for command in (*COMMANDS, *own) for name in (command.name, *command.synonyms)
    }
    near = [name for name in words if sorted(name) == sorted(word)]  # two letters swapped
    near += difflib.get_close_matches(word, words, 1, 0.6)
    meant = f" Did you mean /{words[near[0]]}?" if near else " /help shows them all."
    raise BadInput(f"There is no command /{word}.{meant}")


def parted(text: str) -> tuple[str, str] | None:
    """`/model x y` as ("model", "x y"); None for what is no command, such as a path."""
    if not text.startswith("/"):
        return None
    word, _, rest = text[1:].partition(" ")
    if not word.replace("-", "").isalnum():
        return None
    return word.lower(), rest.strip()


def markdown(commands: Iterable[Command]) -> str:
    """The page docs/commands.md."""
    lines = []
    for command in commands:
        said = " ".join(filter(None, [f"/{command.name}", command.needs or command.takes])).replace(
            "|", "\\|"
        )
        lines.append(f"| `{said}` | {command.help} | {' '.join(f'`/{name}`' for name in command.synonyms)} |")
    return "\n".join([HEAD, "| command | does | also |", "|---|---|---|", *lines, ""])


HEAD = """# Commands of the screen

Written from the one list of the program (`kcode/tui/commands/commands.py`); a test keeps it true. Type `/` for a list
that narrows as you write, Ctrl+P for all of them. Your own are Markdown files in `.kcode/commands/` (those of other
agents are found, too): the text becomes the prompt, `$ARGUMENTS` and `$1` to `$9` what you say behind the name.
"""

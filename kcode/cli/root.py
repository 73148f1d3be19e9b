"""The commands by name, each loaded when it is asked for; and which words are a prompt, which a slip."""

import difflib
import importlib
import sys
from typing import NamedTuple

import click

from kcode import __version__
from kcode.cli.options import RunOptions, TaskCommand
from kcode.tui import terminal


class Entry(NamedTuple):
    """A command before it is loaded: its module has a click object named `command`."""

    module: str
    help: str


SECTIONS: dict[str, dict[str, Entry]] = {
    "Work": {
        "run": Entry("kcode.cli.root", "One task, without a screen; reads piped text too."),
        "demo": Entry("kcode.cli.demo", "See it work: offline, with a scripted model."),
        "sessions": Entry("kcode.cli.sessions", "What was said and done: list, show, export, fork, …"),
        "undo": Entry("kcode.cli.undo", "Take back what the last prompt did to files."),
        "redo": Entry("kcode.cli.redo", "Take back the last undo."),
        "init": Entry("kcode.cli.init", "Study the repository and write AGENTS.md."),
        "memory": Entry("kcode.cli.memory", "What is kept of this project: init, status, update."),
    },
    "Money": {
        "spend": Entry("kcode.cli.spend", "What was spent, by model, mode, task, day."),
        "budget": Entry("kcode.cli.budget", "What may be spent: by request, session, day, month, …"),
        "models": Entry("kcode.cli.models", "Models with their windows and prices."),
    },
}
MORE = {
    "auth": Entry("kcode.cli.auth", "Keys of providers: login, logout, list."),
    "config": Entry("kcode.cli.config", "Settings: get, set, list, edit, path."),
    "modes": Entry("kcode.cli.modes", "Who a model can be: list, show, new, import."),
    "rules": Entry("kcode.cli.rules", "AGENTS.md and other rules: list, show, on, off."),
    "trust": Entry("kcode.cli.trust", "Folders whose own settings may take effect."),
    "permissions": Entry("kcode.cli.permissions", "What would be allowed, asked or denied: check."),
    "tools": Entry("kcode.cli.tools", "What a model may call: list, show, run."),
    "map": Entry("kcode.cli.map", "What matters most in this repository's code."),
    "checkpoints": Entry("kcode.cli.checkpoints", "What can be undone: list, show, restore, prune."),
    "worktrees": Entry("kcode.cli.worktrees", "Copies that tasks worked in: list, merge, remove."),
    "doctor": Entry("kcode.cli.doctor", "Is all well here, and what to do if not."),
    "import": Entry("kcode.cli.importing", "What other agents left here, and what becomes of it."),
    "completion": Entry("kcode.cli.completion", "Tab completion for bash, zsh, fish."),
}
"""Help fits a screen: it tells these by name."""
NAMES_IN_A_ROW = 5
COMMANDS = {name: entry for section in (*SECTIONS.values(), MORE) for name, entry in section.items()}
WIDEST = max(map(len, COMMANDS))
ALIASES = {"exec": "run", "stats": "spend", "usage": "spend"}
LIKELY_MEANT = {
    "login": "auth login",
    "logout": "auth logout",
    "resume": "-r",
    "continue": "-c",
    "settings": "config",
    "keys": "auth list",
    "cost": "spend",
    "version": "--version",
}
"""What these words alone mean elsewhere; one alone is never a prompt."""
NEAR = 0.75

START = """\
kcode works on the code in this folder:

  kcode run "fix the failing test"    one task
  kcode demo                          see it work first: offline, no key needed
  kcode auth login                    keep a provider's key
  kcode --help                        everything else
"""


class Root(click.Group):
    """Words that are no command are a prompt: `kcode "fix the bug"` is `kcode run "fix the bug"`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        name = ALIASES.get(name, name)
        if name == "run":
            return command
        loaded = importlib.import_module(COMMANDS[name].module).command if name in COMMANDS else None
        return loaded if isinstance(loaded, click.Command) else None

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        first = args[0] if args else ""
        if first == "help":
            return super().parse_args(ctx, [*args[1:2], "--help"])
        if not first or first == "--help" or first == "-h" or first in COMMANDS or first in ALIASES:
            return super().parse_args(ctx, args)
        if not first.startswith("-"):
            refuse_mistyped(first, is_alone=len(args) == 1)
        ctx.meta["kcode.is_bare"] = True
        return super().parse_args(ctx, ["run", *args])

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write(f"kcode {__version__}: an AI coding agent. Your own keys, every cent in view.\n\n")
        formatter.write('  kcode "fix the login bug"    work on it in this folder\n')
        formatter.write('  kcode -p "…" | run | exec    the same in a script (kcode run --help)\n')
        formatter.write("  kcode -c | -r ID             go on with the last session, or that one\n")
        for title, entries in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(WIDEST), entry.help) for name, entry in entries.items()])
        with formatter.section("And, each with its own --help"):
            names = [f"  {name:<{WIDEST}} " for name in MORE]
            for first in range(0, len(names), NAMES_IN_A_ROW):
                formatter.write("".join(names[first : first + NAMES_IN_A_ROW]).rstrip() + " \n")


def refuse_mistyped(word: str, is_alone: bool) -> None:
    """UsageError for one word that looks like a command: a slip of the finger must not cost money."""
    names = [*COMMANDS, *ALIASES]
    if word in names:
        raise click.UsageError(f"Put {word} first: kcode {word} … . As a prompt: kcode run {word} …")
    near = difflib.get_close_matches(word, names, n=1, cutoff=NEAR)
    near += [name for name in names if sorted(name) == sorted(word)]  # two letters swapped
    meant = LIKELY_MEANT.get(word) if is_alone else None
    if found := meant or (near[0] if near else None):
        raise click.UsageError(
            f"There is no command {word!r}. Did you mean `kcode {found}`? As a prompt: kcode run {word} …"
        )


def _run(options: RunOptions) -> int:
    """Work on one task without a screen. The prompt is the words, what is piped in, or both."""
    is_bare = click.get_current_context().meta.get("kcode.is_bare")
    if is_bare and options.prompt:
        refuse_mistyped(options.prompt[0], is_alone=len(options.prompt) == 1)
    if is_bare and not is_for_programs(options) and terminal.trouble() is None:
        return _on_screen(options)
    if options.parallel is not None:
        if options.prompt:
            raise click.UsageError("--parallel takes its tasks from the file: leave the prompt out.")
        from kcode.cli.parallel import parallel

        return parallel(options, options.parallel, options.jobs, options.merge)
    from kcode.cli.run import run  # the agent and all below it: only now

    return run(options)


command = TaskCommand(
    "run", _run, help=_run.__doc__, context_settings={"help_option_names": ["-h", "--help"]}
)


def is_for_programs(options: RunOptions) -> bool:
    """Whether what comes out is not for eyes: then there is no screen, though there be a terminal."""
    return bool(
        options.print_mode
        or options.parallel
        or options.output_format != "text"
        or options.output_file
        or options.json_schema
    )


def _on_screen(options: RunOptions) -> int:
    from kcode.cli.screen import screen  # Textual and all of the agent

    return screen(options, demo=_demo)


def _demo() -> int:
    from kcode.cli.demo import command

    return int(command.main([], standalone_mode=False) or 0)


@click.group(cls=Root, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.pass_context
def kcode(context: click.Context) -> None:
    if context.invoked_subcommand is not None:
        return
    trouble = terminal.trouble()
    if trouble is None:
        context.exit(_on_screen(RunOptions(print_mode=False)))
    if sys.stdout is not None and sys.stdout.isatty():
        click.echo(f"No screen: {trouble}.\n")
    click.echo(START, nl=False)

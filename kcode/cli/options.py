"""What can be said about a task on the command line: one list of options, resolved into one record."""

import functools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

if (
    TYPE_CHECKING
):  # pydantic would double the time of `kcode --help`; a test compares the words below with the types
    from kcode.events import Effort
    from kcode.settings import PermissionMode

EFFORTS = ("low", "medium", "high", "max")
PERMISSION_MODES = ("ask", "edits", "auto", "plan")
FORMATS = ("text", "json", "stream-json")


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the user asked for; None or empty: nothing was said, so settings or defaults decide."""

    prompt: tuple[str, ...] = ()
    """The words as they were typed."""
    print_mode: bool = True
    """Without a screen."""
    parallel: Path | None = None
    """A list of tasks, each for a session of its own."""
    jobs: int = 4
    """How many of them at a time."""
    merge: bool = False
    """Whether what they have done is merged back."""
    files: tuple[Path, ...] = ()
    images: tuple[Path, ...] = ()

    mode: str | None = None
    models: tuple[str, ...] = ()
    """`provider/name` for every mode, or `mode=provider/name`; the last word on a mode holds."""
    effort: "Effort | None" = None
    fallback_models: tuple[str, ...] = ()

    permission_mode: "PermissionMode | None" = None
    yolo: bool = False
    """Nothing is asked, and commands run in no sandbox unless the settings insist; `permission_mode` is then `auto`."""
    allowed_tools: tuple[str, ...] = ()
    """Permission rules, as in the settings."""
    disallowed_tools: tuple[str, ...] = ()

    max_budget_usd: Decimal | None = None
    purse: str = ""
    """Id of the session whose budget it goes on with; no option, a screen's wish."""
    max_turns: int | None = None
    max_tokens: int | None = None
    max_time: float | None = None
    """Seconds."""

    cd: Path | None = None
    add_dir: tuple[Path, ...] = ()
    worktree: str | None = None
    """Name of the worktree to work in; "": a new one."""
    continue_last: bool = False
    resume: str | None = None
    """Id of a session, or the beginning of one."""
    fork: bool = False
    name: str | None = None
    ephemeral: bool = False

    output_format: Literal["text", "json", "stream-json"] = "text"
    input_format: Literal["text", "stream-json"] = "text"
    """stream-json: another program says what to do, line by line (kcode/cli/dialogue.py)."""
    json_schema: Path | None = None
    output_file: Path | None = None
    verbose: bool = False
    debug: bool = False

    profile: str | None = None
    set: tuple[str, ...] = ()
    safe_mode: bool = False

    @property
    def models_by_mode(self) -> dict[str, str]:
        """What -m says: mode -> model; "" is every mode without a word of its own."""
        return {mode: model for mode, _, model in (one.rpartition("=") for one in self.models)}


class Dollars(click.ParamType[Decimal]):
    name = "usd"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        try:
            amount = Decimal(str(value).removeprefix("$"))
        except InvalidOperation:
            amount = Decimal(-1)
        if not amount.is_finite() or amount < 0:
            self.fail(f"{value!r} is no amount of dollars, such as 2.50.", param, ctx)
        return amount


class Duration(click.ParamType[float]):
    """Seconds, or with a unit: `90`, `90s`, `10m`, `1h30m`."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        found = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s?)?", str(value).strip())
        hours, minutes, seconds = found.groups(default="0") if found else ("0", "0", "0")
        total = int(hours) * 3600 + int(minutes) * 60 + float(seconds)
        if total <= 0:
            self.fail(f"{value!r} is no length of time, such as 90s, 10m or 1h30m.", param, ctx)
        return total


def split_rules(texts: Sequence[str]) -> tuple[str, ...]:
    """`read,edit(src/{a,b}/**)` as two rules: commas within brackets do not part."""
    parts = (part.strip() for text in texts for part in re.split(r",(?![^()]*\))", text))
    return tuple(part for part in parts if part)


def _option(*names: str, **attributes: Any) -> click.Option:
    return click.Option(names, **attributes)


_path = click.Path(path_type=Path)
_count = click.IntRange(min=1)

SECTIONS: dict[str, list[click.Option]] = {
    "Who works": [
        _option("--mode", metavar="MODE", help="The mode to start in: code, orchestrator, …"),
        _option(
            "-m",
            "--model",
            "models",
            multiple=True,
            metavar="[MODE=]PROVIDER/MODEL",
            help="The model, or a mode's.",
        ),
        _option("--effort", type=click.Choice(EFFORTS), help="How hard the model thinks."),
        _option(
            "--fallback-model", metavar="A,B", help="Models to go on with when the first is unavailable."
        ),
    ],
    "What it may do": [
        _option(
            "--permission-mode", type=click.Choice(PERMISSION_MODES), help="What happens without asking."
        ),
        _option(
            "-y",
            "--yolo",
            "--dangerously-skip-permissions",
            is_flag=True,
            help="Ask nothing; deny rules hold.",
        ),
        _option(
            "--allowed-tools",
            multiple=True,
            metavar="RULES",
            help="Allow: `edit(src/**),command(git diff *)`.",
        ),
        _option("--disallowed-tools", multiple=True, metavar="RULES", help="Deny; stronger than any allow."),
    ],
    "How much": [
        _option(
            "--max-budget-usd", "--budget", "--max-price", type=Dollars(), help="Stop before this is spent."
        ),
        _option("--max-turns", type=_count, metavar="N", help="Steps per prompt."),
        _option("--max-tokens", type=_count, metavar="N", help="Output tokens per request."),
        _option("--max-time", type=Duration(), help="Stop after 90s, 10m, 1h30m."),
    ],
    "Where and with what": [
        _option("-C", "--cd", type=_path, metavar="DIR", help="Work in this folder."),
        _option("--add-dir", type=_path, multiple=True, metavar="DIR", help="A further folder to work in."),
        _option(
            "-w",
            "--worktree",
            is_flag=False,
            flag_value="",
            metavar="[NAME]",
            help="Work in a git worktree of its own.",
        ),
        _option(
            "-f", "--file", "files", type=_path, multiple=True, metavar="FILE", help="Attach a file's text."
        ),
        _option("--image", "images", type=_path, multiple=True, metavar="FILE", help="Attach an image."),
    ],
    "Which session": [
        _option(
            "-c",
            "--continue",
            "continue_last",
            is_flag=True,
            help="Go on with the last session of this folder.",
        ),
        _option(
            "-r",
            "--resume",
            is_flag=False,
            flag_value="",
            metavar="[ID]",
            help="Go on with that session (or the last).",
        ),
        _option("--fork", is_flag=True, help="Go on in a copy of it."),
        _option("--name", metavar="TEXT", help="What the session is called in lists."),
        _option("--ephemeral", is_flag=True, help="Keep no session file."),
    ],
    "What comes out": [
        _option("-p", "--print", "print_mode", is_flag=True, help="Without a screen, as `kcode run`."),
        _option("--output-format", type=click.Choice(FORMATS), help="text is the answer alone."),
        _option("--json", "json_lines", is_flag=True, help="The same as --output-format stream-json."),
        _option(
            "--input-format",
            type=click.Choice(("text", "stream-json")),
            default="text",
            help="stream-json: prompts, answers, cancel as JSON lines.",
        ),
        _option("--json-schema", type=_path, metavar="FILE", help="The answer must be JSON of this schema."),
        _option(
            "-o",
            "--output",
            "output_file",
            type=_path,
            metavar="FILE",
            help="Write the answer into a file, too.",
        ),
        _option("-v", "--verbose", is_flag=True, help="Show more of what happens."),
        _option("--debug", is_flag=True, help="Show the traceback of a bug."),
    ],
    "Several tasks": [
        _option(
            "--parallel", type=_path, metavar="FILE", help="A task a line, or JSON: each in its own worktree."
        ),
        _option("--jobs", type=_count, default=4, metavar="N", help="How many at a time (4)."),
        _option("--merge", is_flag=True, help="Merge back what is done and fits."),
    ],
    "Settings": [
        _option("--profile", metavar="NAME", help="Lay this profile of the settings over the rest."),
        _option("--set", "set", multiple=True, metavar="KEY=VALUE", help="One setting: limits.turns=30."),
        _option("--safe-mode", is_flag=True, help="Nothing of the project's: settings, modes, rules."),
    ],
}


class TaskCommand(click.Command):
    """A command that takes a prompt and every option above; its callback gets one RunOptions."""

    def __init__(self, name: str, callback: Callable[[RunOptions], int], **attributes: Any) -> None:
        words = click.Argument(["prompt"], nargs=-1, metavar="PROMPT…")
        params = [words, *(option for options in SECTIONS.values() for option in options)]
        super().__init__(name, params=params, callback=_resolving(callback), **attributes)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, options in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([record for option in options if (record := option.get_help_record(ctx))])


def _resolving(callback: Callable[[RunOptions], int]) -> Callable[..., int]:
    @functools.wraps(callback)
    def with_record(**values: Any) -> int:
        return callback(resolve(values))

    return with_record


def resolve(values: dict[str, Any]) -> RunOptions:
    """click's values as a record. UsageError when two of them contradict each other."""
    chosen = dict(values)
    if chosen.pop("json_lines"):
        _only_one(
            chosen["output_format"] not in (None, "stream-json"), "--json is --output-format stream-json"
        )
        chosen["output_format"] = "stream-json"
    if chosen["input_format"] == "stream-json":
        _only_one(
            chosen["output_format"] in ("text", "json"), "--input-format stream-json answers as stream-json"
        )
        chosen["output_format"] = "stream-json"
    chosen["output_format"] = chosen["output_format"] or "text"
    if chosen["yolo"]:
        _only_one(chosen["permission_mode"] not in (None, "auto"), "--yolo is --permission-mode auto")
        chosen["permission_mode"] = "auto"
    _only_one(
        chosen["continue_last"] and chosen["resume"] is not None, "-c is the last session, -r names one"
    )
    _settle_resume(chosen)
    if chosen["fork"] and not (chosen["continue_last"] or chosen["resume"]):
        raise click.UsageError("--fork copies a session: say which, with -c or -r ID.")
    chosen["allowed_tools"] = split_rules(chosen["allowed_tools"])
    chosen["disallowed_tools"] = split_rules(chosen["disallowed_tools"])
    fallbacks = (chosen.pop("fallback_model") or "").split(",")
    chosen["fallback_models"] = tuple(name.strip() for name in fallbacks if name.strip())
    return RunOptions(**chosen)


def _settle_resume(chosen: dict[str, Any]) -> None:
    """`-r` alone is the last session; `-r "and now?"` is the last session and a prompt: no id has a space."""
    resume = chosen["resume"]
    if resume is None:
        return
    if " " in resume:
        chosen["prompt"] = (resume, *chosen["prompt"])
        resume = ""
    chosen["resume"] = resume or None
    chosen["continue_last"] = not resume


def _only_one(contradicts: bool, words: str) -> None:
    if contradicts:
        raise click.UsageError(f"{words}: say one of them.")

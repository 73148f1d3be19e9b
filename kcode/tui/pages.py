"""Pages: what was spent, what is sent, what changed, what can be pressed."""

import asyncio
import sys
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction

from textual.content import Content

from kcode import __version__
from kcode.errors import KcodeError
from kcode.llm.catalog import Catalog
from kcode.messages import Change
from kcode.spend.meter import Account, Meter, Reading
from kcode.spend.money import dollars, rounded, tokens
from kcode.spend.prices import PriceRow
from kcode.spend.table import table
from kcode.spend.total import Total
from kcode.tools.commands.git import GitError, git
from kcode.tui import context
from kcode.tui.desk import Command, Desk
from kcode.tui.diffview import change_lines
from kcode.tui.flow import Line, one_row
from kcode.tui.flowing import Flowing
from kcode.tui.looks import LOOKS, LOOKS_CSS
from kcode.tui.page import Table
from kcode.tui.plain import counted
from kcode.tui.safe import one_line, safe
from kcode.tui.status import gauge

BAR = 20
MINUTES = 40
SPARKS = "·▁▂▃▄▅▆▇█"
LONGEST_DIFF = 2_000
"""Rows of a file's diff that are shown."""

KEYS = (
    ("Enter", "send; while the model works: queue, it is heard before the next step"),
    ("Alt+Enter  Shift+Enter  Ctrl+J", "a new line (\\ at the end of a line, too)"),
    ("Esc", "close what is open, else stop the work at once"),
    ("Ctrl+C", "clear the draft, else stop the work; twice: quit"),
    ("Shift+Tab", "next mode"),
    ("Alt+P", "model"),
    ("Up, Down", "what you said before; in an empty prompt, Up takes a queued message back"),
    ("Ctrl+R", "search in what you said before"),
    ("@", "a file or a folder"),
    ("/", "a command"),
    ("!", "run a shell command yourself; the model hears of it with your next message"),
    ("Ctrl+O", "unfold or fold thinking and long output"),
    ("Ctrl+F", "search in the talk; F3 the next place"),
    ("PageUp, PageDown", "scroll the talk"),
    ("Ctrl+P", "all commands"),
    ("Ctrl+G", "write in $EDITOR"),
    ("Ctrl+Y", "copy the last answer as Markdown"),
    ("Ctrl+Z", "to the shell; fg comes back"),
    ("Tab", "between the prompt and a question that is open"),
    ("?", "these keys, in an empty prompt"),
)


# Money


def show_cost(desk: Desk, _: str = "") -> None:
    desk.view("What it cost", cost_page(desk.meter, _price_of(desk)))


def cost_page(meter: Meter, price_of: Callable[[str], PriceRow | None]) -> Content:
    """This session's spend by mode, model and purpose."""
    reading = meter.reading()
    usage = reading.session.usage
    lines = [
        Content.assemble(
            (str(reading.session), "bold"),
            f"   {counted(reading.session.requests, 'request')}",
            f"   ↑{tokens(usage.input)} ↓{tokens(usage.output)} tokens",
        ),
        Content.styled(_saved(meter, price_of), "$text-muted"),
        *_budget_lines(meter),
        Content(""),
    ]
    groups = {title: _grouped(meter, name_of) for title, name_of in BY.items()}
    widest = max((len(name) for group in groups.values() for name in group), default=0)
    for title, group in groups.items():
        lines += [Content.styled(title, "bold $text-accent"), *_bars(group, widest), Content("")]
    minutes = meter.minutes(MINUTES)
    most, now = dollars(max(minutes)), dollars(reading.per_minute)
    lines += [
        Content.styled("By minute", "bold $text-accent"),
        Content.assemble(
            sparkline(minutes), (f"  the last {MINUTES}: at most {most}, now {now}", "$text-muted")
        ),
    ]
    return Content("\n").join(lines)


BY: dict[str, Callable[[Account], str]] = {
    "By mode": lambda account: account.mode,
    "By model": lambda account: account.model,
    "By purpose": lambda account: account.purpose,
}


def _grouped(meter: Meter, name_of: Callable[[Account], str]) -> dict[str, Total]:
    groups: dict[str, Total] = {}
    for account, total in meter.accounts.items():
        name = one_line(name_of(account))
        groups[name] = groups.get(name, Total()) + total
    return dict(sorted(groups.items(), key=lambda group: -group[1].micro_dollars))


def _bars(groups: dict[str, Total], widest: int) -> list[Content]:
    if not groups:
        return [Content.styled("nothing yet", "$text-muted")]
    most = max(total.micro_dollars for total in groups.values()) or 1
    rows = [
        [
            name.ljust(widest),
            str(total),
            gauge(total.micro_dollars / most, BAR),
            counted(total.requests, "request"),
            f"↑{tokens(total.usage.input)}",
            f"↓{tokens(total.usage.output)}",
            f"{total.cache_share:.0%} cached",
        ]
        for name, total in groups.items()
    ]
    return [Content(line) for line in table(rows, left=frozenset({0, 2, 3}))]


def sparkline(values: Sequence[int]) -> str:
    """The highest value is a full block; what is not nothing shows at least a line."""
    most = max(values, default=0) or 1
    steps = len(SPARKS) - 1
    return "".join(SPARKS[max(1, round(value / most * steps)) if value else 0] for value in values)


def _saved(meter: Meter, price_of: Callable[[str], PriceRow | None]) -> str:
    """What the provider's cache took off the bill."""
    saved = 0
    for account, total in meter.accounts.items():
        if row := price_of(account.model):
            saved += rounded(total.usage.cached * Fraction(row.input - row.cached))
    if not meter.session.usage.cached:
        return "nothing came out of a cache yet"
    return f"the cache took {dollars(saved)} off: {meter.session.cache_share:.0%} of the input came out of it"


def _budget_lines(meter: Meter) -> list[Content]:
    reading = meter.reading()
    if reading.budget is None:
        return []
    return [Content(f"budget {dollars(reading.budget)}, {dollars(reading.left)} left")]


def _price_of(desk: Desk) -> Callable[[str], PriceRow | None]:
    opened = desk.state.opened

    def price(model: str) -> PriceRow | None:
        try:
            return Catalog(opened.settings).model(model).price if opened else None
        except KcodeError:
            return None

    return price


# Context


def show_context(desk: Desk, _: str = "") -> None:
    desk.work(_show_context(desk))


async def _show_context(desk: Desk) -> None:
    request = await asyncio.wrap_future(desk.engine.look(lambda session: session.task.request()))
    page = context_page(
        context.parts(request), context.tools(request), desk.meter.reading(), desk.meter.price
    )
    desk.view("What the next request sends", page)


def context_page(
    parts: Sequence[context.Part], tools: Sequence[context.Part], reading: Reading, price: PriceRow | None
) -> Content:
    whole = sum(part.tokens for part in parts) or 1
    rows = [
        [
            part.name,
            f"~{tokens(part.tokens)}",
            gauge(part.tokens / whole, BAR),
            f"{part.tokens / whole:.0%}",
            _rent(part.tokens, price),
            part.detail,
        ]
        for part in parts
    ]
    window = f" of {tokens(reading.window)}" if reading.window else ""
    lines = [
        Content.assemble(
            (f"~{tokens(max(whole, reading.context))}{window} tokens", "bold"),
            f"   {_next(reading.next_warm, reading.next_cold)}",
        ),
        Content(""),
        *map(Content, table(rows, left=frozenset({0, 2, 5}))),
        Content(""),
        Content.styled("Tools", "bold $text-accent"),
        Content("  ".join(f"{part.name} {part.tokens}" for part in tools)),
        Content(""),
        Content.styled(
            "Estimated: 4 bytes a token. Each is paid again with every step, at the cache's price where it holds.",
            "$text-muted",
        ),
    ]
    return Content("\n").join(lines)


def _rent(count: int, price: PriceRow | None) -> str:
    """What a part costs in each step, out of the cache."""
    return f"{dollars(int(count * price.cached))}/step" if price else "?"


def _next(warm: int | None, cold: int | None) -> str:
    if warm is None or cold is None:
        return "the price is unknown"
    return f"the next request: {dollars(warm)} with the cache, {dollars(cold)} without"


# What changed


def show_diff(desk: Desk, _: str = "") -> None:
    desk.work(_show_diff(desk))


async def _show_diff(desk: Desk) -> None:
    try:
        text = await asyncio.wrap_future(desk.engine.run(git(desk.root, "diff", "HEAD")))
        listed = git(desk.root, "ls-files", "-z", "--others", "--exclude-standard")
        new = await asyncio.wrap_future(desk.engine.run(listed))
    except GitError as error:
        desk.notice(f"There is no diff: {error}", is_bad=True)
        return
    names = [name for name in new.split("\0") if name]
    if text or names:
        desk.view("Changes since the last commit", Changes(changes_of(text), names))
    else:
        desk.notice("Nothing changed since the last commit.")


class Changes(Flowing):
    """Files with what changed in them, and the names of new ones."""

    COMPONENT_CLASSES = LOOKS
    DEFAULT_CSS = "Changes { height: auto; }" + LOOKS_CSS

    def __init__(self, changes: Sequence[Change], new: Sequence[str]) -> None:
        super().__init__()
        self._changes, self._new = changes, new

    def laid_out(self, width: int) -> Sequence[Line]:
        lines: list[Line] = []
        for change in self._changes:
            lines += [*change_lines(change, width, LONGEST_DIFF), Line()]
        new = [one_row([("new  ", "good"), (one_line(name), "")], width) for name in self._new]
        return [*lines, *new]


def changes_of(text: str) -> list[Change]:
    """What `git diff` prints, file by file."""
    return [_change(part) for part in text.split("\ndiff --git ") if part]


def _change(part: str) -> Change:
    head, at, hunks = part.partition("\n@@ ")
    names = [line[4:].rstrip("\t") for line in head.split("\n") if line.startswith(("--- ", "+++ "))]
    paths = [name[2:] for name in names if name != "/dev/null"]
    diff = at.lstrip("\n") + hunks
    lines = diff.split("\n")
    return Change(
        path=paths[-1] if paths else head.split("\n")[0].rpartition(" b/")[2],
        diff=diff,
        added=sum(line.startswith("+") for line in lines),
        removed=sum(line.startswith("-") for line in lines),
        kind="created" if "\nnew file" in head else "deleted" if "\ndeleted file" in head else "edited",
    )


# The program


def show_keys(desk: Desk, _: str = "") -> None:
    desk.view("Keys", Table(KEYS))


def show_help(desk: Desk, _: str = "") -> None:
    desk.view("Commands", Table(help_rows(desk.commands)))


def help_rows(commands: Iterable[Command]) -> list[tuple[str, str]]:
    rows = []
    for command in commands:
        said = " ".join(part for part in (f"/{command.name}", command.needs or command.takes) if part)
        others = f"  (/{', /'.join(command.synonyms)})" if command.synonyms else ""
        key = f"  {command.key}" if command.key else ""
        rows.append((said, f"{command.help}{others}{key}"))
    return rows


def show_status(desk: Desk, _: str = "") -> None:
    opened, chosen = desk.state.opened, desk.state.chosen
    reading = desk.meter.reading()
    rows = [
        ("kcode", __version__),
        ("session", opened.session if opened else "not open"),
        ("folder", one_line(str(opened.root if opened else desk.root))),
        ("mode", chosen.mode if chosen else ""),
        ("model", one_line(chosen.model) if chosen else ""),
        ("effort", str(chosen.effort or "the model's own") if chosen else ""),
        ("permissions", desk.state.permissions),
        ("spent", str(reading.session)),
        ("budget", dollars(reading.budget) if reading.budget is not None else "none"),
        (
            "context",
            f"{tokens(reading.context)} of {tokens(reading.window) if reading.window else '?'} tokens",
        ),
    ]
    desk.view("Status", Table(rows))


def show_program(*arguments: str) -> Callable[[Desk, str], None]:
    """What `kcode ARGUMENTS` prints, as a page."""
    return lambda desk, _: desk.work(_show_program(desk, arguments))


async def _show_program(desk: Desk, arguments: tuple[str, ...]) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "kcode",
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=desk.root,
        start_new_session=True,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), timeout=30)
    finally:
        if process.returncode is None:
            process.kill()
    desk.view(f"kcode {' '.join(arguments)}", Content(safe(output.decode(errors="replace")).strip()))

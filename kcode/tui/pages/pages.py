"""Pages: what was spent, what is sent, what changed, what can be pressed."""

import asyncio
from collections.abc import Iterable, Sequence

from kcode import __version__
from kcode.memory import skills
from kcode.messages import Change
from kcode.processes.git import GitError, git
from kcode.spend.money import dollars, tokens
from kcode.tui.desk import Command, Desk
from kcode.tui.keymap import Keymap
from kcode.tui.pages.page import ASIDE, Table
from kcode.tui.text.diffview import change_lines
from kcode.tui.text.flow import Line, one_row
from kcode.tui.text.flowing import Flowing
from kcode.tui.text.looks import LOOKS, LOOKS_CSS
from kcode.tui.text.safe import one_line

BAR = 20
MINUTES = 40
SPARKS = "·▁▂▃▄▅▆▇█"
LONGEST_DIFF = 2_000
"""Rows of a file's diff that are shown."""


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
    rows = [
        (keys or "no key", f"{help}{ASIDE}{name}" if name else help)
        for keys, help, name in desk.keymap.rows()
    ]
    desk.view(
        "Keys", Table([*rows, ("", f"Each with a name can be changed: keys.NAME in the settings{ASIDE}")])
    )


def show_help(desk: Desk, _: str = "") -> None:
    desk.view("Commands", Table(help_rows(desk.commands, desk.keymap)))


def help_rows(commands: Iterable[Command], keymap: Keymap) -> list[tuple[str, str]]:
    rows = []
    for command in commands:
        said = " ".join(part for part in (f"/{command.name}", command.needs or command.takes) if part)
        others = [f"/{name}" for name in command.synonyms]
        aside = "  ".join(filter(None, [keymap.shown(command.key), " ".join(others)]))
        rows.append((said, f"{command.help}{ASIDE}{aside}" if aside else command.help))
    return rows


def show_skills(desk: Desk, _: str = "") -> None:
    found = skills.found(desk.root)
    rows = [
        (one_line(skill.name), f"{one_line(skill.description)}{ASIDE}{one_line(skill.path)}")
        for skill in found
    ]
    if rows:
        desk.view("Skills", Table(rows))
    else:
        desk.notice(
            f"There are no skills here: a folder each with a SKILL.md, in .kcode/skills or {skills.folder()}."
        )


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

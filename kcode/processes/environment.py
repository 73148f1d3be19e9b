"""What a child process gets to see of the environment, and where programs are found."""

import os
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

SECRET = re.compile(
    r"SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|(KEY|TOKEN)S?$|(^|_)(KEYS?|TOKENS?|AUTH|PRIVATE|PAT)(_|$)",
    re.IGNORECASE,
)
"""Names that look like a secret's. Some only as whole words: GIT_AUTHOR_NAME, KEYBOARD stay."""

HARMLESS = frozenset({"SSH_AUTH_SOCK"})
"""The path of a socket and no secret; without it every `git fetch` by ssh fails."""

MISLEADING = frozenset({"FORCE_COLOR", "CLICOLOR_FORCE"})

QUIET = {
    "KCODE": "1",
    "PAGER": "cat",
    "GIT_PAGER": "cat",
    "GIT_EDITOR": "true",
    "GIT_TERMINAL_PROMPT": "0",
    "TERM": "dumb",
    "NO_COLOR": "1",
}
"""Nobody is there to page, to answer or to look at colours."""


def clean_environment(
    extra: dict[str, str] | None = None, *, keep: Iterable[str] = (), drop: Iterable[str] = ()
) -> dict[str, str]:
    """kcode's own less what looks like a secret and `drop`; `keep` stays, whatever it looks like. A program of the
    folder itself is never on its PATH."""
    kept, dropped = (HARMLESS | set(keep)) - set(drop), MISLEADING | set(drop)
    path = os.pathsep.join(entry for entry in os.get_exec_path() if Path(entry).is_absolute())
    return (
        {
            name: value
            for name, value in os.environ.items()
            if name in kept or (name not in dropped and not SECRET.search(name))
        }
        | QUIET
        | {"PATH": path}
        | (extra or {})
    )


@cache
def find_program(name: str, outside: Path) -> str | None:
    """The absolute path of a program on PATH; never one in the folder `outside` (the workspace), never one
    that a relative entry leads to."""
    for entry in map(Path, os.get_exec_path()):
        program = entry / name
        if (
            not entry.is_absolute()
            or program.resolve().is_relative_to(outside)
            or entry.is_relative_to(outside)
        ):
            continue
        if program.is_file() and os.access(program, os.X_OK):
            return str(program)
    return None

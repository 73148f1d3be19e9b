"""Whether a topic of the memory bank is stale: files that it names have changed since it was written.

By git's history where there is one, since a checkout gives every file the same time; by the time of the file where git
does not know it, or it has been changed since the last commit.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from kcode.memory.bank import Bank, Topic
from kcode.processes.git import GitError, git

NAMED = re.compile(r"`([\w.@/+-]+?)(?::\d+)?`|\]\(([^)\s#]+?)(?:#[^)]*)?\)")
MOST_NAMES = 300
COMMITS = 3_000
"""How far history is looked through."""


@dataclass(frozen=True, slots=True)
class Stale:
    topic: str
    changed: tuple[str, ...]
    """Files, relative to the root, that are newer than the topic."""
    gone: tuple[str, ...]
    """Files of git's history that are there no more."""

    @property
    def reason(self) -> str:
        parts = [f"{_list(self.changed)} changed"] if self.changed else []
        parts += [f"{_list(self.gone)} gone"] if self.gone else []
        return ", ".join(parts)


async def stale(kept: Bank, topics: tuple[Topic, ...] | None = None) -> tuple[Stale, ...]:
    """The topics that are, with the reasons."""
    topics = kept.topics if topics is None else topics
    named = {topic.name: names_in(topic, kept.root) for topic in topics}
    own = {topic.name: topic.path.relative_to(kept.root).as_posix() for topic in topics}
    every = sorted({*own.values(), *(name for names in named.values() for name in names)})[:MOST_NAMES]
    times = await _times(kept.root, every)
    found = (
        _judged(topic.name, times.get(own[topic.name]), named[topic.name], times, kept.root)
        for topic in topics
    )
    return tuple(one for one in found if one.changed or one.gone)


def names_in(topic: Topic, root: Path) -> tuple[str, ...]:
    """What it writes as code or links to and may be a file of the root, in order, each once."""
    found = (one or other for one, other in NAMED.findall(topic.text))
    plain = (name.removeprefix("./") for name in found if not name.startswith(("/", "../", "http")))
    return tuple(dict.fromkeys(name for name in plain if _is_file(root / name) or "/" in name.strip("/")))


def _judged(
    name: str, written: float | None, names: tuple[str, ...], times: dict[str, float], root: Path
) -> Stale:
    there = [one for one in names if _is_file(root / one)]
    newer = [one for one in there if written is not None and times.get(one, 0) > written]
    return Stale(name, tuple(newer), tuple(one for one in names if one in times and one not in there))


async def _times(root: Path, names: list[str]) -> dict[str, float]:
    """When each was changed last (seconds since 1970), as far as that is known."""
    times: dict[str, float] = {}
    try:
        history = await git(
            root, "log", f"-{COMMITS}", "-z", "--relative", "--name-only", "--format=%x01%ct", "--", *names
        )
        dirty = await git(
            root, "status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=all", "--", *names
        )
    except GitError:
        return {name: (root / name).stat().st_mtime for name in names if _is_file(root / name)}
    moment = 0.0
    for part in history.replace("\n", "\0").split("\0"):
        if part.startswith("\1"):
            moment = float(part[1:])
        elif part:
            times.setdefault(part, moment)
    unsaved = {entry[3:] for entry in dirty.split("\0") if len(entry) > 3}
    for name in names:
        if (
            name not in times or any(name == one or one.endswith(f"/{name}") for one in unsaved)
        ) and _is_file(root / name):
            times[name] = (root / name).stat().st_mtime
    return times


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _list(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more

"""Git worktrees for tasks that write side by side, and how their work comes back. The user's index, stash and HEAD are
never touched: states of the folder are commits that were made with an index of our own.
"""

import asyncio
import itertools
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import blake2s
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import ValidationError

from kcode import paths, settings
from kcode.errors import ToolError
from kcode.messages import Record
from kcode.processes.git import GitError, git
from kcode.processes.process import run

LONG = 120.0
"""Seconds for what touches every file."""
SETUP_LIMIT = 900.0
"""Seconds for the user's set-up script."""
MERGES = (2, 38)
"""The git that merges without a work tree."""
TRIES = 3
"""Merges, while the user's files change under our hands."""
WHO = {
    "GIT_AUTHOR_NAME": "kcode",
    "GIT_AUTHOR_EMAIL": "kcode@localhost",
    "GIT_COMMITTER_NAME": "kcode",
    "GIT_COMMITTER_EMAIL": "kcode@localhost",
}


class Worktree(Record):
    """A copy of a repository that one task works in."""

    session: str
    task: str
    """Id of the task, or the name that the user gave."""
    title: str = ""
    branch: str
    base: str
    """Commit that holds the files as they were taken."""
    source: str
    """Top folder of the repository that it was taken from."""
    top: str
    """Its own top folder."""
    below: str = ""
    """The folder in it that is worked in, relative to the top."""

    @property
    def name(self) -> str:
        """What the user calls it: the branch without its `kcode/`, or `kcode-`."""
        return self.branch[len("kcode/") :]

    @property
    def folder(self) -> Path:
        return Path(self.top) / self.below


class Conflict(Exception):
    def __init__(self, files: tuple[str, ...]) -> None:
        super().__init__(", ".join(files))
        self.files = files


class Worktrees:
    def __init__(self, chosen: settings.Worktrees, home: Path | None = None) -> None:
        self._home = home or paths.worktrees_dir()
        self._chosen = chosen
        self._adding = asyncio.Lock()
        """git gives two that are added at once the same name for their files in .git, and loses one."""

    def all(self) -> list[Worktree]:
        """Every one that is kept, of all repositories."""
        found = (_read(file) for file in sorted(self._home.glob("*.json")))
        return [worktree for worktree in found if worktree is not None]

    def kept(self, session: str, task: str) -> Worktree | None:
        return _read(self._file(session, task))

    async def named(self, name: str, source: Path) -> Worktree:
        """The user's own of that name for this repository, made when there is none. GitError when there can be none."""
        top, _ = await _place(source)
        owner = blake2s(str(top).encode(), digest_size=4).hexdigest()
        return self.kept(owner, name) or await self.make(owner, name, source, branch=f"kcode/{name}")

    async def make(
        self, session: str, task: str, source: Path, title: str = "", branch: str = ""
    ) -> Worktree:
        """A new one with all that is in `source`, also what is not committed. GitError when there can be none."""
        await _check_version(source)
        top, below = await _place(source)
        base = await _commit(top, await _tree(top), await _head(top), "Taken")
        name, branch = await self._free(top, f"{session}-{task}", branch or f"kcode/{session}-{task}")
        worktree = Worktree(
            session=session,
            task=task,
            title=title,
            branch=branch,
            base=base,
            source=str(top),
            top=str(self._home / name / top.name),
            below=below,
        )
        paths.private_dir(self._home / name)
        try:
            async with self._adding:
                await _added(worktree)
            worktree.folder.mkdir(parents=True, exist_ok=True)  # git knows no empty folders
            await self._furnish(worktree)
            self._write(worktree)
        except BaseException:
            await self.remove(worktree)
            raise
        return worktree

    async def merge(self, worktree: Worktree) -> tuple[str, ...]:
        """Bring its changes into the folder that it was taken from, and remove it; the paths that changed there.

        Conflict when both sides changed the same lines: then nothing changes there, and the files with markers stand
        in the worktree, which counts from then on as taken from the present state: mend them, and merge again.
        """
        source, top = Path(worktree.source), Path(worktree.top)
        theirs = await _commit(top, await _tree(top), worktree.base, worktree.title or "Work of a task")
        for _ in range(TRIES):
            tree = await _tree(source)
            ours = await _commit(source, tree, worktree.base, "Meanwhile")
            merged, conflicts = await _merged(source, ours, theirs)
            if conflicts:
                await self._hand_back(worktree, ours, theirs, merged)
                raise Conflict(conflicts)
            changed = await _changed(source, tree, merged)
            if await _tree(source) == tree:
                await _write_out(source, merged, changed)
                await self.remove(worktree)
                return tuple(path for path, _ in changed)
        raise GitError("the files change all the time: merge it later")

    async def save(self, worktree: Worktree) -> None:
        """Commit what is there to its branch, so that it can be looked at with git."""
        top = Path(worktree.top)
        commit = await _commit(top, await _tree(top), worktree.base, worktree.title or "Work of a task")
        await git(top, "update-ref", f"refs/heads/{worktree.branch}", commit)

    async def changes(self, worktree: Worktree) -> tuple[str, ...]:
        """The paths in which it differs from what it was taken from."""
        top = Path(worktree.top)
        return tuple(path for path, _ in await _changed(top, f"{worktree.base}^{{tree}}", await _tree(top)))

    async def tidy(self, session: str) -> None:
        """Remove those of a session in which nothing was changed."""
        for worktree in self.all():
            if worktree.session == session:
                with suppress(GitError):
                    await self.drop_if_same(worktree)

    async def drop_if_same(self, worktree: Worktree) -> bool:
        """Remove it when nothing was changed in it; whether that is so."""
        if await self.changes(worktree):
            return False
        await self.remove(worktree)
        return True

    async def remove(self, worktree: Worktree) -> None:
        """The worktree and its branch. The folder is moved away at once and deleted meanwhile."""
        trash = self._home / f"trash-{secrets.token_hex(4)}"
        place = Path(worktree.top).parent
        if place.parent == self._home and place.exists():
            place.rename(trash)
            asyncio.get_running_loop().run_in_executor(None, lambda: shutil.rmtree(trash, ignore_errors=True))
        source = Path(worktree.source)
        with suppress(GitError):
            await git(source, "worktree", "remove", "--force", "--force", worktree.top)
        with suppress(GitError):
            await git(source, "update-ref", "-d", f"refs/heads/{worktree.branch}")
        self._file(worktree.session, worktree.task).unlink(missing_ok=True)
        for other in self.all():  # what was taken from it comes back to where it was taken from itself
            if other.source == worktree.top:
                self._write(other.model_copy(update={"source": worktree.source}))

    async def _free(self, top: Path, folder: str, branch: str) -> tuple[str, str]:
        """Names that nobody has: a branch of the user's, or a folder that was lost sight of, stays."""
        taken = set(
            (await git(top, "for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads")).splitlines()
        )
        if "kcode" in taken:  # git keeps branches as files: there can be no kcode/x beside it
            branch = branch.replace("kcode/", "kcode-", 1)
        numbered = itertools.chain([""], (f"-{number}" for number in itertools.count(2)))
        free = (n for n in numbered if branch + n not in taken and not (self._home / (folder + n)).exists())
        number = next(free)
        return folder + number, branch + number

    async def _furnish(self, worktree: Worktree) -> None:
        if self._chosen.copy_ignored:
            await self._copy_ignored(Path(worktree.source), Path(worktree.top))
        if self._chosen.setup:
            heard = bytearray()
            try:
                ended = await run(
                    self._chosen.setup, worktree.folder, heard.extend, limit=SETUP_LIMIT, silence=SETUP_LIMIT
                )
            except ToolError as error:
                raise GitError(f"its set-up did not run: {error}") from None
            if ended.code or ended.why != "exit":
                last = heard[-400:].decode(errors="replace").strip()
                raise GitError(f"its set-up `{self._chosen.setup}` failed: {last}")

    async def _copy_ignored(self, source: Path, top: Path) -> None:
        from pathspec import GitIgnoreSpec

        ignored = await git(
            source, "ls-files", "-z", "--others", "--ignored", "--exclude-standard", timeout=LONG
        )
        wanted = GitIgnoreSpec.from_lines(self._chosen.copy_ignored)
        names = [name for name in ignored.split("\0") if name and wanted.match_file(name)]
        await asyncio.to_thread(_copy, names, source, top)

    async def _hand_back(self, worktree: Worktree, ours: str, theirs: str, merged: str) -> None:
        top = Path(worktree.top)
        await git(top, "read-tree", theirs)
        with suppress(GitError):  # it complains of files that the index holds otherwise
            await git(top, "update-index", "-q", "--refresh", timeout=LONG)
        await git(top, "read-tree", "-m", "-u", theirs, merged, timeout=LONG)
        await git(top, "update-ref", f"refs/heads/{worktree.branch}", theirs)
        self._write(worktree.model_copy(update={"base": ours}))

    def _file(self, session: str, task: str) -> Path:
        return self._home / f"{session}-{task}.json"

    def _write(self, worktree: Worktree) -> None:
        paths.write_private(self._file(worktree.session, worktree.task), worktree.model_dump_json())


def _read(file: Path) -> Worktree | None:
    try:
        worktree = Worktree.model_validate_json(file.read_text("utf-8"))
    except (OSError, ValidationError):
        return None
    return worktree if Path(worktree.top).is_dir() else None


async def _added(worktree: Worktree) -> None:
    """Another process may add one at the same moment: then it is tried again."""
    for left in reversed(range(TRIES)):
        try:
            await git(
                Path(worktree.source),
                *("worktree", "add", "-f", "-f", "-B", worktree.branch, worktree.top, worktree.base),
                timeout=LONG,
            )
        except GitError:
            if not left:
                with suppress(GitError):
                    await git(Path(worktree.source), "update-ref", "-d", f"refs/heads/{worktree.branch}")
                raise
            await asyncio.sleep(0.2)
        else:
            return


async def _check_version(folder: Path) -> None:
    words = (await git(folder, "version")).split()
    numbers = tuple(int(part) for part in words[2].split(".")[:2] if part.isdigit())
    if numbers < MERGES:
        raise GitError(f"git {words[2]} is older than 2.38, which can merge without a work tree")


async def _place(folder: Path) -> tuple[Path, str]:
    """Top of the repository, and the folder relative to it."""
    top, below = [(await git(folder, "rev-parse", f"--show-{what}"))[:-1] for what in ("toplevel", "prefix")]
    return Path(top), below


async def _head(top: Path) -> str | None:
    try:
        return (await git(top, "rev-parse", "--verify", "--quiet", "HEAD")).strip()
    except GitError:
        return None  # nothing was committed yet


async def _tree(top: Path) -> str:
    """All files as they are now, but for the ignored ones, as a tree."""
    with _index() as variables:
        own = Path(top, (await git(top, "rev-parse", "--git-path", "index")).rstrip("\n"))
        if own.is_file():  # so that unchanged files need not be read
            await asyncio.to_thread(shutil.copy2, own, variables["GIT_INDEX_FILE"])
        await git(top, "add", "--all", timeout=LONG, variables=variables)
        return (await git(top, "write-tree", variables=variables)).strip()


async def _commit(top: Path, tree: str, parent: str | None, message: str) -> str:
    parents = ("-p", parent) if parent else ()
    return (await git(top, "commit-tree", tree, *parents, "-m", message, variables=WHO)).strip()


async def _merged(top: Path, ours: str, theirs: str) -> tuple[str, tuple[str, ...]]:
    """The tree of both, and the paths in conflict, which stand in it with markers."""
    command = ("merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", ours, theirs)
    try:
        return (await git(top, *command, timeout=LONG)).strip("\0\n"), ()
    except GitError as error:
        tree, *files = error.output.strip("\0").split("\0")
        if len(tree) < 40 or not files:
            raise
        return tree, tuple(dict.fromkeys(files))


async def _changed(top: Path, before: str, after: str) -> list[tuple[str, str]]:
    """Path and letter of each difference: A, D, M or T."""
    fields = (await git(top, "diff-tree", "-r", "-z", "--no-renames", "--name-status", before, after)).split(
        "\0"
    )
    return list(zip(fields[1::2], fields[::2], strict=False))


async def _write_out(top: Path, tree: str, changed: Sequence[tuple[str, str]]) -> None:
    """Files of a tree into the folder, and what it lacks out of it."""
    for path in (path for path, letter in changed if letter == "D"):
        _delete(top, path)
    with _index() as variables:
        await git(top, "read-tree", tree, variables=variables)
        written = [path for path, letter in changed if letter != "D"]
        for start in range(0, len(written), 200):  # the command line has an end
            names = written[start : start + 200]
            await git(top, "checkout-index", "--force", "--", *names, timeout=LONG, variables=variables)


def _delete(top: Path, path: str) -> None:
    file = top / path
    if not file.parent.resolve().is_relative_to(top.resolve()):
        return  # a folder on the way became a symlink that leads out
    file.unlink(missing_ok=True)
    for folder in file.parents:
        if folder == top:
            return
        with suppress(OSError):
            folder.rmdir()


def _copy(names: Sequence[str], source: Path, top: Path) -> None:
    for name in names:
        target = top / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with suppress(OSError):  # a socket, or what has gone meanwhile
            shutil.copy2(source / name, target, follow_symlinks=False)


@contextmanager
def _index() -> Iterator[dict[str, str]]:
    """An index of our own."""
    with TemporaryDirectory(prefix="kcode-index-") as folder:
        yield {"GIT_INDEX_FILE": str(Path(folder, "index"))} | WHO

"""Which repository a folder belongs to, as far as money is concerned: a few looks at files, git is not run."""

from functools import lru_cache
from pathlib import Path


@lru_cache(maxsize=64)
def repository_of(root: str) -> str:
    """The nearest folder upwards that git looks after, else the folder itself; "" for none. A worktree is its
    repository's."""
    if not root:
        return ""
    path = Path(root)
    for folder in (path, *path.parents):
        mark = folder / ".git"
        if mark.is_dir():
            return str(folder)
        if mark.is_file():
            return _main_folder(mark) or str(folder)
    return root


def _main_folder(mark: Path) -> str | None:
    """Of the worktree whose `.git` this is. Both must name each other: a repository could point anywhere."""
    try:
        git = (mark.parent / _line(mark).removeprefix("gitdir: ")).resolve()
        names_back = Path(_line(git / "gitdir")).resolve() == mark.resolve()
    except (OSError, ValueError):
        return None
    is_worktree = git.parent.name == "worktrees" and git.parent.parent.name == ".git"
    return str(git.parent.parent.parent) if is_worktree and names_back else None


def _line(file: Path) -> str:
    return file.read_text(encoding="utf-8")[:4096].strip()

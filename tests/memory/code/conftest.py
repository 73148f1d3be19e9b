from collections.abc import Callable
from pathlib import Path

import pytest

from kcode.files.syntax import Tags, tags

Write = Callable[[str, str], Path]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder.resolve()


@pytest.fixture
def write(root: Path) -> Write:
    """`write("a/b.py", "x = 1")`, with the folders that it needs."""

    def written(name: str, content: str) -> Path:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        return path

    return written


@pytest.fixture
def understood() -> Callable[..., dict[str, Tags]]:
    """Files as they are in an index, by names and contents."""

    def made(files: dict[str, str]) -> dict[str, Tags]:
        return {name: tags(name, content) or Tags() for name, content in files.items()}

    return made

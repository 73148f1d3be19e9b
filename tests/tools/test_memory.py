from pathlib import Path

import pytest

from kcode.errors import ToolError
from kcode.files.diff import diff
from kcode.memory import proposals
from kcode.tools.memory import Memory
from kcode.tools.tool import Workspace, installed_tools
from tests.tools.conftest import Call

TECH = ".kcode/memory/tech.md"


@pytest.fixture
def topic(root: Path) -> Path:
    path = root / TECH
    path.parent.mkdir(parents=True)
    path.write_text("# Tech\n\n- Python 3.12\n")
    return path


async def test_what_is_remembered_comes_at_the_end_of_its_topic(call: Call, topic: Path) -> None:
    output = await call("memory", path=TECH, text="- tests need redis")
    assert topic.read_text() == "# Tech\n\n- Python 3.12\n- tests need redis\n"
    assert output.text == f"Remembered in {TECH}."
    assert [(made.path, made.added, made.removed) for made in output.changes] == [(TECH, 1, 0)]


async def test_what_no_longer_holds_is_replaced(call: Call, topic: Path) -> None:
    await call("memory", path=TECH, text="- Python 3.13", old="- Python 3.12")
    assert topic.read_text() == "# Tech\n\n- Python 3.13\n"
    with pytest.raises(ToolError, match=r"old is not in tech\.md"):
        await call("memory", path=TECH, text="x", old="- Python 3.12")


async def test_the_approval_shows_what_will_be_written(workspace: Workspace, topic: Path) -> None:
    before = topic.read_text()
    tool = Memory(path=TECH, text="A new line.")
    preview = await tool.preview(workspace)
    assert topic.read_text() == before
    await tool.run(workspace, "c1")
    assert preview == "".join(diff(before, topic.read_text()))


async def test_where_nobody_can_accept_it_it_is_kept_and_nothing_is_written(
    workspace: Workspace, topic: Path
) -> None:
    before = topic.read_text()
    await Memory(path=TECH, text="- later").put_off(workspace)
    await Memory(path=TECH, text="- later").put_off(workspace)
    assert [one.text for one in proposals.kept(workspace.root)] == ["- later"]
    assert topic.read_text() == before


@pytest.mark.parametrize(
    "path",
    [
        "README.md",
        ".kcode/memory/../settings.md",
        ".kcode/memory/index.md",
        ".kcode/memory/a/b.md",
        "/etc/x.md",
    ],
)
async def test_only_topics_of_the_bank_are_written(path: str, call: Call, topic: Path, root: Path) -> None:
    with pytest.raises(ToolError, match=r"A topic is \.kcode/memory/NAME\.md"):
        await call("memory", path=path, text="x")
    assert sorted(file.name for file in root.rglob("*.md")) == ["tech.md"]


async def test_secrets_are_refused(call: Call, topic: Path) -> None:
    with pytest.raises(ToolError, match="no secrets"):
        await call("memory", path=TECH, text="the database's password: hunter2hunter2")


async def test_a_bank_in_the_old_place_is_written_where_it_lies(call: Call, root: Path) -> None:
    path = root / "memory-bank" / "progress.md"
    path.parent.mkdir()
    path.write_text("# Progress\n")
    await call("memory", path="memory-bank/progress.md", text="Done: login.")
    assert path.read_text() == "# Progress\n\nDone: login.\n"


async def test_a_folder_that_leads_elsewhere_is_not_written(call: Call, root: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (root / ".kcode").mkdir()
    (root / ".kcode/memory").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ToolError):
        await call("memory", path=TECH, text="x")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_the_tool_is_among_the_installed() -> None:
    assert installed_tools()["memory"] is Memory

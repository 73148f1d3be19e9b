import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from kcode.memory.block import tokens_of
from kcode.memory.code.cache import Cache
from kcode.memory.code.standing import standing_map
from kcode.memory.project import Project
from kcode.messages import ToolResult
from tests.playing import call, playing, say, scenario

Write = Callable[[str, str], Path]
LONG = 60.0


def test_none_is_made_when_none_is_wanted(root: Path, write: Write, kcode_home: Path) -> None:
    write("a.py", "def f(): ...\n")
    assert standing_map(root, 0) == ""
    assert not kcode_home.exists()


def test_the_map_stands_in_the_project_block_and_fits(root: Path, write: Write) -> None:
    for number in range(50):
        write(f"m{number}.py", f"from core import Core\ndef use_{number}(): Core()\n")
    write("core.py", "class Core: ...\n")
    assert standing_map(root, 100, within=LONG)
    text = Project(root, map_tokens=100).text
    assert text.startswith('<map from="outline">\ncore.py\n1\tclass Core\n')
    assert tokens_of(text) <= 120
    assert Project(root).text == ""
    assert Project(root, with_project=False, map_tokens=100).text == ""


def test_what_was_chosen_is_told_where_it_is_now(root: Path, write: Write) -> None:
    write("use.py", "from core import Core\nCore()\n")
    write("core.py", "class Core: ...\n")
    write("gone.py", "class Gone: ...\n")
    assert "1\tclass Core" in standing_map(root, 100, within=LONG)
    write("core.py", "import x\n\nclass Core(Base): ...\n")
    write("new.py", "class New: ...\n")
    (root / "gone.py").unlink()
    text = standing_map(root, 100, within=LONG)
    assert "3\tclass Core(Base)" in text
    assert "Gone" not in text
    assert "New" not in text  # until all of it is ranked again


def test_a_start_waits_for_no_map(root: Path, write: Write) -> None:
    for number in range(3_000):
        write(f"m{number}.py", f"def f{number}(): ...\n" * 20)
    began = time.monotonic()
    assert standing_map(root, 100, within=0.05) == ""
    assert time.monotonic() - began < 1


def test_nonsense_in_the_cache_is_no_choice(root: Path, write: Write) -> None:
    write("a.py", "def f(): ...\n")
    for nonsense in ("[", "[1]", "{}", '[["../../x.py","f"]]'):
        Cache().keep_choice(str(root), nonsense)
        assert standing_map(root, 100, within=LONG) in ("a.py\n1\tdef f()", "")


def test_a_broken_repository_has_no_map(root: Path) -> None:
    assert standing_map(root, 100, within=LONG) == ""
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    (root / ".git" / "HEAD").write_text("nonsense")
    assert standing_map(root, 100, within=LONG) == ""


async def test_models_get_the_map_from_the_first_request_on_and_ask_for_more(repository: Path) -> None:
    standing_map(repository, 300, within=LONG)
    asks = scenario(call("outline", symbol="Cart"), say("Seen."), say("Done."))
    for _ in range(20):  # a machine that is busy elsewhere may not have it in time
        with playing(asks, repository, set=("memory.map_tokens=300",)) as play:
            await play.session.prompt("go")
            await play.session.prompt("go on")
            projects = {b'<map from=\\"outline\\">' in request.raw for request in play.provider.requests}
            results = [message.text for message in play.messages if isinstance(message, ToolResult)]
        assert len(projects) == 1  # the same in all of them
        assert "class Cart" in results[0]
        if projects == {True}:
            return
    raise AssertionError("there never was a map")

import subprocess
import sys
from pathlib import Path

from kcode import trust
from kcode.messages import Prompt, ToolResult
from kcode.modes.load import BUILT_IN, load_modes
from kcode.modes.places import Place
from kcode.tools.edit import Edit
from kcode.tools.shell import Shell
from tests.playing import call, playing, say, scenario


def own(folder: Path, **files: str) -> Place:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.md").write_text(text)
    return Place(folder, "own")


def test_the_built_in_modes_load_in_the_order_in_which_they_are_offered() -> None:
    modes, complaints = load_modes()
    assert list(modes) == ["orchestrator", "architect", "code", "debug", "ask"] == list(BUILT_IN)
    assert complaints == []
    assert all(mode.prompt and mode.when_to_use and not mode.overrides for mode in modes.values())


def test_the_orchestrator_delegates_and_changes_nothing_itself() -> None:
    assert load_modes()[0]["orchestrator"].groups == {"read", "delegate"}


def test_architect_and_ask_run_nothing() -> None:
    modes, _ = load_modes()
    for name in ("architect", "ask", "orchestrator"):
        assert Shell.group not in modes[name].groups
    assert Edit.group not in modes["ask"].groups


def test_ones_own_come_after_the_built_in_ones_by_name(tmp_path: Path) -> None:
    mode = "---\ngroups: [read]\n---\nLook.\n"
    modes, _ = load_modes([own(tmp_path, zebra=mode, ask=mode, ant=mode)])
    assert list(modes) == [*BUILT_IN, "ant", "zebra"]


def test_a_later_place_overrides_a_mode_by_name_and_a_built_in_one_is_marked(tmp_path: Path) -> None:
    user = own(tmp_path / "user", code="---\ntitle: Users\n---\nLook.", docs="---\ntitle: D\n---\nWrite.")
    project = own(tmp_path / "project", code="---\ntitle: Projects\n---\nOnly look.\n")
    modes, _ = load_modes([user, project])
    assert (modes["code"].title, modes["code"].overrides) == ("Projects", True)
    assert modes["code"].source == str(tmp_path / "project" / "code.md")
    assert not modes["docs"].overrides and not modes["ask"].overrides


def test_a_change_of_a_change_keeps_both(tmp_path: Path) -> None:
    user = own(tmp_path / "user", code="---\neffort: high\n---\n")
    project = own(tmp_path / "project", code="---\nmodel: openai/gpt-5\n---\n")
    code = load_modes([user, project])[0]["code"]
    assert (code.effort, code.model, code.prompt) == ("high", "openai/gpt-5", load_modes()[0]["code"].prompt)


def test_a_bad_file_is_skipped_with_its_reason_and_the_others_count(tmp_path: Path) -> None:
    place = own(tmp_path, bad="---\ngroups: [fly]\n---\n", good="---\ntitle: Good\n---\nDo.")
    (tmp_path / "binary.md").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "folder.md").mkdir()
    modes, complaints = load_modes([place])
    assert "good" in modes
    assert [Path(line.split(" is skipped: ")[0]).name for line in complaints] == [
        "bad.md",
        "binary.md",
        "folder.md",
    ]


def test_a_place_that_cannot_be_read_at_all_is_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / ".roomodes"
    file.write_text("customModes: [")
    modes, complaints = load_modes([Place(file, "custom"), Place(tmp_path / "gone", "custom")])
    assert list(modes) == list(BUILT_IN)
    assert [line.split(" is skipped")[0] for line in complaints] == [str(file), str(tmp_path / "gone")]


def test_the_built_in_modes_are_read_without_yaml() -> None:
    script = "import sys; from kcode.modes.load import load_modes; load_modes(); print('yaml' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


async def test_a_session_takes_a_mode_of_roo_with_its_prompt_and_its_limits(repository: Path) -> None:
    (repository / ".roomodes").write_text(
        "customModes:\n  - slug: docs\n    name: 📚 Docs\n    roleDefinition: You write for people.\n"
        "    groups: [read, [edit, {fileRegex: '\\.md$'}]]\n"
    )
    trust.trust(repository)
    script = scenario(
        call("write", path="shop.py", text="x"),
        call("shell", command="ls"),
        call("write", path="GUIDE.md", text="Hello\n"),
        say("Done."),
    )
    with playing(script, repository, mode="docs") as play:
        assert await play.session.prompt("Write a guide.") == "Done."
        results = [message.text for message in play.messages if isinstance(message, ToolResult)]
        assert r"edits only files that match \.md$" in results[0]
        assert "📚 Docs mode has no command tools" in results[1]
        assert (repository / "GUIDE.md").read_text() == "Hello\n"
        first = next(message for message in play.messages if isinstance(message, Prompt))
        assert "Mode: 📚 Docs. You write for people." in first.notes

import sys
from pathlib import Path

import pytest

from kcode import trust
from kcode.modes.places import all_places, brought, not_trusted, place_of, projects, users


def touch(*files: Path) -> None:
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, and no KCODE_HOME."""
    monkeypatch.delenv("KCODE_HOME")
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "APPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def names(root: Path) -> list[str]:
    return [place.path.relative_to(root).as_posix() for place in projects(root)]


def test_of_a_projects_places_our_own_is_the_strongest_then_kilo_then_roo(tmp_path: Path) -> None:
    touch(
        tmp_path / ".kcode/modes/a.md",
        tmp_path / ".roomodes",
        tmp_path / ".kilocodemodes",
        tmp_path / ".opencode/agent/a.md",
        tmp_path / "opencode.jsonc",
        tmp_path / ".kilo/agents/a.md",
    )
    assert names(tmp_path) == [
        "opencode.jsonc",
        ".opencode/agent",
        ".kilo/agents",
        ".roomodes",
        ".kilocodemodes",
        ".kcode/modes",
    ]


def test_a_project_counts_when_it_is_trusted_and_never_in_safe_mode(tmp_path: Path) -> None:
    touch(tmp_path / ".roomodes")
    assert all_places(tmp_path) == []
    trust.trust(tmp_path)
    assert [place.path for place in all_places(tmp_path)] == [tmp_path / ".roomodes"]
    assert all_places(tmp_path, safe_mode=True) == []


def test_what_a_project_brings_is_named_file_by_file(tmp_path: Path) -> None:
    files = [
        tmp_path / ".opencode/agent/team/a.md",
        tmp_path / ".roomodes",
        tmp_path / ".kcode/modes/poet.md",
    ]
    touch(*files, tmp_path / ".kcode/modes/notes.txt")
    assert brought(tmp_path) == files


def test_settings_that_say_nothing_of_modes_bring_none(tmp_path: Path) -> None:
    (tmp_path / "opencode.json").write_text('{"model": "openai/gpt-5"}')
    assert brought(tmp_path) == [] and not_trusted(tmp_path) == []
    (tmp_path / "opencode.json").write_text('{"agent": {}}')
    assert brought(tmp_path) == [tmp_path / "opencode.json"]
    assert "opencode.json: not used" in not_trusted(tmp_path)[0]


@pytest.mark.skipif(sys.platform != "linux", reason="the folders of Linux")
def test_the_users_modes_of_other_programs_are_found_below_our_own(home: Path) -> None:
    globals_ = home / ".config/Code/User/globalStorage"
    files = [
        home / ".config/opencode/agent/a.md",
        globals_ / "rooveterinaryinc.roo-cline/settings/custom_modes.yaml",
        globals_ / "kilocode.kilo-code/settings/custom_modes.json",
        home / ".kilocode/cli/global/settings/custom_modes.yaml",
        home / ".config/kcode/modes/a.md",
    ]
    touch(*files)
    found = [place.path for place in users()]
    assert found == [files[0].parent, *files[1:4], files[4].parent]
    assert [place.path for place in users(with_others=False)] == [files[4].parent]


def test_a_kcode_with_a_home_of_its_own_keeps_to_it(
    home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    touch(home / ".kilocode/cli/global/settings/custom_modes.yaml", tmp_path / "own/config/modes/a.md")
    monkeypatch.setenv("KCODE_HOME", str(tmp_path / "own"))
    assert [place.path for place in users()] == [tmp_path / "own/config/modes"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (".roomodes", "custom"),
        ("export.yaml", "custom"),
        ("roo-code-settings.json", "custom"),
        ("opencode.json", "settings"),
        ("kilo.jsonc", "settings"),
        ("mine.md", "own"),
        (".opencode/agents/", "agents"),
        (".kilo/mode/", "agents"),
        ("modes/", "own"),
    ],
)
def test_what_a_file_is_follows_from_its_name_and_place(tmp_path: Path, name: str, kind: str) -> None:
    path = tmp_path / name
    if name.endswith("/"):
        path.mkdir(parents=True)
    assert place_of(path).kind == kind

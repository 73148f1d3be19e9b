from pathlib import Path

from kcode.memory import skills
from kcode.memory.project import Project
from kcode.memory.skills import BOUND


def skill(folder: Path, name: str, head: str, body: str = "Do it so.") -> None:
    path = folder / name / "SKILL.md"
    path.parent.mkdir(parents=True)
    path.write_text(f"---\n{head}\n---\n{body}\n")


def test_models_get_name_description_and_path_and_nothing_of_the_body(tmp_path: Path) -> None:
    skill(
        tmp_path / ".agents/skills",
        "release",
        "name: release\ndescription: >\n  How a release\n  is made.",
        "Tag it.",
    )
    text = Project(tmp_path).text
    assert "- release: How a release is made. (.agents/skills/release/SKILL.md)" in text
    assert "Tag it" not in text


def test_skills_of_all_places_count_each_name_once(tmp_path: Path, kcode_home: Path) -> None:
    skill(tmp_path / ".kcode/skills", "a", "name: review\ndescription: ours")
    skill(tmp_path / ".claude/skills", "b", "name: review\ndescription: theirs")
    skill(tmp_path / ".claude/skills", "deploy", "description: without a name")
    skill(kcode_home / "config/skills", "mine", "description: my own")
    skill(kcode_home / "config/skills", "review", "description: my review")
    found = skills.found(tmp_path)
    assert [(one.name, one.description) for one in found] == [
        ("deploy", "without a name"),
        ("mine", "my own"),
        ("review", "ours"),
    ]
    assert found[1].path == str(kcode_home / "config/skills/mine/SKILL.md")


def test_without_the_project_only_the_users_own_are_there(tmp_path: Path, kcode_home: Path) -> None:
    skill(tmp_path / ".claude/skills", "a", "description: theirs")
    skill(kcode_home / "config/skills", "b", "description: mine")
    assert [one.name for one in skills.found(tmp_path, with_project=False)] == ["b"]


def test_all_skills_together_are_bounded_and_say_how_many_more_there_are(tmp_path: Path) -> None:
    for number in range(100):
        skill(tmp_path / ".claude/skills", f"s{number:03}", f"description: {'long ' * 200}")
    block = skills.block(skills.found(tmp_path))
    assert block is not None
    assert BOUND * 0.9 < block.tokens <= BOUND
    assert block.text.splitlines()[-1].startswith("- and ")


def test_what_says_nothing_of_itself_or_lies_elsewhere_is_no_skill(tmp_path: Path) -> None:
    root = tmp_path / "work"
    skill(root / ".claude/skills", "silent", "name: silent")
    skill(tmp_path / "elsewhere", "far", "description: far")
    (root / ".claude/skills/far").symlink_to(tmp_path / "elsewhere/far")
    assert skills.found(root) == ()
    assert skills.block(()) is None

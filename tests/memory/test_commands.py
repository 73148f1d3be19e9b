from pathlib import Path

import pytest

from kcode.memory.commands import OwnCommand, called, expand, load_commands, waiting


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def command(text: str) -> OwnCommand:
    return OwnCommand(name="x", text=text, source="x.md")


def test_the_commands_of_a_project_count_only_when_it_is_trusted(tmp_path: Path, kcode_home: Path) -> None:
    write(tmp_path / ".kcode/commands/review.md", "Review it.")
    write(kcode_home / "config/commands/mine.md", "Mine.")
    assert list(load_commands(tmp_path, trusted=False)[0]) == ["mine"]
    assert list(load_commands(tmp_path, trusted=True)[0]) == ["mine", "review"]
    assert [path.name for path in waiting(tmp_path)] == ["review.md"]


def test_commands_that_other_programs_have_left_are_found(tmp_path: Path) -> None:
    for place in (".kilocode/workflows", ".roo/commands", ".claude/commands/deep", ".opencode/command"):
        write(tmp_path / place / f"{place.split('/')[0][1:]}_Way.md", "Do it.")
    write(tmp_path / ".kcode/commands/roo-way.md", "Ours.")
    commands, complaints = load_commands(tmp_path, trusted=True)
    assert list(commands) == ["claude-way", "kilocode-way", "opencode-way", "roo-way"]
    assert commands["roo-way"].text == "Ours."
    assert complaints == []


def test_the_front_matter_says_what_it_is_and_who_does_it(tmp_path: Path) -> None:
    head = "description: Look at\n  a branch\nargument-hint: [branch]\nmode: ask\nmodel: anthropic/claude-x\nfoo: 1"
    write(tmp_path / ".kcode/commands/review.md", f"---\n{head}\n---\nReview $1.\n")
    write(
        tmp_path / ".opencode/command/plan.md",
        "---\nagent: architect\nmodel: sonnet\n---\n\n# Plan it\n\nNow.",
    )
    commands, _ = load_commands(tmp_path, trusted=True)
    review, plan = commands["review"], commands["plan"]
    assert (review.description, review.hint, review.mode, review.model, review.text) == (
        "Look at a branch",
        "[branch]",
        "ask",
        "anthropic/claude-x",
        "Review $1.",
    )
    assert (plan.description, plan.mode, plan.model) == ("Plan it", "architect", None)


def test_one_bad_file_is_named_and_skipped(tmp_path: Path) -> None:
    write(tmp_path / ".kcode/commands/good.md", "Good.")
    write(tmp_path / ".kcode/commands/empty.md", "---\ndescription: x\n---\n")
    (tmp_path / ".kcode/commands/binary.md").write_bytes(b"\0\1\2")
    (tmp_path / ".kcode/commands/far.md").symlink_to("/etc/hostname")
    write(tmp_path / ".kcode/commands/über.md", "x")
    commands, complaints = load_commands(tmp_path, trusted=True)
    assert list(commands) == ["good"]
    assert len(complaints) == 4


@pytest.mark.parametrize(
    ("text", "arguments", "prompt"),
    [
        ("Fix $ARGUMENTS now.", "a b", "Fix a b now."),
        ("$1 before $2, not $3.", "'a b' c", "a b before c, not ."),
        ("Fix it.", "the parser", "Fix it.\n\nthe parser"),
        ("Fix it.", "", "Fix it."),
        ("Fix $1.", "it's", "Fix it's."),
        ("$1", "'$2 $ARGUMENTS' x", "$2 $ARGUMENTS"),
        ("Pay $10 or $ARGUMENTSX", "a", "Pay $10 or $ARGUMENTSX\n\na"),
    ],
)
def test_arguments_take_their_places(text: str, arguments: str, prompt: str) -> None:
    assert expand(command(text), arguments) == prompt


def test_nothing_is_run_and_nothing_is_included(tmp_path: Path) -> None:
    text = f"State: !`touch {tmp_path}/ran` and @/etc/hostname"
    assert expand(command(text), "") == text
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("/review the\nparser", ("review", "the\nparser")),
        ("/Code_Review.md", ("code-review", "")),
        ("/etc/hosts is odd", None),
        ("review", None),
        ("/ x", None),
    ],
)
def test_a_slash_and_a_word_call_a_command(text: str, name: tuple[str, str] | None) -> None:
    assert called(text) == name

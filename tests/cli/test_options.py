from decimal import Decimal
from pathlib import Path
from typing import get_args

import click
import pytest
from click.testing import CliRunner

from kcode.cli.options import EFFORTS, FORMATS, PERMISSION_MODES, RunOptions, TaskCommand, split_rules
from kcode.cli.root import kcode
from kcode.events import Effort
from kcode.settings import PermissionMode


def chosen(*arguments: str) -> RunOptions:
    """What the arguments become."""
    seen: list[RunOptions] = []

    def keep(options: RunOptions) -> int:
        seen.append(options)
        return 0

    TaskCommand("run", keep).main(list(arguments), standalone_mode=False)
    return seen[0]


def complaint(*arguments: str) -> str:
    with pytest.raises(click.UsageError) as caught:
        chosen(*arguments)
    return caught.value.format_message()


def test_nothing_said_leaves_everything_to_settings_and_defaults() -> None:
    assert chosen() == RunOptions(print_mode=False)


def test_words_are_kept_as_they_were_typed_wherever_the_options_stand() -> None:
    assert chosen("fix", "--mode", "ask", "the bug").prompt == ("fix", "the bug")
    assert chosen("--", "-c is broken").prompt == ("-c is broken",)


def test_models_can_be_given_for_all_and_for_one_mode() -> None:
    assert chosen("-m", "a/b", "--model", "code=c/d").models == ("a/b", "code=c/d")
    assert chosen("--fallback-model", "a/b, c/d").fallback_models == ("a/b", "c/d")


@pytest.mark.parametrize("flag", ["--max-budget-usd", "--budget", "--max-price"])
def test_a_budget_has_the_names_that_peers_gave_it(flag: str) -> None:
    assert chosen(flag, "2.50").max_budget_usd == Decimal("2.50")


@pytest.mark.parametrize("amount", ["-1", "nan", "inf", "cheap", ""])
def test_a_budget_is_an_amount_of_dollars(amount: str) -> None:
    assert "2.50" in complaint(f"--budget={amount}")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("1.5", 1.5), ("10m", 600), ("1h30m", 5400), ("2h5s", 7205)],
)
def test_a_time_may_have_units(text: str, seconds: float) -> None:
    assert chosen("--max-time", text).max_time == seconds


@pytest.mark.parametrize("text", ["0", "soon", "5d", "m", "-3"])
def test_a_time_that_is_none_is_refused(text: str) -> None:
    assert "10m" in complaint(f"--max-time={text}")


def test_rules_are_parted_at_commas_but_not_within_brackets() -> None:
    rules = chosen("--allowed-tools", "read,edit(src/{a,b}/**)", "--allowed-tools", "command(git diff *)")
    assert rules.allowed_tools == ("read", "edit(src/{a,b}/**)", "command(git diff *)")
    assert split_rules(["a, b", " ,c"]) == ("a", "b", "c")


def test_yolo_is_the_permission_mode_auto_with_an_explicit_yes() -> None:
    for flag in ("-y", "--yolo", "--dangerously-skip-permissions"):
        options = chosen(flag)
        assert (options.yolo, options.permission_mode) == (True, "auto")
    assert "one of them" in complaint("--yolo", "--permission-mode", "plan")


def test_json_is_short_for_a_stream_of_it() -> None:
    assert (
        chosen("--json").output_format
        == chosen("--output-format", "stream-json").output_format
        == "stream-json"
    )
    assert "one of them" in complaint("--json", "--output-format", "text")


def test_resume_takes_an_id_or_none_and_never_takes_a_prompt_for_one() -> None:
    assert chosen("-r", "20261120-16").resume == "20261120-16"
    assert chosen("-r").continue_last
    options = chosen("-r", "and now the docs")
    assert (options.resume, options.continue_last, options.prompt) == (None, True, ("and now the docs",))
    assert "-c is the last session" in complaint("-c", "-r", "x")


def test_a_fork_needs_to_know_of_what() -> None:
    assert chosen("-c", "--fork").fork
    assert "say which" in complaint("--fork")


def test_files_and_folders_become_paths() -> None:
    options = chosen("-C", "a", "--add-dir", "b", "-f", "c", "--image", "d", "-o", "e", "--json-schema", "f")
    assert options.cd == Path("a")
    assert options.add_dir == (Path("b"),)
    assert (options.files, options.images) == ((Path("c"),), (Path("d"),))
    assert (options.output_file, options.json_schema) == (Path("e"), Path("f"))


def test_the_choices_are_those_of_the_types() -> None:
    assert get_args(Effort) == EFFORTS
    assert get_args(PermissionMode) == PERMISSION_MODES
    assert FORMATS == ("text", "json", "stream-json")


def test_the_help_shows_every_option_under_a_heading() -> None:
    text = CliRunner().invoke(kcode, ["run", "--help"]).output
    for words in ("Who works:", "How much:", "--max-budget-usd, --budget, --max-price", "-r, --resume [ID]"):
        assert words in text

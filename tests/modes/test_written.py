import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcode.modes.load import load_modes
from kcode.modes.mode import GRANTED, Mode, parse_mode
from kcode.modes.written import new_text, written

line = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=30).map(
    lambda text: " ".join(text.split())
)


@given(
    st.builds(
        Mode,
        name=st.just("x"),
        title=line.filter(bool),
        prompt=st.text(st.characters(codec="utf-8"), min_size=1).map(
            lambda text: "\n".join(text.splitlines()).strip() or "You look."
        ),
        groups=st.frozensets(st.sampled_from(GRANTED)),
        edits=st.sampled_from([None, r"\.md$", r"^a: #b\.(c|d)$", "yes", "[a-z]", "'"]),
        model=st.sampled_from([None, "ollama/qwen3.6:27b", "openai/gpt-5"]),
        effort=st.sampled_from([None, "high"]),
        when_to_use=line,
        description=line,
        source=st.just("x.md"),
    )
)
def test_what_is_written_is_read_back_as_the_same_mode(mode: Mode) -> None:
    assert parse_mode("x", written(mode), "x.md") == mode


@pytest.mark.parametrize("name", ["orchestrator", "architect", "code"])
def test_a_built_in_mode_survives_being_written(name: str) -> None:
    mode = load_modes()[0][name]
    assert parse_mode(name, written(mode), "built in") == mode


def test_a_mode_to_begin_with_loads_as_it_is_and_with_every_line_taken_in() -> None:
    text = new_text("deep-review")
    mode = parse_mode("deep-review", text, "x.md")
    assert mode.title == "Deep review" and mode.groups == {"read", "edit", "command"}
    for key in ("edits", "model", "effort"):
        text = text.replace(f"# {key}: ", f"{key}: ")
    full = parse_mode("deep-review", text, "x.md")
    assert (full.edits, full.model, full.effort) == (r"\.md$", "anthropic/claude-sonnet-4-5", "medium")

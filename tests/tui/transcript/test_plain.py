import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcode.messages import Change, Todo
from kcode.tui.transcript.block import Asked, Block, Call, Notice, Replied, Said, State, Subtask, Thought
from kcode.tui.transcript.blocks import view_of
from kcode.tui.transcript.plain import can_unfold, headed, text_of

FOREIGN = st.text(st.characters() | st.sampled_from("\x1b[]31m;\x07\r\n\t\u202e\u200b"), max_size=40)
STATES: list[State] = ["writing", "waiting", "asking", "running", "ok", "failed", "stopped"]


@st.composite
def blocks(draw: st.DrawFn) -> Block:
    words = draw(FOREIGN)
    change = Change(path=draw(FOREIGN), diff=f"@@ -1 +1 @@\n-{words}\n+{draw(FOREIGN)}", added=1, removed=1)
    todo = Todo(text=words)
    call = Call(
        key=0,
        name=draw(FOREIGN),
        title=draw(FOREIGN),
        state=draw(st.sampled_from(STATES)),
        output=words,
        result=draw(FOREIGN),
        changes=draw(st.sampled_from([(), (change,)])),
        todos=draw(st.sampled_from([None, (todo,)])),
    )
    choices: list[Block] = [
        Said(key=0, text=words, images=1),
        Replied(key=0, text=words),
        Thought(key=0, text=words, is_open=draw(st.booleans())),
        call,
        Asked(key=0, text=words, choices=(draw(FOREIGN),), answer=draw(st.none() | FOREIGN)),
        Subtask(key=0, task="t", mode=draw(FOREIGN), model="m", title=words, doing=draw(FOREIGN)),
        Notice(key=0, text=words, details=draw(FOREIGN)),
    ]
    return draw(st.sampled_from(choices))


@given(blocks())
def test_all_text_of_a_block_is_printable(block: Block) -> None:
    assert headed(block).replace("\n", "").isprintable()


@given(blocks(), st.booleans(), st.integers(20, 100))
def test_every_line_of_a_block_is_printable_and_fits(block: Block, is_unfolded: bool, width: int) -> None:
    for line in view_of(block, is_unfolded).laid_out(width):
        assert line.text.isprintable()
        assert line.cells <= width


@pytest.mark.parametrize("state", STATES)
def test_a_call_can_be_unfolded_when_it_is_done(state: State) -> None:
    call = Call(key=0, name="shell", title="x", state=state, result="y")
    assert can_unfold(call) == (state in ("ok", "failed", "stopped"))


def test_the_text_of_a_call_has_all_that_it_changed() -> None:
    change = Change(path="a.py", diff="@@ -1 +1 @@\n-x\n+y\n", added=1, removed=1)
    call = Call(key=0, name="edit", title="Edit a.py", state="ok", result="Edited.", changes=(change,))
    assert text_of(call) == "Edit a.py\nedited a.py\n@@ -1 +1 @@\n-x\n+y"

from collections.abc import Iterator, Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from kcode.agent.loop import NOT_FINISHED
from kcode.events import (
    Answered,
    ApprovalAsked,
    BudgetSet,
    CallArrived,
    Condensed,
    Event,
    MessageAdded,
    ModeChanged,
    Noticed,
    OutputArrived,
    QuestionAsked,
    Retrying,
    Rewound,
    Spend,
    Spent,
    TaskEnded,
    TaskStarted,
    TextArrived,
    ThinkingArrived,
    ToolStarted,
)
from kcode.messages import Change, Image, Message, Prompt, Reply, Todo, ToolCall, ToolResult
from kcode.tui.transcript.block import Asked, Block, Call, Notice, Replied, Said, Subtask, Thought
from kcode.tui.transcript.story import Story

MAIN = "main"
K = 0
"""A key does not count when blocks are compared."""


def added(message: Message, task: str = MAIN) -> MessageAdded:
    return MessageAdded(task=task, message=message)


def text(words: str, task: str = MAIN) -> TextArrived:
    return TextArrived(task=task, text=words)


def thinking(words: str) -> ThinkingArrived:
    return ThinkingArrived(task=MAIN, text=words)


def started(id: str, name: str = "shell", title: str = "Run make", task: str = MAIN) -> ToolStarted:
    return ToolStarted(task=task, call_id=id, name=name, title=title)


def calls(*ids: str, name: str = "shell") -> Reply:
    return Reply(calls=tuple(ToolCall(id=id, name=name) for id in ids), stop="calls")


def told(*events: Event, task: str | None = None, at: Sequence[float] = ()) -> list[Block]:
    story = Story()
    for place, event in enumerate(events):
        story.add(event, at[place] if at else None)
    return list(story.blocks(task))


def one_call(*events: Event) -> Call:
    *_, call = told(added(calls("c")), *events)
    assert isinstance(call, Call)
    return call


def test_a_prompt_and_an_answer() -> None:
    image = Image(media_type="image/png", data="")
    assert told(added(Prompt(text="hello", images=(image,))), added(Reply(text="Hi."))) == [
        Said(key=K, text="hello", images=1),
        Replied(key=K, text="Hi."),
    ]


def test_an_answer_grows_while_it_arrives_and_is_whole_when_it_is_there() -> None:
    assert told(text("Hi "), text("there")) == [Replied(key=K, text="Hi there", is_open=True)]
    assert told(text("Hi "), text("there"), added(Reply(text="Hi there."))) == [
        Replied(key=K, text="Hi there.")
    ]


def test_the_block_of_an_answer_stays_the_same_one() -> None:
    story = Story()
    story.add(thinking("hm"))
    story.add(text("Hi"))
    keys = [block.key for block in story.blocks()]
    story.add(added(Reply(text="Hi.", thinking=({"type": "thinking", "thinking": "hm"},))))
    assert [block.key for block in story.blocks()] == keys


def test_thinking_stands_before_the_words_even_when_it_comes_between_them() -> None:
    assert told(text("a"), thinking("hm"), text("b")) == [
        Thought(key=K, text="hm", is_open=True),
        Replied(key=K, text="ab", is_open=True),
    ]


def test_thinking_is_read_out_of_the_blocks_of_every_provider() -> None:
    blocks = (
        {"type": "thinking", "thinking": "one", "signature": "s"},
        {"type": "reasoning_content", "text": "two"},
        {
            "type": "reasoning_details",
            "reasoning_details": [{"type": "reasoning.summary", "summary": "three"}],
        },
        {
            "type": "reasoning_items",
            "reasoning_items": [{"summary": [{"text": "four"}], "encrypted_content": "x"}],
        },
        {"type": "redacted_thinking", "data": "x"},
    )
    assert told(added(Reply(text="Hi", thinking=blocks)))[0] == Thought(
        key=K, text="one\n\ntwo\n\nthree\n\nfour"
    )


def test_a_retry_voids_what_was_heard() -> None:
    retry = Retrying(task=MAIN, attempt=1, wait=4, model="a/b", reason="Overloaded.")
    assert told(thinking("hm"), text("Hi"), retry, text("Hello")) == [
        Notice(key=K, text="Overloaded. — again in 4 s with a/b (attempt 2)", tone="warning", is_retry=True),
        Replied(key=K, text="Hello", is_open=True),
    ]


def test_retries_in_a_row_are_one_notice() -> None:
    def retry(attempt: int) -> Retrying:
        return Retrying(task=MAIN, attempt=attempt, wait=0, model="a/b", reason="Cut.")

    (notice,) = told(retry(1), text("x"), retry(2))
    assert isinstance(notice, Notice) and notice.text == "Cut. — again with a/b (attempt 3)"


def test_a_call_is_seen_while_it_is_written() -> None:
    assert told(
        CallArrived(task=MAIN, index=0, name="edit", text='{"pa'),
        CallArrived(task=MAIN, index=0, name="", text='th"'),
    ) == [Call(key=K, name="edit", title="edit", state="writing", written=7)]


def test_a_call_goes_from_waiting_to_its_result() -> None:
    assert one_call() == Call(key=K, name="shell", title="shell", state="waiting")
    running = one_call(started("c"), OutputArrived(task=MAIN, call_id="c", text="a\n"))
    assert (running.title, running.state, running.output) == ("Run make", "running", "a\n")
    done = one_call(
        started("c"),
        OutputArrived(task=MAIN, call_id="c", text="a\n"),
        added(ToolResult(call_id="c", text="a")),
    )
    assert (done.state, done.output, done.result) == ("ok", "", "a")
    assert one_call(added(ToolResult(call_id="c", text="no", ok=False))).state == "failed"


def test_a_call_that_was_cut_short_did_not_fail() -> None:
    assert one_call(added(ToolResult(call_id="c", text=NOT_FINISHED, ok=False))).state == "stopped"


def test_a_call_knows_how_long_it_took_if_somebody_said_when_it_was() -> None:
    events = (added(calls("c")), started("c"), added(ToolResult(call_id="c", text="")))
    (call,) = told(*events, at=[1, 2, 5.5])
    assert isinstance(call, Call) and (call.began, call.ended) == (2, 5.5)


def test_changes_and_todos_come_with_the_result() -> None:
    change, todo = Change(path="a", diff="", added=1, removed=0), Todo(text="x")
    call = one_call(added(ToolResult(call_id="c", text="", changes=(change,), todos=(todo,))))
    assert (call.changes, call.todos) == ((change,), (todo,))


def test_the_same_id_in_a_later_step_is_another_call() -> None:
    first, second = told(
        added(calls("c")),
        added(ToolResult(call_id="c", text="1")),
        added(calls("c")),
        added(ToolResult(call_id="c", text="2")),
    )
    assert isinstance(first, Call) and isinstance(second, Call)
    assert (first.result, second.result) == ("1", "2")


def test_a_call_waits_for_its_approval() -> None:
    asked = ApprovalAsked(
        task=MAIN, id="q1", call_id="c", name="shell", title="Run rm", preview="rm", reason=""
    )
    assert one_call(asked).state == "asking"
    assert one_call(asked, Answered(task=MAIN, id="q1", answer="once")).state == "waiting"


def test_a_question_shows_its_answer() -> None:
    asked = QuestionAsked(task=MAIN, id="q1", text="Which?", choices=("a", "b"))
    assert told(asked) == [Asked(key=K, text="Which?", choices=("a", "b"))]
    assert told(asked, Answered(task=MAIN, id="q1", answer="b")) == [
        Asked(key=K, text="Which?", choices=("a", "b"), answer="b")
    ]


def test_a_command_of_the_users_own_is_a_call_without_a_reply() -> None:
    (call,) = told(
        started("user-1", title="! ls", task="user"),
        OutputArrived(task=MAIN, call_id="user-1", text="a.py\n"),
    )
    assert isinstance(call, Call)
    assert (call.title, call.state, call.output) == ("! ls", "running", "a.py\n")


def test_output_of_a_call_that_is_done_is_not_shown() -> None:
    done = one_call(
        added(ToolResult(call_id="c", text="x")), OutputArrived(task=MAIN, call_id="c", text="late")
    )
    assert done.output == ""


def test_notices_in_words() -> None:
    notices = told(
        ModeChanged(task=MAIN, mode="ask", model="a/b", effort="high"),
        BudgetSet(task=MAIN, micro_dollars=2_000_000),
        BudgetSet(task=MAIN, micro_dollars=None),
        Condensed(task=MAIN, summary="all", kept=2, before=120_000, after=9_000),
        Noticed(task=MAIN, text="Mind the gap."),
        TaskEnded(task=MAIN, outcome="cancelled", text="Cancelled."),
        TaskEnded(task=MAIN, outcome="failed", text="No."),
        TaskEnded(task=MAIN, outcome="done", text="Done."),
    )
    assert [(n.text, n.tone) for n in notices if isinstance(n, Notice)] == [
        ("ask · a/b · high", "info"),
        ("Budget: $2.000", "info"),
        ("Budget: off", "info"),
        ("The conversation was condensed: 120k → 9k tokens", "info"),
        ("Mind the gap.", "info"),
        ("Cancelled.", "warning"),
        ("No.", "error"),
    ]


CHILD = TaskStarted(task="t1", parent=MAIN, mode="ask", model="a/b", project="")


def test_of_several_switches_in_a_row_only_the_last_is_shown() -> None:
    switches = [ModeChanged(task=MAIN, mode=mode, model="a/b") for mode in ("ask", "debug", "code")]
    shown = told(*switches, added(Prompt(text="go")), *switches[:1])
    assert [block.text for block in shown if isinstance(block, Notice)] == ["code · a/b", "ask · a/b"]


def test_a_subtask_is_one_block_here_and_a_story_of_its_own() -> None:
    events = (CHILD, added(Prompt(text="Find it"), "t1"), started("x", "grep", "Search it", "t1"))
    assert told(*events) == [
        Subtask(key=K, task="t1", mode="ask", model="a/b", title="Find it", doing="Search it")
    ]
    assert told(*events, task="t1") == [
        Said(key=K, text="Find it", mode="ask", model="a/b"),
        Call(key=K, name="grep", title="Search it", state="running"),
    ]


def test_every_turn_says_which_mode_and_model_hear_it() -> None:
    begun = TaskStarted(task=MAIN, parent=None, mode="code", model="a/b", project="")
    events = (begun, added(Prompt(text="one")), ModeChanged(task=MAIN, mode="ask", model="c/d"))
    said = [block for block in told(*events, added(Prompt(text="two"))) if isinstance(block, Said)]
    assert [(block.text, block.mode, block.model) for block in said] == [
        ("one", "code", "a/b"),
        ("two", "ask", "c/d"),
    ]


def test_a_subtask_that_changes_its_model_says_so() -> None:
    (block,) = told(CHILD, ModeChanged(task="t1", mode="ask", model="c/d"))
    assert isinstance(block, Subtask) and block.model == "c/d"


def test_a_subtask_knows_its_money_and_its_end() -> None:
    spent = Spent(
        task="t1", request="r", purpose="chat", mode="ask", model="a/b", spend=Spend(micro_dollars=1_500)
    )
    (subtask,) = told(CHILD, spent, spent, TaskEnded(task="t1", outcome="done", text="Found."))
    assert isinstance(subtask, Subtask)
    assert (str(subtask.total), subtask.outcome) == ("$0.0030", "done")


# Live and resumed

WORDS = st.text("ab \n", max_size=12)
CUT = st.integers(1, 5)


@st.composite
def replies(draw: st.DrawFn) -> Reply:
    thoughts = draw(WORDS)
    return Reply(
        text=draw(WORDS),
        thinking=({"type": "thinking", "thinking": thoughts, "signature": "s"},) if thoughts else (),
        calls=tuple(
            ToolCall(id=f"c{n}", name="shell", arguments="{}") for n in range(draw(st.integers(0, 3)))
        ),
    )


def pieces(words: str, size: int) -> Iterator[str]:
    return (words[start : start + size] for start in range(0, len(words), size))


@st.composite
def steps(draw: st.DrawFn) -> list[Event]:
    """What a step tells while it happens; cancelled or retried now and then."""
    reply, size = draw(replies()), draw(CUT)
    thoughts = "".join(block["thinking"] for block in reply.thinking)
    heard: list[Event] = [
        *map(thinking, pieces(thoughts, size)),
        *map(text, pieces(reply.text, size)),
        *(CallArrived(task=MAIN, index=n, name=c.name, text="{}") for n, c in enumerate(reply.calls)),
    ]
    told: list[Event] = []
    if draw(st.booleans()):
        told += [*heard[: draw(CUT)], Retrying(task=MAIN, attempt=1, wait=1, model="a/b", reason="Cut.")]
    if draw(st.integers(0, 5)) == 0:
        return [*told, *heard[: draw(CUT)], TaskEnded(task=MAIN, outcome="cancelled", text="Cancelled.")]
    cut = draw(CUT)
    told += [
        *heard[:cut],
        *([Noticed(task=MAIN, text="By the way.")] if draw(st.booleans()) else []),
        *heard[cut:],
    ]
    told.append(added(reply))
    for call in draw(st.permutations(reply.calls)):
        told += [started(call.id), OutputArrived(task=MAIN, call_id=call.id, text=draw(WORDS))]
        told.append(added(ToolResult(call_id=call.id, text=draw(WORDS), ok=draw(st.booleans()))))
    return told


@given(st.lists(steps(), max_size=6))
def test_what_was_stored_gives_the_blocks_that_were_seen_live(script: list[list[Event]]) -> None:
    live = [event for step in script for event in step]
    stored = [event for event in live if not event.passing]
    assert told(*live) == told(*stored)


def test_blocks_are_compared_without_their_keys() -> None:
    said = Said(key=1, text="x")
    assert replace(said, key=2) == said


def test_a_subtask_takes_the_place_of_the_call_that_began_it() -> None:
    child = TaskStarted(
        task="1", parent=MAIN, mode="ask", model="a/b", project="", title="Find it", call_id="d"
    )
    events = (
        added(Reply(calls=(ToolCall(id="d", name="delegate"), ToolCall(id="e", name="read")), stop="calls")),
        started("d", "delegate", "Delegate: find it"),
        child,
        TaskEnded(task="1", outcome="done", text="Found."),
        added(ToolResult(call_id="d", text="Found. It cost nothing.")),
    )
    first, second = told(*events)
    assert isinstance(first, Subtask) and isinstance(second, Call)
    assert (first.title, first.outcome, first.result) == ("Find it", "done", "Found. It cost nothing.")


def test_a_subtask_that_goes_on_stands_where_it_was_called_again() -> None:
    child = TaskStarted(task="1", parent=MAIN, mode="ask", model="a/b", project="", title="Find it")
    again = child.model_copy(update={"call_id": "d"})
    blocks = told(
        child,
        TaskEnded(task="1", outcome="failed", text="No."),
        added(Prompt(text="once more")),
        added(Reply(calls=(ToolCall(id="d", name="delegate"),), stop="calls")),
        again,
    )
    assert [block.outcome for block in blocks if isinstance(block, Subtask)] == ["failed", ""]


def test_what_was_rewound_was_never_said() -> None:
    blocks = told(
        added(Prompt(text="one")),
        added(Reply(text="1")),
        added(Prompt(text="two")),
        added(Reply(text="2")),
        Rewound(task=MAIN, kept=2, prompts=1, unsaid="two"),
    )
    assert [block.text for block in blocks if isinstance(block, Said | Replied | Notice)] == [
        "one",
        "1",
        "Back before: two",
    ]


def test_what_kcode_says_to_the_model_is_not_shown_as_the_users_words() -> None:
    (notice,) = told(added(Prompt(text="Go on.\nIn smaller parts.", by="kcode")))
    assert isinstance(notice, Notice)
    assert (notice.text, notice.details) == ("kcode: Go on.", "In smaller parts.")

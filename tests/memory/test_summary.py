from kcode.llm.request import Request
from kcode.memory import summary
from kcode.messages import Change, Message, Prompt, Reply, Todo, ToolCall, ToolResult

CALLED = Reply(text="I look.", calls=(ToolCall(id="1", name="read", arguments='{"path": "a.py"}'),))


def result(text: str, *changes: str, ok: bool = True) -> ToolResult:
    made = tuple(Change(path=path, diff="", added=1, removed=0) for path in changes)
    return ToolResult(call_id="1", text=text, ok=ok, changes=made)


def test_a_transcript_names_who_said_what_and_cuts_results() -> None:
    text = summary.transcript([Prompt(text="mend it"), CALLED, result("x" * 9_000), result("no", ok=False)])
    assert text.startswith("USER: mend it\n\nMODEL: I look.\nCALL read {")
    assert text.count("x") == summary.RESULT_LIMIT
    assert text.endswith("RESULT (failed): no")


def test_a_transcript_is_bounded_and_keeps_the_first_prompt_and_the_newest_part() -> None:
    many: list[Message] = [Prompt(text="the task"), *[Reply(text=f"step {n} " * 200) for n in range(500)]]
    text = summary.transcript(many)
    assert len(text) < summary.TRANSCRIPT_LIMIT * 1.01
    assert text.startswith("USER: the task") and "characters left out" in text
    assert text.rstrip().endswith("step 499")


def test_the_summary_holds_what_kcode_knows_for_sure() -> None:
    messages: list[Message] = [
        Prompt(text="mend"),
        CALLED,
        result("ok", "b.py", "a.py"),
        result("ok", "a.py"),
    ]
    text = summary.assembled(" We found it. ", messages, [Todo(text="test", state="doing")], "Mode: Code.")
    assert "We found it." in text
    assert "Files changed: a.py, b.py" in text
    assert "[doing] test" in text
    assert "Mode: Code." in text


def test_the_last_step_is_kept_only_when_it_is_small() -> None:
    start: list[Message] = [Prompt(text="mend"), Reply(text="before"), Prompt(text="go on")]
    assert summary.kept([*start, CALLED, result("short")]) == 2
    assert summary.kept([*start, CALLED, result("x" * summary.KEPT_LIMIT)]) == 0
    assert summary.kept([Prompt(text="mend")]) == 0


def test_the_request_for_a_summary_has_no_tools_and_its_own_prompt() -> None:
    whole = Request(
        session="s",
        root="/r",
        task="main",
        mode="code",
        model="a/b",
        system="You are kcode",
        project="rules",
        tools=({"type": "function"},),
        messages=(Prompt(text="mend"),),
        max_tokens=16_000,
    )
    asked = summary.request(whole, whole.messages)
    assert (asked.purpose, asked.tools, asked.project, asked.system) == ("condense", (), "", summary.SYSTEM)
    assert asked.max_tokens == 4_000
    shorter = summary.shortened(whole, "in short", 0)
    assert shorter.messages == (Prompt(text="in short"),)

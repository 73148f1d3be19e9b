from typing import Any

from kcode.llm.cache import marked

Wire = dict[str, Any]


def blocks(*texts: str) -> list[Wire]:
    return [{"type": "text", "text": text} for text in texts]


SYSTEM: Wire = {"role": "system", "content": blocks("system", "project")}
ASKED: Wire = {"role": "user", "content": blocks("mend it", "<now>…</now>")}
REPLIED: Wire = {"role": "assistant", "content": None, "tool_calls": [{}, {}]}
RESULTS: list[Wire] = [{"role": "tool", "content": blocks(text)} for text in ("one", "two")]


def marks(messages: list[Wire]) -> list[tuple[int, int]]:
    return [
        (at, number)
        for at, message in enumerate(messages)
        for number, block in enumerate(message["content"] or [])
        if "cache_control" in block
    ]


def test_the_first_request_marks_system_project_and_prompt() -> None:
    assert marks(marked([SYSTEM, ASKED])) == [(0, 0), (0, 1), (1, 1)]


def test_a_later_request_marks_the_end_of_the_one_before_and_its_own() -> None:
    assert marks(marked([SYSTEM, ASKED, REPLIED, *RESULTS])) == [(0, 0), (0, 1), (1, 1), (4, 0)]
    longer = [SYSTEM, ASKED, REPLIED, *RESULTS, REPLIED, *RESULTS]
    assert marks(marked(longer)) == [(0, 0), (0, 1), (4, 0), (7, 0)]


def test_marks_change_nothing_else_and_leave_what_they_were_given_alone() -> None:
    messages = [SYSTEM, ASKED, REPLIED, *RESULTS]
    before = repr(messages)
    plain = [
        message
        | {
            "content": message["content"]
            and [{k: b[k] for k in ("type", "text")} for b in message["content"]]
        }
        for message in marked(messages)
    ]
    assert repr(messages) == before
    assert plain == messages


def test_a_mark_can_be_for_an_hour() -> None:
    (message,) = marked([{"role": "system", "content": blocks("system")}], "1h")
    assert message["content"][0]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}

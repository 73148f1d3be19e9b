import threading

from kcode.events import CallArrived, Event, Noticed, OutputArrived, TextArrived, ThinkingArrived
from kcode.tui.engine.passage import OUTPUT_KEPT, Passage


def text(words: str, task: str = "main") -> TextArrived:
    return TextArrived(task=task, text=words)


def crossed(*events: Event) -> list[Event]:
    passage: Passage[str] = Passage()
    for event in events:
        passage.put(event)
    return [event for event in passage.take() if not isinstance(event, str)]


def test_pieces_of_one_answer_arrive_as_one() -> None:
    assert crossed(text("a"), text("b"), text("c")) == [text("abc")]


def test_thinking_and_text_keep_their_order() -> None:
    thought = ThinkingArrived(task="main", text="hm")
    assert crossed(text("a"), thought, text("b"), text("c")) == [text("a"), thought, text("bc")]


def test_two_tasks_that_speak_at_once_are_not_mixed() -> None:
    assert crossed(text("a", "one"), text("b", "two"), text("c", "one")) == [
        text("ac", "one"),
        text("b", "two"),
    ]


def test_a_logged_event_parts_what_came_before_from_what_comes_after() -> None:
    notice = Noticed(task="main", text="!")
    assert crossed(text("a"), notice, text("b")) == [text("a"), notice, text("b")]


def test_the_name_of_a_call_stays_when_later_pieces_have_none() -> None:
    first = CallArrived(task="main", index=0, name="edit", text="{")
    assert crossed(first, CallArrived(task="main", index=0, name="", text="}")) == [
        CallArrived(task="main", index=0, name="edit", text="{}")
    ]


def test_of_endless_output_the_end_is_kept() -> None:
    line = "x" * 999 + "\n"
    lines = [OutputArrived(task="main", call_id="c", text=f"{n:5}{line}") for n in range(2_000)]
    (one,) = crossed(*lines)
    assert isinstance(one, OutputArrived)
    assert OUTPUT_KEPT <= len(one.text) < OUTPUT_KEPT + 2_000
    assert one.text.endswith(f"{1999:5}{line}")


def test_what_is_taken_does_not_come_again() -> None:
    passage: Passage[str] = Passage()
    passage.put(text("a"))
    assert passage.take() == [text("a")]
    passage.put(text("b"))
    passage.put("a word")
    assert passage.take() == [text("b"), "a word"]


def test_nothing_is_lost_between_two_threads() -> None:
    passage: Passage[str] = Passage()
    notices = [Noticed(task="main", text=str(n)) for n in range(5_000)]

    def tell() -> None:
        for notice in notices:
            passage.put(notice)
            passage.put(text("x"))

    teller = threading.Thread(target=tell)
    teller.start()
    heard: list[Event | str] = []
    while teller.is_alive():
        heard += passage.take()
    heard += passage.take()
    assert [event for event in heard if isinstance(event, Noticed)] == notices
    assert sum(len(event.text) for event in heard if isinstance(event, TextArrived)) == 5_000


def test_news_are_told_once_until_they_are_taken() -> None:
    told: list[int] = []
    passage: Passage[str] = Passage(lambda: told.append(1))
    passage.put(text("a"))
    passage.put(text("b"))
    passage.put("a word")
    assert len(told) == 1
    passage.take()
    passage.put(text("c"))
    assert len(told) == 2

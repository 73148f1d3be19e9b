import pytest

from kcode.memory.code.words import asked, is_distinct, parts


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("where is the row reserved", "reserve_row"),
        ("reservations", "Reservation"),
        ("retries", "RetryAfter"),
        ("parsing HTTP headers", "parseHTTPHeader"),
        ("secret files", "is_secret"),
        ("the user's session", "SessionStore"),
    ],
)
def test_words_mean_names(question: str, name: str) -> None:
    assert asked(question) & parts(name)


def test_little_words_say_nothing() -> None:
    assert asked("Where is it, and who does that?") == frozenset()


def test_a_name_that_could_be_of_anything_is_not_distinct() -> None:
    assert [name for name in ("get", "_run", "get_row", "Ledger", "toString") if is_distinct(name)] == [
        "get_row",
        "Ledger",
        "toString",
    ]

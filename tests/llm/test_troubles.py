from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from pydantic import SecretStr

from kcode.errors import ProviderError, ProviderTrouble
from kcode.llm.lines import BadStream, ErrorEvent
from kcode.llm.troubles import HAPPENED, TO_DO, Whom, trouble_of

WHOM = Whom(provider="Acme", model="acme/x", key_hint="ACME_API_KEY", place="http://acme.test")


class Answered(Exception):
    """An error as the libraries make it of a provider's answer."""

    def __init__(
        self, status: int | None, text: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(text)
        self.status_code = status
        self.body = body
        self.headers = headers or {}


def trouble(status: int | None, text: str, **more: Any) -> ProviderError:
    return trouble_of(Answered(status, text, **more), WHOM, has_begun=False)


@pytest.mark.parametrize(
    ("status", "text", "expected"),
    [
        (
            400,
            "This model's maximum context length is 128000 tokens. However, you requested 130000",
            "window",
        ),
        (400, '{"error": {"code": "context_length_exceeded"}}', "window"),
        (400, "prompt is too long: 208310 tokens > 200000 maximum", "window"),
        (400, "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000", "window"),
        (
            400,
            "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
            "window",
        ),
        (413, '{"type": "error", "error": {"type": "request_too_large"}}', "window"),
        (400, "Requested token count exceeds the model's maximum context length of 131072 tokens", "window"),
        (400, "Your request exceeded model token limit: 262144. too many tokens", "window"),
        (
            400,
            "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
            "window",
        ),
        (400, "the request exceeds the available context size, try increasing it", "window"),
        (500, "Please reduce the length of the messages or completion.", "window"),
        (429, "Rate limit: too many tokens per minute", "rate_limit"),
        (429, "Request too large for gpt-x on tokens per min (TPM)", "rate_limit"),
        (
            429,
            '{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "You exceeded your current quota, '
            'please check your plan and billing details."}}',
            "rate_limit",
        ),
        (
            429,
            '{"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}',
            "credit",
        ),
        (400, "Your credit balance is too low to access the Anthropic API.", "credit"),
        (402, "Insufficient Balance", "credit"),
        (529, '{"error": {"type": "overloaded_error", "message": "Overloaded"}}', "overloaded"),
        (503, "The model is overloaded. Please try again later.", "overloaded"),
        (503, "upstream connect error", "overloaded"),
        (502, "<html><body>Bad Gateway</body></html>", "server"),
        (500, "Internal server error", "server"),
        (401, "Unauthorized", "key"),
        (400, "API key not valid. Please pass a valid API key.", "key"),
        (403, "Your API key does not have permission to use the specified resource", "key"),
        (403, "<!DOCTYPE html><title>Just a moment...</title>", "request"),
        (404, "model: claude-x", "model"),
        (400, "x is not a valid model ID", "model"),
        (404, '{"error": {"message": "No endpoints found for acme/x."}}', "model"),
        (400, "Unsupported parameter: 'max_tokens' is not supported with this model.", "request"),
        (422, "field required", "request"),
        (400, "The response was filtered due to the prompt triggering content management policy.", "refused"),
        (403, "Your input was flagged by moderation", "refused"),
        (408, "Request timed out", "timeout"),
        (504, "Gateway time-out", "server"),
        (None, '{"type": "rate_limit_error", "message": "slow down"}', "rate_limit"),
    ],
)
def test_the_wordings_of_the_providers_are_understood(
    status: int | None, text: str, expected: ProviderTrouble
) -> None:
    assert trouble(status, text).trouble == expected


def test_an_error_inside_of_a_stream_has_its_own_status() -> None:
    event = ErrorEvent({"error": {"code": 429, "message": "Rate limited upstream"}})
    error = trouble_of(event, WHOM, has_begun=True)
    assert (error.trouble, error.status) == ("rate_limit", 429)
    assert "Rate limited upstream" in str(error)


def test_what_litellm_makes_of_a_status_counts_less_than_the_status() -> None:
    made = Answered(500, "InternalServerError")
    made.__context__ = Answered(529, "Overloaded")
    assert trouble_of(made, WHOM, has_begun=False).status == 529


def test_a_lost_connection_is_a_cut_answer_when_it_had_begun() -> None:
    made = Answered(500, "Connection error")
    made.__cause__ = ConnectionResetError(104, "Connection reset by peer")
    before, after = (trouble_of(made, WHOM, has_begun=begun) for begun in (False, True))
    assert (before.trouble, before.status) == ("unreachable", None)
    assert (after.trouble, after.status) == ("cut", None)
    assert "Connection reset by peer" in str(before)


def test_what_happened_and_what_to_do_are_two_sentences() -> None:
    assert str(trouble(429, "Slow down.")) == (
        "Acme takes no more requests for now (429): Slow down. Wait a little, or choose another model."
    )


@pytest.mark.parametrize(
    "text",
    [
        'litellm.BadRequestError: AcmeException - {"error": {"message": "no such tool"}}',
        """litellm.APIError: APIError: AcmeException - b'{"error": {"message": "no such tool"}}'""",
        '{"error": "no such tool"}',
        '{"message": "no such tool"}',
        "no such tool",
        b"no\\nsuch\\ttool\\x1b".decode("unicode_escape").rstrip(),
    ],
)
def test_the_providers_own_words_are_dug_out(text: str) -> None:
    assert str(trouble(400, text)).startswith("Acme does not understand the request (400): no such tool. ")


def test_a_web_page_is_not_shown() -> None:
    assert str(trouble(502, "<html>a long page</html>")) == (
        "Acme failed (502). Try again later, or choose another model."
    )


def test_a_long_text_is_shortened() -> None:
    assert len(str(trouble(400, "x" * 5000))) < 500


def test_secrets_are_struck_out() -> None:
    whom = Whom("Acme", "acme/x", "K", "there", secrets=(SecretStr("my-own-secret"),))
    error = trouble_of(
        Answered(500, "failed for my-own-secret and sk-abcdefghij0klmnopqrstuv"), whom, has_begun=False
    )
    assert "my-own-secret" not in str(error)
    assert "sk-abcdefghij0klmnopqrstuv" not in str(error)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "12"}, 12),
        ({"Retry-After": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, None),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_the_wish_to_wait_is_read_from_the_headers(headers: dict[str, str], seconds: float | None) -> None:
    assert trouble(429, "slow", headers=headers).retry_after == seconds


def test_a_date_is_a_number_of_seconds_from_now() -> None:
    then = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    wait = trouble(429, "slow", headers={"retry-after": then}).retry_after
    assert wait is not None
    assert 28 <= wait <= 30


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ('{"error": {"message": "x", "details": [{"retryDelay": "34s"}]}}', 34),
        ("Rate limit reached. Please try again in 1.5s.", 1.5),
        ("Rate limit reached. Please try again in 250ms.", 0.25),
    ],
)
def test_or_from_the_text(text: str, seconds: float) -> None:
    assert trouble(429, text).retry_after == seconds


def test_every_trouble_has_its_sentences() -> None:
    for kind, advice in TO_DO.items():
        error = trouble_of(BadStream(kind, "reason"), WHOM, has_begun=True)
        assert str(error).startswith(f"Acme {HAPPENED[kind]}")
        assert str(error).endswith(advice.format(place=WHOM.place, key=WHOM.key_hint, model=WHOM.model))

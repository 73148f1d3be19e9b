"""What can go wrong.

Exception
├── ToolError            for the model: becomes the result of its call
└── KcodeError           for the user: says what to do, and carries the exit code
    ├── BadInput         2    flags, settings, files, a folder that is not there
    │   └── NoKey             no key for the provider
    ├── NeedsApproval    3    a call that the policy does not allow, and nobody to ask
    ├── OverBudget       4
    ├── TurnLimit        5
    ├── Runaway          5    the work goes in circles
    ├── ProviderError    1    what a provider answered, or that it did not
    │   ├── WindowFull        the conversation does not fit the model's window
    │   └── Unavailable  75   all retries and fallbacks were in vain
    └── TimeLimit        124

Anything else is a bug, and is logged with its traceback.
"""

from typing import ClassVar, Literal

CANCELLED, NOBODY_READS = 130, 141
"""Exit codes that no error carries: the user's Ctrl-C, and a reader of the output who went away."""

ProviderTrouble = Literal[
    "unreachable",  # no connection, DNS, TLS, or the connection was lost before an answer
    "timeout",  # connected, but silent
    "rate_limit",
    "overloaded",
    "server",
    "cut",  # the stream ended before the answer did
    "empty",  # an answer without text and calls
    "garbled",  # something that is no answer: HTML, broken JSON
    "key",
    "credit",
    "model",
    "window",
    "request",
    "refused",
]

Scope = Literal["request", "task", "session", "day", "month", "repository"]
"""What a budget is for."""


class ToolError(Exception):
    """Its text is read by the model."""


class KcodeError(Exception):
    """Its text is read by the user and says what to do."""

    exit_code: ClassVar[int] = 1


class BadInput(KcodeError):
    exit_code = 2


class NoKey(BadInput):
    pass


class NeedsApproval(KcodeError):
    exit_code = 3


class OverBudget(KcodeError):
    """A request that did not leave. Money is micro-dollars.

    `scope` (with `key`, the task) is that of the budget that it does not fit into, of which `left` is left; `needed`
    is the most that it can cost, None where the model has no price. `may_fit_later`: it would fit if what is under
    way there came to cost nothing.
    """

    exit_code = 4

    def __init__(
        self,
        text: str,
        *,
        scope: Scope = "session",
        key: str = "",
        limit: int = 0,
        left: int = 0,
        needed: int | None = None,
        may_fit_later: bool = False,
    ) -> None:
        super().__init__(text)
        self.scope: Scope = scope
        self.key = key
        self.limit = limit
        self.left = left
        self.needed = needed
        self.may_fit_later = may_fit_later


class TurnLimit(KcodeError):
    exit_code = 5


class Runaway(KcodeError):
    """The work goes in circles."""

    exit_code = 5


class TimeLimit(KcodeError):
    exit_code = 124


class ProviderError(KcodeError):
    """Every failure of a request, whatever the provider and the library below call it.

    `text` has been redacted and holds one sentence of what happened and one of what to do.
    `retry_after` is the provider's own wish, in seconds.
    """

    RETRYABLE: ClassVar[frozenset[ProviderTrouble]] = frozenset(
        {"unreachable", "timeout", "rate_limit", "overloaded", "server", "cut", "empty", "garbled"}
    )

    def __init__(
        self,
        trouble: ProviderTrouble,
        text: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(text)
        self.trouble: ProviderTrouble = trouble
        self.status = status
        self.retry_after = retry_after

    @property
    def is_retryable(self) -> bool:
        return self.trouble in self.RETRYABLE


class WindowFull(ProviderError):
    def __init__(self, text: str, *, status: int | None = None) -> None:
        super().__init__("window", text, status=status)


class Unavailable(ProviderError):
    exit_code = 75

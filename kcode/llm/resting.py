"""Keys that have to wait: which key of a provider is used next, remembered while the process lives."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from kcode.errors import ProviderError
from kcode.keys import Key

WITHOUT_A_WORD = 30.0
"""Seconds that a key rests whose provider has not said for how long."""
REFUSED = 3600.0
"""Seconds that a key rests which is wrong, or has no credit."""


@dataclass(slots=True)
class Resting:
    clock: Callable[[], float] = time.monotonic
    _until: dict[Key, float] = field(default_factory=dict)
    _last: dict[str, Key] = field(default_factory=dict)
    """Provider -> the key that was used last: it stays in use, since the provider's cache may be the key's own."""

    def next(self, provider: str, keys: Sequence[Key | None]) -> Key | None:
        """The last one while it need not rest, else the first that need not, else the one whose rest ends first: with
        one key nobody is held back by us."""
        known = [key for key in keys if key is not None]
        if not known:
            return None
        awake = [key for key in known if not self.seconds(key)]
        last = self._last.get(provider)
        chosen = last if last in awake else awake[0] if awake else min(known, key=self.seconds)
        assert chosen is not None
        self._last[provider] = chosen
        return chosen

    def rest(self, key: Key, error: ProviderError) -> None:
        """The provider has refused this key, for now or for good. Other troubles are nobody's key's."""
        match error.trouble:
            case "rate_limit":
                seconds = WITHOUT_A_WORD if error.retry_after is None else error.retry_after
            case "key" | "credit":
                seconds = REFUSED
            case _:
                return
        self._until[key] = self.clock() + seconds

    def others(self, key: Key | None, keys: Sequence[Key | None]) -> bool:
        """Whether another one need not rest."""
        return any(other is not None and other != key and not self.seconds(other) for other in keys)

    def seconds(self, key: Key) -> float:
        """How long it still rests."""
        return max(self._until.get(key, 0.0) - self.clock(), 0.0)

    def least(self, keys: Sequence[Key | None]) -> float:
        """Seconds until one of them can be used."""
        return min(0.0 if key is None else self.seconds(key) for key in keys)

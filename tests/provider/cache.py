"""The prompt cache, simulated honestly, without a network: which tokens of a request are read, stored, fresh.

Explicit, as Anthropic documents it: a mark stores the prefix that ends with its block when that has
`min_tokens`. Each mark looks for a live entry at its own block and those before it, `look_back` positions in
all. What is read is the longest hit; from there to the last mark it is stored, each segment with the lifetime
of the mark that ends it (`ttl` seconds, or an hour); the rest is fresh. A hit makes its entry live on for its
own lifetime. A mark before the hit costs nothing.

Automatic, as OpenAI documents it: the longest prefix seen before, in whole chunks of `chunk` tokens, at least
`min_tokens`, for `ttl` seconds after its last use.

Reading and writing are two steps: what a request stores can be read by others once `write` was called, which
is when the first token of its reply is sent; two simultaneous requests both pay for storing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import accumulate, pairwise
from math import inf

from kcode.scripted.blocks import Block
from kcode.scripted.invoice import Usage
from kcode.scripted.scenario import CacheKind, CacheRules

Digest = bytes
Owner = tuple[str, ...]


class Clock:
    """Real time plus what a test adds."""

    def __init__(self) -> None:
        self._added = 0.0

    def now(self) -> float:
        return time.monotonic() + self._added

    def advance(self, seconds: float) -> None:
        self._added += seconds


@dataclass(slots=True)
class Entry:
    """A stored prefix: how long it lives after each use, and until when as of now."""

    ttl: float
    ends: float


@dataclass(frozen=True, slots=True)
class Found:
    """What the cache says to a request: its input tokens, and the entries (with lifetimes) it will store."""

    usage: Usage
    stores: dict[Digest, float] = field(default_factory=dict)


class Cache:
    """The entries of one provider. An owner (a model and a key, say) sees only its own."""

    def __init__(self, rules: CacheRules, clock: Clock) -> None:
        self.rules = rules
        self.clock = clock
        self._entries: dict[Digest, Entry] = {}

    def read(self, kind: CacheKind, owner: Owner, blocks: Sequence[Block]) -> Found:
        """Splits the input into cached, stored and fresh, and refreshes what was hit."""
        if kind == "explicit":
            return self._explicit(owner, blocks)
        if kind == "automatic":
            return self._automatic(owner, blocks)
        return Found(Usage(fresh=sum(block.tokens for block in blocks)))

    def write(self, found: Found) -> None:
        """Makes what a request stores visible to the requests after it."""
        now = self.clock.now()
        for digest, ttl in found.stores.items():
            if entry := self._live(digest):
                entry.ends = now + entry.ttl
            else:
                self._entries[digest] = Entry(ttl, now + ttl)

    def _live(self, digest: Digest) -> Entry | None:
        entry = self._entries.get(digest)
        return entry if entry and entry.ends > self.clock.now() else None

    def _touch(self, digest: Digest) -> bool:
        entry = self._live(digest)
        if entry:
            entry.ends = self.clock.now() + entry.ttl
        return entry is not None

    def _explicit(self, owner: Owner, blocks: Sequence[Block]) -> Found:
        chain = list(chained(owner, (block.data for block in blocks)))
        sums = [0, *accumulate(block.tokens for block in blocks)]
        marks = {
            end: block.mark
            for end, block in enumerate(blocks, start=1)
            if block.mark and sums[end] >= self.rules.min_tokens
        }
        hit = max((self._look_back(chain, end) for end in marks), default=0)
        counts = {"5m": 0, "1h": 0}
        for start, end in pairwise([hit, *(end for end in marks if end > hit)]):
            counts[marks[end]] += sums[end] - sums[start]
        last = max([hit, *marks])
        usage = Usage(
            fresh=sums[-1] - sums[last], cached=sums[hit], stored=counts["5m"], stored_1h=counts["1h"]
        )
        # A longer lifetime is not to be had for nothing: a mark before the hit lives no longer than the hit.
        limit = self._entries[chain[hit - 1]].ttl if hit else inf
        ttl = {"5m": self.rules.ttl, "1h": 3600.0}
        stores = {chain[end - 1]: min(ttl[mark], limit if end <= hit else inf) for end, mark in marks.items()}
        return Found(usage, stores)

    def _look_back(self, chain: Sequence[Digest], end: int) -> int:
        """The end of the longest live prefix that a mark at `end` can see; 0 is none."""
        return next(
            (e for e in range(end, max(end - self.rules.look_back, 0), -1) if self._touch(chain[e - 1])), 0
        )

    def _automatic(self, owner: Owner, blocks: Sequence[Block]) -> Found:
        size = self.rules.chunk * 4
        # Each block is padded to whole tokens of four bytes, so that a slice of bytes is a count of tokens.
        stream = b"".join(block.data.ljust(block.tokens * 4, b"\0") for block in blocks)
        chunks = [stream[at : at + size] for at in range(0, len(stream) - size + 1, size)]
        chain = list(chained(owner, chunks))
        hit = next((n for n in range(len(chain), 0, -1) if self._touch(chain[n - 1])), 0)
        cached = hit * self.rules.chunk
        if cached < self.rules.min_tokens:
            cached = 0
        return Found(
            Usage(fresh=len(stream) // 4 - cached, cached=cached), dict.fromkeys(chain, self.rules.ttl)
        )


def chained(owner: Owner, pieces: Iterator[bytes] | Sequence[bytes]) -> Iterator[Digest]:
    """For each piece a digest of it and of all before it."""
    digest = sha256("\0".join(owner).encode()).digest()
    for piece in pieces:
        digest = sha256(digest + sha256(piece).digest()).digest()
        yield digest

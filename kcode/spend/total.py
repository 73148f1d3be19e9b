"""Money of several requests."""

from kcode.events import Spend
from kcode.messages import Record, Usage
from kcode.spend.money import dollars


class Total(Record):
    micro_dollars: int = 0
    """Of those whose price is known."""
    is_estimate: bool = False
    """Some were cut or cancelled, and counted from what was heard."""
    unknown: int = 0
    """Requests whose price is unknown: the sum is at least `micro_dollars`."""
    requests: int = 0
    usage: Usage = Usage()

    @classmethod
    def of(cls, spend: Spend) -> "Total":
        return cls(
            micro_dollars=spend.micro_dollars or 0,
            is_estimate=spend.state == "estimated",
            unknown=int(spend.micro_dollars is None),
            requests=1,
            usage=spend.usage,
        )

    def __add__(self, other: "Total") -> "Total":
        return Total(
            micro_dollars=self.micro_dollars + other.micro_dollars,
            is_estimate=self.is_estimate or other.is_estimate,
            unknown=self.unknown + other.unknown,
            requests=self.requests + other.requests,
            usage=self.usage + other.usage,
        )

    def __str__(self) -> str:
        if self.unknown and not self.micro_dollars:
            return "$?"
        return dollars(self.micro_dollars, is_estimate=self.is_estimate, is_at_least=self.unknown > 0)

    @property
    def cache_share(self) -> float:
        """Of the input, what came out of the provider's cache: 0 to 1."""
        return self.usage.cached / self.usage.input if self.usage.input else 0.0

from hypothesis import given
from hypothesis import strategies as st

from kcode.events import Spend
from kcode.messages import Usage
from kcode.spend.total import Total

spends = st.builds(
    Spend,
    usage=st.builds(
        Usage, fresh=st.integers(0, 10**6), cached=st.integers(0, 10**6), output=st.integers(0, 10**6)
    ),
    micro_dollars=st.none() | st.integers(0, 10**9),
    state=st.sampled_from(["settled", "estimated", "failed"]),
)


@given(st.lists(spends))
def test_a_total_holds_what_every_request_cost(requests: list[Spend]) -> None:
    total = sum(map(Total.of, requests), Total())
    assert total.micro_dollars == sum(spend.micro_dollars or 0 for spend in requests)
    assert total.unknown == [spend.micro_dollars for spend in requests].count(None)
    assert total.is_estimate == any(spend.state == "estimated" for spend in requests)
    assert total.requests == len(requests)
    assert total.usage.total == sum(spend.usage.total for spend in requests)


def test_the_share_of_the_cache_is_that_of_the_input() -> None:
    assert Total().cache_share == 0
    assert Total(usage=Usage(fresh=25, cached=75, output=900)).cache_share == 0.75


def test_a_sum_of_unknown_amounts_alone_is_unknown() -> None:
    assert str(Total(unknown=1)) == "$?"
    assert str(Total(unknown=1, micro_dollars=14_600, is_estimate=True)) == "≥~$0.0146"
    assert str(Total()) == "$0"

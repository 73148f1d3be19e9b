"""kcode does the field's two tasks for less than whoever was measured: on the same ruler, at the same prices."""

import importlib

import pytest

from benchmarks import bill
from benchmarks.bill_tasks import FIX, LONG, RIVALS, Job
from benchmarks.first_request import encoder


@pytest.mark.parametrize(
    ("number", "job"), [(0, FIX), pytest.param(1, LONG, marks=pytest.mark.slow)], ids=["seven", "thirty"]
)
async def test_the_bill_is_below_every_one_that_was_measured(number: int, job: Job) -> None:
    received = await bill.played(job, "anthropic")
    own = bill.bill_of(job, received, "sonnet", encoder())
    assert own.requests == len(job.steps)
    assert own.dollars < min(rival.measured[number] for rival in RIVALS)
    assert own.usage.fresh == 0, "all that is sent is cached from the first request on"


async def test_the_reconstruction_of_the_tasks_gives_what_was_measured_of_each_agent() -> None:
    encode = encoder()
    received = await bill.played(FIX, "anthropic")
    growth = bill.results_of(received, encode)
    for rival in RIVALS:
        assert bill.as_rival(rival, FIX, growth, encode) == pytest.approx(rival.measured[0], rel=0.08)


def test_the_benchmarks_can_be_named() -> None:
    from benchmarks.__main__ import KNOWN

    assert all(callable(importlib.import_module(f"benchmarks.{name}").main) for name in KNOWN)

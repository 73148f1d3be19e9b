import asyncio

from kcode.agent.pulse import Pulse
from kcode.events import ModeChanged, TaskStarted, TextArrived


def started(task: str, model: str) -> TaskStarted:
    return TaskStarted(task=task, parent="main", mode="ask", model=model, project="")


async def test_others_wait_for_the_first_token_of_the_first() -> None:
    pulse = Pulse(60)
    pulse(started("1", "p/x"))
    await pulse.when_warm("p/x")
    other = asyncio.ensure_future(pulse.when_warm("p/x"))
    await asyncio.sleep(0.01)
    assert not other.done()
    pulse(TextArrived(task="1", text="a"))
    await asyncio.wait_for(other, 1)


async def test_nobody_waits_for_one_that_has_taken_another_model() -> None:
    pulse = Pulse(60)
    pulse(started("1", "p/x"))
    await pulse.when_warm("p/x")
    other = asyncio.ensure_future(pulse.when_warm("p/x"))
    pulse(ModeChanged(task="1", mode="ask", model="p/y"))
    await asyncio.wait_for(other, 1)

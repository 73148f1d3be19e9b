"""Ctrl-C, SIGTERM, SIGHUP: each cancels the work that runs; a second one ends the process at once."""

import asyncio
import signal
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")

SIGNALS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
"""The exit codes: they say which it was."""


@contextmanager
def heeded(came: Callable[[int], object]) -> Iterator[None]:
    """While the running event loop works, the first signal of each kind calls it with the exit code."""
    loop = asyncio.get_running_loop()

    def once(number: signal.Signals) -> None:
        loop.remove_signal_handler(number)  # the next one ends the process
        came(SIGNALS[number])

    for number in SIGNALS:
        loop.add_signal_handler(number, once, number)
    try:
        yield
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)


def aside(work: Coroutine[Any, Any, T]) -> T:
    """Its result, from an event loop of its own in a thread, since one may run in this one. Ctrl-C cancels it."""
    begun: Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any] | None]] = Future()

    async def working() -> T:
        begun.set_result((asyncio.get_running_loop(), asyncio.current_task()))
        return await work

    with ThreadPoolExecutor(1) as thread:
        done = thread.submit(asyncio.run, working())
        try:
            return done.result()
        except KeyboardInterrupt:
            loop, task = begun.result()
            if task is not None and not done.done():
                loop.call_soon_threadsafe(task.cancel)
            raise

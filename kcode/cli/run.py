"""One task without a screen: `kcode run`, `kcode -p`."""

import asyncio
import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from kcode.cli import prompt_text
from kcode.cli.headless import JsonLines, Progress, result
from kcode.cli.options import RunOptions
from kcode.cli.shape import Shape
from kcode.cli.start import Started, start
from kcode.errors import KcodeError, ProviderError, TimeLimit
from kcode.llm import transport
from kcode.spend.receipt import Receipt

SIGNALS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
"""Each cancels the task; the exit code says which it was. A second one ends the process at once."""


def run(options: RunOptions) -> int:
    """Work on the task and print it; returns the exit code. KcodeError for what is wrong before it begins."""
    transport.start_import()  # two seconds of processor time: it runs while the rest is got ready
    shape = Shape.read(options.json_schema) if options.json_schema else None
    text = prompt_text.read(options)
    if shape:
        text = text.model_copy(update={"words": f"{text.words}\n\n{shape.request}".strip()})
    started = start(options, someone_answers=False)
    with started.put_away:
        return asyncio.run(_Run(options, started, text, shape).to_its_end())


@dataclass(slots=True)
class _Run:
    options: RunOptions
    started: Started
    text: prompt_text.Text
    shape: Shape | None
    receipt: Receipt = field(default_factory=Receipt)
    signalled: signal.Signals | None = None

    async def to_its_end(self) -> int:
        session = self.started.session
        self._listen()
        for notice in self.started.notices:
            print(f"! {notice}", file=sys.stderr)
        answer, outcome, exit_code = "", "done", 0
        try:
            with self._signals():
                answer = await self._answer()
        except asyncio.CancelledError:
            answer, outcome = "Cancelled.", "cancelled"
            exit_code = SIGNALS[self.signalled or signal.SIGINT]
        except KcodeError as error:
            answer, outcome, exit_code = str(error), reason(error), error.exit_code
        finally:
            await session.close()
        self._print(answer, outcome, exit_code)
        return exit_code

    async def _answer(self) -> str:
        session, limit = self.started.session, self.options.max_time
        if self.text.words:
            await session.say(self.text.words, self.text.images)
        try:
            async with asyncio.timeout(limit):
                answer = await session.work()
                return await self.shape.held_to(answer, session) if self.shape else answer
        except TimeoutError:
            raise TimeLimit(
                f"Stopped after {limit:g} s, the limit. Go on: kcode -c, with a longer --max-time."
            ) from None

    def _listen(self) -> None:
        session, stream = self.started.session, self.options.output_format == "stream-json"
        session.listen(self.receipt)
        if stream:
            session.listen(JsonLines(sys.stdout, self.receipt))
        else:
            session.listen(Progress(sys.stderr, self.options.verbose))

    def _print(self, answer: str, outcome: str, exit_code: int) -> None:
        session = self.started.session
        if self.options.output_format != "text":
            print(
                json.dumps(
                    result(
                        self.receipt, session=session.id, outcome=outcome, text=answer, exit_code=exit_code
                    )
                )
            )
        elif exit_code == 0:
            print(answer)
        else:
            print(f"kcode: {answer}", file=sys.stderr)
        if self.options.output_file and exit_code == 0:
            self.options.output_file.write_text(answer + "\n", encoding="utf-8")
        if self.options.output_format == "text":
            sys.stdout.flush()
            print(f"── {self.receipt.line()}", file=sys.stderr)
            if not self.options.ephemeral:
                print(f"   go on: kcode -r {session.id}", file=sys.stderr)

    @contextmanager
    def _signals(self) -> Iterator[None]:
        engine = asyncio.get_running_loop()
        working = asyncio.current_task()

        def stop(number: signal.Signals) -> Callable[[], None]:
            def cancel() -> None:
                engine.remove_signal_handler(number)  # the next one ends the process
                self.signalled = number
                if working is not None:
                    working.cancel()

            return cancel

        for number in SIGNALS:
            engine.add_signal_handler(number, stop(number))
        try:
            yield
        finally:
            for number in SIGNALS:
                engine.remove_signal_handler(number)


def reason(error: KcodeError) -> str:
    """One word for programs: why it ended."""
    from kcode.agent.loop import outcome_of

    return f"provider_{error.trouble}" if isinstance(error, ProviderError) else outcome_of(error)

"""A session without a screen: `kcode run`, `kcode -p`."""

import asyncio
import json
import signal
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path

from kcode.agent.loop import outcome_of
from kcode.cli import prompt_text
from kcode.cli.dialogue import Answer, Cancel, Command, Say, Switch, commands
from kcode.cli.headless import JsonLines, Progress, result
from kcode.cli.options import RunOptions
from kcode.cli.prompt_text import Text
from kcode.cli.shape import Shape
from kcode.cli.signals import SIGNALS, heeded
from kcode.cli.slash import expanded
from kcode.cli.start import Started, start
from kcode.errors import NOBODY_READS, BadInput, KcodeError, OverBudget, ProviderError, TimeLimit
from kcode.events import MAIN
from kcode.keys import redacted
from kcode.llm import transport
from kcode.spend import cancelled
from kcode.spend.bill import Bill
from kcode.spend.receipt import Receipt
from kcode.visible import visible


def run(options: RunOptions) -> int:
    """Work on the task and print it; returns the exit code. KcodeError for what is wrong before it begins."""
    transport.start_import()  # two seconds of processor time: it runs while the rest is got ready
    is_dialogue = options.input_format == "stream-json"
    shape = Shape.read(options.json_schema) if options.json_schema else None
    text = Text(words=" ".join(options.prompt)) if is_dialogue else prompt_text.read(options)
    options, text = expanded(options, text)
    if shape:
        text = text.model_copy(update={"words": f"{text.words}\n\n{shape.request}".strip()})
    if options.output_file:
        _check_writable(options.output_file)
    started = start(options, someone_answers=is_dialogue)
    with started.put_away:
        work = _Run(options, started, shape)
        return asyncio.run(work.to_its_end(work.dialogue(text) if is_dialogue else work.once(text)))


@dataclass(slots=True)
class _Run:
    options: RunOptions
    started: Started
    shape: Shape | None
    receipt: Receipt = field(default_factory=Receipt)
    bill: Bill = field(default_factory=Bill)
    stop: Callable[[], object] = lambda: None
    """Cancels the work."""
    if_cancelled: int = SIGNALS[signal.SIGINT]
    """The exit code."""

    async def to_its_end(self, work: Coroutine[None, None, int]) -> int:
        if working := asyncio.current_task():
            self.stop = working.cancel
        try:
            with heeded(self._came):
                self._listen()
                return await work
        finally:
            await self.started.session.close()

    async def once(self, text: Text) -> int:
        """One prompt, or what is open of the session, and its result."""
        answer, outcome, exit_code = "", "done", 0
        try:
            answer = await self._answer(text)
        except asyncio.CancelledError:
            answer, outcome = cancelled.words(self.receipt), "cancelled"
            exit_code = self.if_cancelled
        except KcodeError as error:
            answer, outcome, exit_code = str(error), reason(error), error.exit_code
        if exit_code != NOBODY_READS:
            self._print(answer, outcome, exit_code)
        return exit_code

    async def dialogue(self, first: Text) -> int:
        """What a program says on standard input, line by line, until it closes it; the exit code of the last work."""
        working: asyncio.Future[int] | None = asyncio.ensure_future(self.once(first)) if first.words else None
        try:
            async for command in commands(sys.stdin.fileno()):
                try:
                    working = await self._obey(command, working)
                except KcodeError as error:
                    print(f"! {visible(str(error))}", file=sys.stderr)
            self.started.session.nobody_answers()
            return await working if working else 0
        except asyncio.CancelledError:
            if working is None:
                return self.if_cancelled
            working.cancel()
            return await working

    async def _obey(
        self, command: Command, working: asyncio.Future[int] | None
    ) -> asyncio.Future[int] | None:
        session = self.started.session
        match command:
            case Say(task=task) if task != MAIN:
                await session.say(command.text, task=task)
            case Say() if working is None or working.done():
                working = asyncio.ensure_future(self.once(self._meant(command.text)))
                await asyncio.sleep(0)  # it has begun: a cancel on the next line finds it
            case Say():
                await session.say(self._meant(command.text).words)
            case Answer():
                session.answer(command.id, command.answer, command.words)
            case Cancel():
                session.cancel(command.task)
            case Switch():
                session.switch(command.mode, command.model, command.effort)
        return working

    def _meant(self, words: str) -> Text:
        """With a command of the user's own as what it stands for, in the mode and model that work already."""
        return expanded(self.options, Text(words=words))[1]

    async def _answer(self, text: Text) -> str:
        session, limit = self.started.session, self.options.max_time
        if text.words:
            await session.say(text.words, text.images)
        try:
            async with asyncio.timeout(limit):
                answer = await session.work()
                return await self.shape.held_to(answer, session) if self.shape else answer
        except TimeoutError:
            raise TimeLimit(
                f"Stopped after {limit:g} s, the limit. Go on: kcode -c, with a longer --max-time."
            ) from None

    def _listen(self) -> None:
        session = self.started.session
        for notice in self.started.notices:
            print(f"! {visible(notice)}", file=sys.stderr)
        session.listen(self.receipt)
        session.listen(self.bill)
        if self.options.output_format == "stream-json":
            session.listen(JsonLines(sys.stdout, self.receipt, self._nobody_reads))
        else:
            session.listen(Progress(sys.stderr, self.options.verbose))

    def _print(self, answer: str, outcome: str, exit_code: int) -> None:
        session = self.started.session.id
        if self.options.output_format != "text":
            ended = result(
                self.receipt, self.bill, session=session, outcome=outcome, text=answer, exit_code=exit_code
            )
            print(json.dumps(redacted(ended)), flush=True)
        elif exit_code == 0:
            print(file=sys.stderr)
            print(visible(answer) if sys.stdout.isatty() else answer, flush=True)
        else:
            print(f"kcode: {visible(answer)}", file=sys.stderr)
        if self.options.output_file and exit_code == 0:
            self.options.output_file.write_text(answer + "\n", encoding="utf-8")
        if self.options.output_format == "text":
            print(f"── {visible(self.receipt.line())}", file=sys.stderr)
            if not self.options.ephemeral:
                print(f"   go on: kcode -r {session}", file=sys.stderr)

    def _came(self, exit_code: int) -> None:
        self.if_cancelled = exit_code
        self.stop()

    def _nobody_reads(self) -> None:
        self.if_cancelled = NOBODY_READS
        self.stop()


def _check_writable(file: Path) -> None:
    """Before money is spent on what could not be written."""
    try:
        file.open("a").close()
    except OSError as error:
        raise BadInput(f"{file} cannot be written: {error.strerror}.") from None


def reason(error: KcodeError) -> str:
    """One word for programs: why it ended."""
    if isinstance(error, OverBudget):
        return "budget"
    return f"provider_{error.trouble}" if isinstance(error, ProviderError) else outcome_of(error)

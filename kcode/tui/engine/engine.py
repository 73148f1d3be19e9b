"""The engine: sessions in a thread and an event loop of their own, so that a stalled terminal stops nothing.

Events come out by a `Passage`; verbs go in by `call_soon_threadsafe`. A bug in here becomes a word to the screen and
a report in a file, never a dead screen.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

from kcode.errors import BadInput, KcodeError, NoKey, Scope
from kcode.events import MAIN, Effort, Event, Listener, MessageAdded, ModeChanged, Noticed, TaskStarted
from kcode.memory import log
from kcode.messages import Image, Prompt
from kcode.settings import PermissionMode
from kcode.tui.engine.passage import Passage
from kcode.tui.engine.words import (
    Broke,
    Chosen,
    Door,
    GivenBack,
    NotOpened,
    Opened,
    Permitted,
    Queued,
    Started,
    Told,
    Wish,
    Word,
    Working,
)

if TYPE_CHECKING:  # the agent is not needed for the first frame
    from kcode.agent.session import Session

logger = logging.getLogger(__name__)

PATIENCE = 5.0
"""Seconds for the engine to end what runs, when the screen closes."""
T = TypeVar("T")


class Engine:
    """Verbs may be called from the screen's thread at any time; they return at once."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._passage: Passage[Word] = Passage(lambda: self.news())
        self.news: Callable[[], None] = lambda: None
        """Called, in the engine's thread, when there is something to take again."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._started: Started | None = None
        self._wish: Wish | None = None
        self._is_closing = False
        self._woken = asyncio.Event()
        self._at_work = 0
        """How many things are at work: the model, commands of the user's own."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._order = asyncio.Lock()
        """What is said in this order is heard in this order, though getting its notes takes a moment."""

    # Verbs

    def start(self, wish: Wish) -> None:
        """Open the first session. LiteLLM's import begins, in yet another thread."""
        from kcode.llm import transport

        transport.start_import()
        self._change(wish)
        self._thread.start()

    def take(self) -> list[Told]:
        """What happened since the last time."""
        return self._passage.take()

    def open(self, wish: Wish) -> None:
        """Leave this session (whatever runs is cancelled) for another one."""
        self._soon(self._change, wish)

    def say(self, text: str, images: tuple[Image, ...] = (), task: str = MAIN) -> None:
        self._begin(lambda session: self._say(session, text, images, task))

    def take_back(self) -> None:
        """The newest of the queued messages comes back by a `GivenBack`, if it was not heard yet."""
        self._with(self._give_back_newest)

    def command(self, command: str) -> None:
        """The user's own command, run by the session's shell."""
        self._begin(lambda session: self._work(session, lambda: session.command(command)))

    def condense(self) -> None:
        self._begin(lambda session: self._work(session, session.condense))

    def drop_results(self) -> None:
        """Old long results give way to where they can be read."""
        self._begin(lambda session: self._work(session, session.drop))

    def uncondense(self) -> None:
        """The newest condensing, or dropping of results, is taken back."""
        self._with(lambda session: session.uncondense())

    def cancel(self, task: str = MAIN) -> None:
        self._with(lambda session: session.cancel(task))

    def answer(self, id: str, answer: str, words: str = "", hunks: tuple[int, ...] | None = None) -> None:
        self._with(lambda session: session.answer(id, answer, words, hunks))

    def switch(self, mode: str, model: str, effort: Effort | None = None) -> None:
        self._with(lambda session: session.switch(mode, model, effort))

    def pick(self, mode: str, model: str) -> None:
        """The model of another mode than the one at work."""
        self._with(lambda session: session.pick(mode, model))

    def enhance(self, draft: str, pasted: Mapping[str, str]) -> Future[str]:
        """The draft, made into a clear task, whatever else is at work. It can be cancelled; a KcodeError when it cannot
        be."""

        async def enhanced() -> str:
            session = await asyncio.wrap_future(self.look(lambda session: session))
            return await session.enhance(draft, pasted)

        return self.run(enhanced())

    def permit(self, mode: PermissionMode) -> None:
        self._begin(lambda session: self._permit(session, mode))

    def set_budget(self, micro_dollars: int | None, scope: Scope = "session") -> None:
        self._with(lambda session: session.set_budget(micro_dollars, scope))

    def rename(self, name: str) -> None:
        self._with(lambda session: session.rename(name))

    def look(self, at: Callable[[Session], T]) -> Future[T]:
        """Something read off the session in the engine's own thread. BadInput when there is none."""

        async def looked() -> T:
            if self._started is None:
                raise BadInput("No session is open.")
            return at(self._started.session)

        return asyncio.run_coroutine_threadsafe(looked(), self._loop)

    def run(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Something of the floors below that wants the engine's event loop, such as git."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def close(self) -> None:
        """End what runs, put everything away, and return when that is done, or after PATIENCE."""
        if self._thread.is_alive():
            self._soon(self._change, None)
            self._thread.join(PATIENCE)

    # In the engine's thread

    def _run(self) -> None:
        self._loop.set_exception_handler(self._stumbled)
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:  # it ends what is left over, too
                runner.run(self._live())
        except Exception as error:
            logger.exception("the engine broke")
            self._tell(Broke(self._bug(error)))
        finally:
            self._loop.set_exception_handler(None)

    async def _live(self) -> None:
        while not self._is_closing:
            await self._woken.wait()
            self._woken.clear()
            wish, self._wish = self._wish, None
            if wish is not None:
                await self._enter(wish)
        await self._leave()
        from kcode.llm import transport

        await transport.close()

    async def _enter(self, wish: Wish) -> None:
        """Into another session; if that cannot be, this one goes on."""
        early: list[Event] = []
        heard: Listener = early.append
        try:
            started = self._door.open(wish, lambda event: heard(event))
        except KcodeError as error:
            self._tell(NotOpened(str(error), error.exit_code, wants_key=isinstance(error, NoKey)))
            return
        except Exception as error:
            logger.exception("a session could not be opened")
            self._tell(NotOpened(self._bug(error), KcodeError.exit_code))
            return
        await self._leave()
        self._started, session = started, started.session
        past, heard = (*session.past, *early), self._hear
        notices = tuple(started.notices)
        times = _times(session, len(past)) if session.past else ()
        models = session.task.models.copy()
        self._tell(
            Opened(session.id, session.root, past, notices, session.modes, started.settings, models, times)
        )
        self._tell_choice(session)
        self._tell_permitted(session)

    async def _leave(self) -> None:
        started = self._started
        if started is None:
            return
        with started.put_away:
            started.session.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self._started = None
            await started.session.close()

    def _change(self, wish: Wish | None) -> None:
        self._wish, self._is_closing = wish, wish is None
        self._woken.set()

    def _stumbled(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """An exception that nobody awaits: a verb's, or a forgotten task's."""
        error = context.get("exception")
        if isinstance(error, Exception):
            self._tell(Noticed(task=MAIN, text=self._bug(error)))
        else:
            logger.error("event loop: %s", context.get("message"))

    def _bug(self, error: Exception) -> str:
        return f"This is a bug in kcode ({error!r}); {self._door.report(error)}"

    # What a session does

    async def _say(self, session: Session, text: str, images: tuple[Image, ...], task: str) -> None:
        try:
            async with self._order:
                await session.say(text, images, task)
        except KcodeError as error:  # a subtask that has ended
            self._tell(Noticed(task=MAIN, text=str(error)))
            self._tell(GivenBack(text))
            return
        if task != MAIN:
            return
        self._tell_queue(session)
        if not session.is_working:
            await self._work(session, session.work)

    async def _work(self, session: Session, work: Callable[[], Awaitable[object]]) -> None:
        """To its end, whatever it is. When nothing works any more, what of the queue nobody will hear is given back."""
        self._at_work += 1
        if self._at_work == 1:
            from kcode.llm import transport

            self._tell(Working(True, is_warming_up=not transport.is_loaded()))
        try:
            async with asyncio.timeout(self._door.max_time):
                await work()
            while session.task.inbox and not session.is_working:  # said after its last look at the inbox
                await session.work()
        except TimeoutError:
            limit = f"{self._door.max_time:g} s, the limit (--max-time)"
            self._tell(Noticed(task=MAIN, text=f"Stopped after {limit}. Say something to go on."))
        except asyncio.CancelledError:
            pass  # by `cancel`: nobody else cancels these tasks
        except KcodeError as error:
            if work != session.work or isinstance(error, BadInput):  # else TaskEnded has told it
                self._tell(Noticed(task=MAIN, text=str(error)))
        except Exception as error:
            logger.exception("a task broke")
            self._tell(Noticed(task=MAIN, text=self._bug(error)))
        finally:
            self._at_work -= 1
            if self._at_work == 0:
                self._give_back_all(session)
                self._tell(Working(False))

    def _give_back_all(self, session: Session) -> None:
        texts = [prompt.text for prompt in iter(session.take_back, None)]
        if texts:
            self._tell(GivenBack("\n\n".join(reversed(texts))))
        self._tell_queue(session)

    def _give_back_newest(self, session: Session) -> None:
        taken = session.take_back()
        if taken is not None:
            self._tell(GivenBack(taken.text))
        self._tell_queue(session)

    # What is told

    def _hear(self, event: Event) -> None:
        self._passage.put(event)
        session = self._session
        if session is None or event.task != MAIN:
            return
        match event:
            case MessageAdded(message=Prompt()):
                self._tell_queue(session)
            case TaskStarted() | ModeChanged():
                self._tell_choice(session)
            case _:
                pass

    async def _permit(self, session: Session, mode: PermissionMode) -> None:
        await session.permit(mode)
        self._tell_permitted(session)

    def _tell_permitted(self, session: Session) -> None:
        permissions = session.permissions
        mode = "auto" if permissions.yolo else permissions.mode
        sandbox = permissions.sandbox(session.root)
        self._tell(Permitted(mode, sandbox.title if sandbox else ""))

    def _tell_queue(self, session: Session) -> None:
        self._tell(Queued(tuple(prompt.text for prompt in session.task.inbox)))

    def _tell_choice(self, session: Session) -> None:
        from kcode.llm.catalog import Catalog

        said = session.task.conversation
        try:
            facts = Catalog(self._started.settings).model(said.model) if self._started else None
        except BadInput:
            facts = None
        self._tell(Chosen(said.mode, said.model, said.effort, facts))

    def _tell(self, word: Word | Noticed) -> None:
        self._passage.put(word)

    # Ways in

    @property
    def _session(self) -> Session | None:
        return self._started.session if self._started else None

    def _with(self, verb: Callable[[Session], object]) -> None:
        def done() -> None:
            if self._session is None:
                return
            try:
                verb(self._session)
            except KcodeError as error:
                self._tell(Noticed(task=MAIN, text=str(error)))

        self._soon(done)

    def _begin(self, work: Callable[[Session], Coroutine[Any, Any, None]]) -> None:
        def begun() -> None:
            if self._session is not None:
                task = self._loop.create_task(work(self._session))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

        self._soon(begun)

    def _soon(self, call: Callable[..., object], *arguments: object) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call, *arguments)


def _times(session: Session, count: int) -> tuple[float, ...]:
    """When so many events of a session happened, by its file."""
    try:
        entries, _ = log.read_log(log.session_path(session.id))
    except BadInput:
        return ()
    return tuple(entry.at for entry in entries) if len(entries) == count else ()
